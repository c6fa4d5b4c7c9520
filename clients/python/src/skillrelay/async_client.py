"""The asynchronous client."""

# Written by async_twins.py from client.py: edit that.

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Any, TypeVar

import httpx

from ._answers import pong
from ._base import BaseClient, described
from ._request import Request, route
from ._response import Answer, read, transport_error
from ._settings import DEFAULT_TIMEOUT, Settings, Timeout
from .errors import SkillRelayError
from .messages import MessagePart as MessagePart
from .resources.async_learning_spaces import AsyncLearningSpacesAPI
from .resources.async_sessions import AsyncSessionsAPI
from .resources.async_users import AsyncUsersAPI
from .uploads import FileUpload as FileUpload

T = TypeVar("T")


class SkillRelayAsyncClient(BaseClient):
    """A client for asyncio. The tasks of one event loop may share one; close it, or use it in an `async with`.

    Args:
        api_key: the project's token; else `SKILLRELAY_API_KEY`, `ACONTEXT_API_KEY`.
        base_url: with `/api/v1`; else `SKILLRELAY_BASE_URL`, `ACONTEXT_BASE_URL`, a service on this machine.
        timeout: seconds for a connection, and between one byte of an attempt and the next; or an `httpx.Timeout`.
            None: `SKILLRELAY_TIMEOUT`, `ACONTEXT_TIMEOUT`, 10.
        user_agent: else `SKILLRELAY_USER_AGENT`, `ACONTEXT_USER_AGENT`.
        client: an `httpx.AsyncClient` to use instead of one of its own; it stays open. Its base URL and headers hold.
        max_retries: how often a call is repeated that failed for want of a connection, an answer or capacity; 0: never.
        max_retry_delay: seconds between two attempts at most. A service that asks for more is not asked again.

    Raises:
        ValueError: there is no API key, or an argument makes no sense.
    """

    _http: httpx.AsyncClient

    def __init__(
        self,
        *,
        api_key: str | None = None,
        base_url: str | None = None,
        timeout: Timeout = DEFAULT_TIMEOUT,
        user_agent: str | None = None,
        client: httpx.AsyncClient | None = None,
        max_retries: int = 2,
        max_retry_delay: float = 30.0,
    ) -> None:
        self._settings = Settings.resolve(
            api_key=api_key,
            base_url=base_url,
            timeout=timeout,
            user_agent=user_agent,
            max_retries=max_retries,
            max_retry_delay=max_retry_delay,
        )
        self._owns_http = client is None
        self._http = client or httpx.AsyncClient(headers=self._settings.headers)
        self.sessions = AsyncSessionsAPI(self)
        self.learning_spaces = AsyncLearningSpacesAPI(self)
        self.users = AsyncUsersAPI(self)

    async def aclose(self) -> None:
        """Closes the connections; no further call is possible."""
        if self._owns_http:
            await self._http.aclose()

    async def __aenter__(self) -> SkillRelayAsyncClient:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def ping(self, *, timeout: Timeout = None) -> str:
        """`pong`: the service is there, and the API key is good."""
        return await self.send(Request("GET", route("ping"), pong), timeout=timeout)

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json_data: Any = None,
        data: Mapping[str, Any] | None = None,
        files: Mapping[str, Any] | None = None,
        unwrap: bool = True,
        timeout: Timeout = None,
        idempotency_key: str | None = None,
    ) -> Any:
        """A call for which there is no method, with the same retries.

        Answers the body's `data`; with `unwrap=False` all of it.
        """
        call = described(method, path, params=params, json_data=json_data, data=data, files=files, unwrap=unwrap)
        return await self.send(call, timeout=timeout, idempotency_key=idempotency_key)

    async def send(
        self,
        request: Request[T],
        *,
        idempotency_key: str | None = None,
        timeout: Timeout = None,
        retry: bool = True,
    ) -> T:
        """Makes a call: attempt after attempt, each with the same bytes and under the same key."""
        prepared = self._prepare(request, idempotency_key, timeout)
        retries = 0
        while True:
            try:
                return request.read(await self._attempt(prepared))
            except SkillRelayError as failure:
                failure.idempotency_key = prepared.headers.get("Idempotency-Key")
                delay = self._delay(request, failure, retries, retry)
                if delay is None:
                    raise
            await asyncio.sleep(delay)
            retries += 1

    async def _attempt(self, prepared: httpx.Request) -> Answer:
        try:
            response = await self._http.send(prepared)
        except httpx.HTTPError as error:
            raise transport_error(error) from error
        return read(response)
