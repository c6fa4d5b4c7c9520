"""Sessions, their messages and their tasks."""

from collections.abc import Mapping
from typing import Any, Dict, List, NamedTuple, Optional

from pydantic import BaseModel, Field

from .common import Page

#: How `get_messages` is to shorten what it answers: `{"type": …, "params": {…}}`.
EditStrategy = Mapping[str, Any]


class Session(BaseModel):
    id: str
    project_id: str
    user_id: Optional[str] = None
    disable_task_tracking: bool = False
    disable_task_status_change: bool = False
    """Only `update_task_status` finishes the session's tasks, not the agent."""
    configs: Optional[Dict[str, Any]] = None
    created_at: str
    updated_at: str


class ListSessionsOutput(Page):
    items: List[Session]


class TaskData(BaseModel):
    task_description: str
    progresses: Optional[List[str]] = None
    user_preferences: Optional[List[str]] = None


class Task(BaseModel):
    id: str
    session_id: str
    project_id: str
    order: int
    data: TaskData
    status: str
    """`success`, `failed`, `running` or `pending`."""
    is_planning: bool
    created_at: str
    updated_at: str
    event_id: Optional[str] = None
    """The event that this very call wrote to trigger learning, and its message's id; None if it wrote none."""


class GetTasksOutput(Page):
    items: List[Task]


class TaskEventReplay(BaseModel):
    """An operator's run that sent an event again."""

    id: str
    queued_at: str
    new_id: Optional[str] = None
    """Under which it was sent, if not its own."""


class TaskEvent(BaseModel):
    """An event that a task's status change wrote, and what became of it."""

    id: str
    """Also the message's id."""
    type: Optional[str] = None
    state: str
    """`pending`, `delivered`, `dead` or `discarded`."""
    created_at: str
    attempts: Optional[int] = None
    """Not known of what was delivered."""
    last_error: Optional[str] = None
    next_attempt_at: Optional[str] = None
    confirmations: List[str] = Field(default_factory=list)
    """When the broker confirmed it: once, and again for each replay."""
    replays: List[TaskEventReplay] = Field(default_factory=list)


class ListTaskEventsOutput(Page):
    items: List[TaskEvent]


class Asset(BaseModel):
    """Where a file is kept."""

    bucket: str
    s3_key: str
    etag: str
    sha256: str
    mime: str
    size_b: int


class Part(BaseModel):
    """A part of a stored message; `type` as in `MessagePart`."""

    type: str
    text: Optional[str] = None
    asset: Optional[Asset] = None
    filename: Optional[str] = None
    meta: Optional[Dict[str, Any]] = None


class Message(BaseModel):
    id: str
    session_id: str
    parent_id: Optional[str] = None
    role: str
    meta: Dict[str, Any]
    parts: List[Part]
    task_id: Optional[str] = None
    session_task_process_status: str
    """Whether tasks were extracted from it: `success`, `failed`, `running`, `pending`; or why not."""
    created_at: str
    updated_at: str


class PublicURL(BaseModel):
    """Where to download an asset, for a while."""

    url: str
    expire_at: str


class SessionEvent(BaseModel):
    """An event that Acontext keeps beside a session's messages; SkillRelay keeps none."""

    id: str
    session_id: str
    project_id: str
    type: str
    data: Dict[str, Any]
    created_at: str
    updated_at: str


class GetMessagesOutput(Page):
    """A page of messages, the oldest first; `items`, `ids` and `metas` run in parallel."""

    items: List[Any]
    """In the format that was asked for."""
    ids: List[str]
    metas: List[Dict[str, Any]] = Field(default_factory=list)
    this_time_tokens: int
    public_urls: Optional[Dict[str, PublicURL]] = None
    """By the asset's SHA-256; only in the format `acontext`."""
    edit_at_message_id: Optional[str] = None
    events: Optional[List[SessionEvent]] = None


class ListedMessage(NamedTuple):
    """One message of `iter_messages`."""

    id: str
    message: Any
    """In the format that was asked for."""
    meta: Dict[str, Any]


class TokenCounts(BaseModel):
    total_tokens: int


class MessageObservingStatus(BaseModel):
    """How many of a session's messages tasks were extracted from, are being, and are still to be."""

    observed: int
    in_process: int
    pending: int
    updated_at: str
