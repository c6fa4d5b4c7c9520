"""Sessions, their messages and their tasks."""

# Written by async_twins.py from sessions.py: edit that.

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Dict, Literal

from pydantic import BaseModel

from .._answers import flushed, member, nothing, one, task_as_written
from .._base import AsyncSender
from .._message_body import message_body
from .._pages import async_pages
from .._request import Request, json_body, present, query, route
from .._settings import FLUSH_TIMEOUT, Timeout
from .._summary import summary
from ..messages import AcontextMessage
from ..types.common import FlagResponse
from ..types.session import (
    EditStrategy,
    GetMessagesOutput,
    GetTasksOutput,
    ListedMessage,
    ListSessionsOutput,
    ListTaskEventsOutput,
    Message,
    MessageObservingStatus,
    Session,
    Task,
    TaskEvent,
    TokenCounts,
)
from ..uploads import Upload

MessageFormat = Literal["acontext", "openai", "anthropic", "gemini"]


class AsyncSessionsAPI:
    """`client.sessions`. Each write takes an `idempotency_key`; without one, each call draws its own."""

    def __init__(self, sender: AsyncSender) -> None:
        self._sender = sender

    # --- sessions

    async def list(
        self,
        *,
        user: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        time_desc: bool | None = None,
        filter_by_configs: Mapping[str, Any] | None = None,
        timeout: Timeout = None,
    ) -> ListSessionsOutput:
        """A page of the project's sessions, the oldest first.

        Args:
            user: only this user's.
            limit: 1 to 200 of them, by default 20.
            cursor: `next_cursor` of the page before.
            time_desc: the newest first.
            filter_by_configs: only those whose configs contain this.
        """
        params = query(
            user=user or None,
            limit=limit,
            cursor=cursor,
            time_desc=time_desc,
            filter_by_configs=json.dumps(dict(filter_by_configs)) if filter_by_configs else None,
        )
        request = Request("GET", route("session"), one(ListSessionsOutput), params)
        return await self._sender.send(request, timeout=timeout)

    async def iter_sessions(
        self,
        *,
        user: str | None = None,
        page_size: int = 100,
        time_desc: bool | None = None,
        filter_by_configs: Mapping[str, Any] | None = None,
        timeout: Timeout = None,
    ) -> AsyncIterator[Session]:
        """All of them, page by page; see `list`."""
        async for page in async_pages(
            lambda cursor: self.list(
                user=user,
                limit=page_size,
                cursor=cursor,
                time_desc=time_desc,
                filter_by_configs=filter_by_configs,
                timeout=timeout,
            )
        ):
            for session in page.items:
                yield session

    async def create(
        self,
        *,
        user: str | None = None,
        disable_task_tracking: bool | None = None,
        disable_task_status_change: bool | None = None,
        configs: Mapping[str, Any] | None = None,
        use_uuid: str | None = None,
        idempotency_key: str | None = None,
        timeout: Timeout = None,
    ) -> Session:
        """Makes a session.

        Args:
            user: identifier of its user, who is made if new.
            disable_task_tracking: no tasks are extracted from its messages.
            disable_task_status_change: its tasks are finished by `update_task_status` alone.
            configs: kept with it.
            use_uuid: its id, instead of a new one.
        """
        body = present(
            user=user or None,
            disable_task_tracking=disable_task_tracking,
            disable_task_status_change=disable_task_status_change,
            configs=None if configs is None else dict(configs),
            use_uuid=use_uuid,
        )
        request = Request("POST", route("session"), one(Session), body=json_body(body))
        return await self._sender.send(request, idempotency_key=idempotency_key, timeout=timeout)

    async def delete(self, session_id: str, *, idempotency_key: str | None = None, timeout: Timeout = None) -> None:
        """Deletes a session, with its messages and tasks."""
        request = Request("DELETE", route("session", session_id), nothing)
        return await self._sender.send(request, idempotency_key=idempotency_key, timeout=timeout)

    async def get_configs(self, session_id: str, *, timeout: Timeout = None) -> Session:
        """The session, with its configs."""
        request = Request("GET", route("session", session_id, "configs"), one(Session))
        return await self._sender.send(request, timeout=timeout)

    async def update_configs(
        self,
        session_id: str,
        *,
        configs: Mapping[str, Any],
        idempotency_key: str | None = None,
        timeout: Timeout = None,
    ) -> None:
        """Replaces the session's configs."""
        body = json_body({"configs": dict(configs)})
        request = Request("PUT", route("session", session_id, "configs"), nothing, body=body)
        return await self._sender.send(request, idempotency_key=idempotency_key, timeout=timeout)

    async def patch_configs(
        self,
        session_id: str,
        *,
        configs: Mapping[str, Any],
        idempotency_key: str | None = None,
        timeout: Timeout = None,
    ) -> Dict[str, Any]:
        """Sets these keys of the session's configs, and removes those that are None. Answers all configs."""
        body = json_body({"configs": dict(configs)})
        request = Request("PATCH", route("session", session_id, "configs"), member("configs"), body=body)
        return await self._sender.send(request, idempotency_key=idempotency_key, timeout=timeout)

    # --- messages

    async def store_message(
        self,
        session_id: str,
        *,
        blob: AcontextMessage | BaseModel | Mapping[str, Any],
        format: MessageFormat = "openai",
        meta: Mapping[str, Any] | None = None,
        file_field: str | None = None,
        file: Upload | None = None,
        idempotency_key: str | None = None,
        timeout: Timeout = None,
    ) -> Message:
        """Stores a message.

        Args:
            blob: the message as its provider has it, or an `AcontextMessage`.
            format: whose form it is in.
            meta: kept with it; see `patch_message_meta`.
            file_field: what the part that the file belongs to calls it.
            file: a file for a message in the format `acontext`.

        Raises:
            ValueError: the arguments do not go together.
        """
        body = message_body(blob=blob, format=format, meta=meta, file_field=file_field, file=file)
        request = Request("POST", route("session", session_id, "messages"), one(Message), body=body)
        return await self._sender.send(request, idempotency_key=idempotency_key, timeout=timeout)

    async def get_messages(
        self,
        session_id: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        with_asset_public_url: bool | None = None,
        with_events: bool | None = None,
        format: MessageFormat = "openai",
        time_desc: bool | None = None,
        edit_strategies: Sequence[EditStrategy] | None = None,
        pin_editing_strategies_at_message: str | None = None,
        timeout: Timeout = None,
    ) -> GetMessagesOutput:
        """A page of the session's messages, in whichever order the oldest of the page first.

        Args:
            limit: 1 to 200 of them; None or 0: all.
            cursor: `next_cursor` of the page before.
            with_asset_public_url: with the addresses of files, by default true.
            with_events: for Acontext, which keeps events; SkillRelay keeps none.
            format: the form of the items, whatever they were stored in.
            time_desc: page by page back from the newest.
            edit_strategies: how to shorten them, where the service can.
            pin_editing_strategies_at_message: the id of the last message that may be shortened.
        """
        params = query(
            format=format,
            limit=limit,
            cursor=cursor,
            with_asset_public_url=with_asset_public_url,
            with_events=with_events,
            time_desc=time_desc,
            edit_strategies=None if edit_strategies is None else json.dumps([dict(each) for each in edit_strategies]),
            pin_editing_strategies_at_message=pin_editing_strategies_at_message,
        )
        request = Request("GET", route("session", session_id, "messages"), one(GetMessagesOutput), params)
        return await self._sender.send(request, timeout=timeout)

    async def iter_messages(
        self,
        session_id: str,
        *,
        format: MessageFormat = "openai",
        page_size: int = 100,
        time_desc: bool | None = None,
        with_asset_public_url: bool | None = None,
        timeout: Timeout = None,
    ) -> AsyncIterator[ListedMessage]:
        """All messages of the session, page by page; with `time_desc` the newest first."""
        async for page in async_pages(
            lambda cursor: self.get_messages(
                session_id,
                limit=page_size,
                cursor=cursor,
                with_asset_public_url=with_asset_public_url,
                format=format,
                time_desc=time_desc,
                timeout=timeout,
            )
        ):
            messages = [ListedMessage(*each) for each in zip(page.ids, page.items, page.metas)]
            for message in reversed(messages) if time_desc else messages:
                yield message

    async def patch_message_meta(
        self,
        session_id: str,
        message_id: str,
        *,
        meta: Mapping[str, Any],
        idempotency_key: str | None = None,
        timeout: Timeout = None,
    ) -> Dict[str, Any]:
        """Sets these keys of the message's meta, and removes those that are None. Answers all of it."""
        path = route("session", session_id, "messages", message_id, "meta")
        request = Request("PATCH", path, member("meta"), body=json_body({"meta": dict(meta)}))
        return await self._sender.send(request, idempotency_key=idempotency_key, timeout=timeout)

    async def flush(
        self,
        session_id: str,
        *,
        idempotency_key: str | None = None,
        timeout: Timeout = FLUSH_TIMEOUT,
    ) -> FlagResponse:
        """Has tasks extracted from what was stored, and waits for it: longer than other calls do.

        It is never repeated: the service keeps no flush under a key, and one whose answer is lost may be under way
        for minutes yet. Another call, later, finds what is left to do.
        """
        request = Request("POST", route("session", session_id, "flush"), flushed)
        return await self._sender.send(request, idempotency_key=idempotency_key, timeout=timeout, retry=False)

    async def messages_observing_status(self, session_id: str, *, timeout: Timeout = None) -> MessageObservingStatus:
        """Of how many messages tasks were extracted."""
        request = Request("GET", route("session", session_id, "observing_status"), one(MessageObservingStatus))
        return await self._sender.send(request, timeout=timeout)

    async def get_token_counts(self, session_id: str, *, timeout: Timeout = None) -> TokenCounts:
        """How many tokens the session's messages are."""
        request = Request("GET", route("session", session_id, "token_counts"), one(TokenCounts))
        return await self._sender.send(request, timeout=timeout)

    # --- tasks

    async def get_tasks(
        self,
        session_id: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        time_desc: bool | None = None,
        timeout: Timeout = None,
    ) -> GetTasksOutput:
        """A page of the session's tasks, the oldest first.

        Args:
            limit: 1 to 200 of them, by default 20.
            cursor: `next_cursor` of the page before.
            time_desc: the newest first.
        """
        params = query(limit=limit, cursor=cursor, time_desc=time_desc)
        request = Request("GET", route("session", session_id, "task"), one(GetTasksOutput), params)
        return await self._sender.send(request, timeout=timeout)

    async def iter_tasks(
        self,
        session_id: str,
        *,
        page_size: int = 100,
        time_desc: bool | None = None,
        timeout: Timeout = None,
    ) -> AsyncIterator[Task]:
        """All tasks of the session, page by page; see `get_tasks`."""
        async for page in async_pages(
            lambda cursor: self.get_tasks(
                session_id, limit=page_size, cursor=cursor, time_desc=time_desc, timeout=timeout
            )
        ):
            for task in page.items:
                yield task

    async def create_task(
        self,
        session_id: str,
        *,
        task_description: str,
        progresses: Sequence[str] | None = None,
        user_preferences: Sequence[str] | None = None,
        status: str | None = None,
        idempotency_key: str | None = None,
        timeout: Timeout = None,
    ) -> Task:
        """Reports a task, of a harness that Acontext does not know of; `pending`, unless a status is given.

        One that is `success` or `failed` is learned from as in `update_task_status`.
        """
        body = present(
            task_description=task_description,
            progresses=None if progresses is None else [*progresses],
            user_preferences=None if user_preferences is None else [*user_preferences],
            status=status,
        )
        request = Request("POST", route("session", session_id, "task"), task_as_written, body=json_body(body))
        return await self._sender.send(request, idempotency_key=idempotency_key, timeout=timeout)

    async def update_task_status(
        self,
        session_id: str,
        task_id: str,
        *,
        status: str,
        idempotency_key: str | None = None,
        timeout: Timeout = None,
    ) -> Task:
        """Sets a task's status: `success`, `failed`, `running` or `pending`.

        The first two trigger learning if a learning space learns the session: once a call, however often the client
        has to repeat it. Two calls trigger twice, unless they are given the same `idempotency_key`.
        """
        path = route("session", session_id, "task", task_id, "status")
        request = Request("PATCH", path, task_as_written, body=json_body({"status": status}))
        return await self._sender.send(request, idempotency_key=idempotency_key, timeout=timeout)

    async def task_events(
        self,
        session_id: str,
        task_id: str,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        timeout: Timeout = None,
    ) -> ListTaskEventsOutput:
        """A page of the events that the task's status changes wrote, and what became of them; the newest first."""
        path = route("session", session_id, "task", task_id, "events")
        request = Request("GET", path, one(ListTaskEventsOutput), query(limit=limit, cursor=cursor))
        return await self._sender.send(request, timeout=timeout)

    async def iter_task_events(
        self,
        session_id: str,
        task_id: str,
        *,
        page_size: int = 100,
        timeout: Timeout = None,
    ) -> AsyncIterator[TaskEvent]:
        """All of them, page by page; see `task_events`."""
        async for page in async_pages(
            lambda cursor: self.task_events(session_id, task_id, limit=page_size, cursor=cursor, timeout=timeout)
        ):
            for event in page.items:
                yield event

    async def get_session_summary(self, session_id: str, *, limit: int | None = None, timeout: Timeout = None) -> str:
        """The session's tasks as text for a prompt: the first `limit` of them, or all."""
        if limit is not None:
            tasks = await self.get_tasks(session_id, limit=limit, time_desc=False, timeout=timeout)
            return summary(tasks.items)
        return summary([task async for task in self.iter_tasks(session_id, time_desc=False, timeout=timeout)])
