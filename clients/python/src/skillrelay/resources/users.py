"""Users."""

from __future__ import annotations

from collections.abc import Iterator

from .._answers import nothing, one
from .._base import Sender
from .._pages import pages
from .._request import Request, query, route
from .._settings import Timeout
from ..types.user import GetUserResourcesOutput, ListUsersOutput, User


class UsersAPI:
    """`client.users`. They are made by what names them: a session, a learning space."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def list(
        self,
        *,
        limit: int | None = None,
        cursor: str | None = None,
        time_desc: bool | None = None,
        timeout: Timeout = None,
    ) -> ListUsersOutput:
        """A page of the project's users, the oldest first.

        Args:
            limit: 1 to 200 of them; None or 0: all.
            cursor: `next_cursor` of the page before.
            time_desc: the newest first.
        """
        params = query(limit=limit, cursor=cursor, time_desc=time_desc)
        request = Request("GET", route("user", "ls"), one(ListUsersOutput), params)
        return self._sender.send(request, timeout=timeout)

    def iter_users(
        self,
        *,
        page_size: int = 100,
        time_desc: bool | None = None,
        timeout: Timeout = None,
    ) -> Iterator[User]:
        """All of them, page by page; see `list`."""
        for page in pages(
            lambda cursor: self.list(limit=page_size, cursor=cursor, time_desc=time_desc, timeout=timeout)
        ):
            for user in page.items:
                yield user

    def get_resources(self, identifier: str, *, timeout: Timeout = None) -> GetUserResourcesOutput:
        """How much of what the user has."""
        request = Request("GET", route("user", identifier, "resources"), one(GetUserResourcesOutput))
        return self._sender.send(request, timeout=timeout)

    def delete(self, identifier: str, *, idempotency_key: str | None = None, timeout: Timeout = None) -> None:
        """Deletes the user, with all that is theirs: sessions, learning spaces, skills."""
        request = Request("DELETE", route("user", identifier), nothing)
        return self._sender.send(request, idempotency_key=idempotency_key, timeout=timeout)
