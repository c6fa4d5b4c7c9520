"""Learning spaces, and what is learned into them."""

from enum import Enum
from typing import Any, Dict, List, Optional

from pydantic import BaseModel

from .common import Page


class SessionStatus(str, Enum):
    """How far the learning of a session is. Workers differ in the words but for the last two, which stay."""

    PENDING = "pending"
    DISTILLING = "distilling"
    QUEUED = "queued"
    SKILL_WRITING = "skill_writing"
    COMPLETED = "completed"
    FAILED = "failed"

    def __str__(self) -> str:
        return self.value


class LearningSpace(BaseModel):
    id: str
    user_id: Optional[str] = None
    meta: Optional[Dict[str, Any]] = None
    created_at: str
    updated_at: str


class ListLearningSpacesOutput(Page):
    items: List[LearningSpace]


class LearningSpaceSession(BaseModel):
    """A session that a space learns from."""

    id: str
    learning_space_id: str
    session_id: str
    status: str
    """A `SessionStatus`, or `running` of older workers."""
    created_at: str
    updated_at: str


class LearningSpaceSkill(BaseModel):
    """A skill that a space includes."""

    id: str
    learning_space_id: str
    skill_id: str
    created_at: str
