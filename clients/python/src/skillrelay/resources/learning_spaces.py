"""Learning spaces, the sessions that they learn, and their skills."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any, List

from .._answers import many, nothing, one
from .._base import Sender
from .._learning_wait import LearningWait
from .._pages import pages
from .._request import Request, json_body, present, query, route
from .._settings import Timeout
from ..errors import SkillRelayError
from ..types.learning_space import LearningSpace, LearningSpaceSession, LearningSpaceSkill, ListLearningSpacesOutput
from ..types.skill import Skill


class LearningSpacesAPI:
    """`client.learning_spaces`. Each write takes an `idempotency_key`; without one, each call draws its own."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    # --- spaces

    def create(
        self,
        *,
        user: str | None = None,
        meta: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
        timeout: Timeout = None,
    ) -> LearningSpace:
        """Makes a space.

        Args:
            user: identifier of its user, who is made if new.
            meta: kept with it.
        """
        body = present(user=user, meta=None if meta is None else dict(meta))
        request = Request("POST", route("learning_spaces"), one(LearningSpace), body=json_body(body))
        return self._sender.send(request, idempotency_key=idempotency_key, timeout=timeout)

    def list(
        self,
        *,
        user: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
        time_desc: bool | None = None,
        filter_by_meta: Mapping[str, Any] | None = None,
        timeout: Timeout = None,
    ) -> ListLearningSpacesOutput:
        """A page of the project's spaces, the oldest first.

        Args:
            user: only this user's.
            limit: 1 to 200 of them, by default 20.
            cursor: `next_cursor` of the page before.
            time_desc: the newest first.
            filter_by_meta: only those whose meta contains this.
        """
        params = query(
            user=user,
            limit=20 if limit is None else limit,
            cursor=cursor,
            time_desc=time_desc,
            filter_by_meta=json.dumps(dict(filter_by_meta)) if filter_by_meta else None,
        )
        request = Request("GET", route("learning_spaces"), one(ListLearningSpacesOutput), params)
        return self._sender.send(request, timeout=timeout)

    def iter_spaces(
        self,
        *,
        user: str | None = None,
        page_size: int = 100,
        time_desc: bool | None = None,
        filter_by_meta: Mapping[str, Any] | None = None,
        timeout: Timeout = None,
    ) -> Iterator[LearningSpace]:
        """All of them, page by page; see `list`."""
        for page in pages(
            lambda cursor: self.list(
                user=user,
                limit=page_size,
                cursor=cursor,
                time_desc=time_desc,
                filter_by_meta=filter_by_meta,
                timeout=timeout,
            )
        ):
            for space in page.items:
                yield space

    def get(self, space_id: str, *, timeout: Timeout = None) -> LearningSpace:
        """The space."""
        request = Request("GET", route("learning_spaces", space_id), one(LearningSpace))
        return self._sender.send(request, timeout=timeout)

    def update(
        self,
        space_id: str,
        *,
        meta: Mapping[str, Any],
        idempotency_key: str | None = None,
        timeout: Timeout = None,
    ) -> LearningSpace:
        """Sets these keys of the space's meta; None is a value like others."""
        body = json_body({"meta": dict(meta)})
        request = Request("PATCH", route("learning_spaces", space_id), one(LearningSpace), body=body)
        return self._sender.send(request, idempotency_key=idempotency_key, timeout=timeout)

    def delete(self, space_id: str, *, idempotency_key: str | None = None, timeout: Timeout = None) -> None:
        """Deletes a space; its skills stay."""
        request = Request("DELETE", route("learning_spaces", space_id), nothing)
        return self._sender.send(request, idempotency_key=idempotency_key, timeout=timeout)

    # --- sessions that a space learns

    def learn(
        self,
        space_id: str,
        *,
        session_id: str,
        include_finished: bool | None = None,
        idempotency_key: str | None = None,
        timeout: Timeout = None,
    ) -> LearningSpaceSession:
        """Learns the session into the space: tasks of it that finish from now on.

        Args:
            session_id: a session that no space learns yet.
            include_finished: learn from those that are finished already, too.
        """
        body = json_body(present(session_id=session_id, include_finished=include_finished))
        request = Request("POST", route("learning_spaces", space_id, "learn"), one(LearningSpaceSession), body=body)
        return self._sender.send(request, idempotency_key=idempotency_key, timeout=timeout)

    def list_sessions(self, space_id: str, *, timeout: Timeout = None) -> List[LearningSpaceSession]:
        """What the space learns."""
        request = Request("GET", route("learning_spaces", space_id, "sessions"), many(LearningSpaceSession))
        return self._sender.send(request, timeout=timeout)

    def get_session(self, space_id: str, *, session_id: str, timeout: Timeout = None) -> LearningSpaceSession:
        """How far the learning of this session is."""
        return self._sender.send(self._session(space_id, session_id), timeout=timeout)

    def wait_for_learning(
        self,
        space_id: str,
        *,
        session_id: str,
        timeout: float = 120.0,
        poll_interval: float = 1.0,
    ) -> LearningSpaceSession:
        """Waits until the learning of this session is `completed` or `failed`, also through a restart of the service.

        Args:
            timeout: seconds for the whole of it.
            poll_interval: seconds between one look and the next.

        Raises:
            TimeoutError: it is neither yet.
        """
        wait = LearningWait(session_id, timeout, poll_interval)
        while True:
            try:
                look = self._session(space_id, session_id)
                learning = self._sender.send(look, timeout=wait.look_timeout, retry=False)
                if wait.is_over(learning):
                    return learning
            except SkillRelayError as failure:
                wait.tolerate(failure)
            time.sleep(wait.delay())

    def _session(self, space_id: str, session_id: str) -> Request[LearningSpaceSession]:
        return Request("GET", route("learning_spaces", space_id, "sessions", session_id), one(LearningSpaceSession))

    # --- skills

    def include_skill(
        self,
        space_id: str,
        *,
        skill_id: str,
        idempotency_key: str | None = None,
        timeout: Timeout = None,
    ) -> LearningSpaceSkill:
        """Includes a skill in the space."""
        body = json_body({"skill_id": skill_id})
        request = Request("POST", route("learning_spaces", space_id, "skills"), one(LearningSpaceSkill), body=body)
        return self._sender.send(request, idempotency_key=idempotency_key, timeout=timeout)

    def list_skills(self, space_id: str, *, timeout: Timeout = None) -> List[Skill]:
        """The skills that the space includes."""
        request = Request("GET", route("learning_spaces", space_id, "skills"), many(Skill))
        return self._sender.send(request, timeout=timeout)

    def exclude_skill(
        self,
        space_id: str,
        *,
        skill_id: str,
        idempotency_key: str | None = None,
        timeout: Timeout = None,
    ) -> None:
        """Takes a skill out of the space, if it is in it."""
        request = Request("DELETE", route("learning_spaces", space_id, "skills", skill_id), nothing)
        return self._sender.send(request, idempotency_key=idempotency_key, timeout=timeout)
