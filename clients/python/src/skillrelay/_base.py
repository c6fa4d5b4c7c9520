"""What the two clients share: everything but waiting."""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

import httpx

from ._request import Request, form_body, json_body
from ._response import Answer
from ._settings import Settings, Timeout
from .errors import SkillRelayError

T = TypeVar("T")

logger = logging.getLogger("skillrelay")


class Sender(Protocol):
    """What the synchronous resources need of their client."""

    def send(
        self,
        request: Request[T],
        *,
        idempotency_key: str | None = None,
        timeout: Timeout = None,
        retry: bool = True,
    ) -> T: ...


class AsyncSender(Protocol):
    """What the asynchronous resources need of their client."""

    async def send(
        self,
        request: Request[T],
        *,
        idempotency_key: str | None = None,
        timeout: Timeout = None,
        retry: bool = True,
    ) -> T: ...


class BaseClient:
    """Settings, and the way from a `Request` to what httpx sends."""

    _settings: Settings
    _http: httpx.Client | httpx.AsyncClient

    @property
    def base_url(self) -> str:
        # An httpx client that was given a base URL of its own keeps it.
        return str(self._http.base_url).rstrip("/") or self._settings.base_url

    def __repr__(self) -> str:
        return f"{type(self).__name__}(base_url={self.base_url!r})"

    def _prepare(self, request: Request[Any], idempotency_key: str | None, timeout: Timeout) -> httpx.Request:
        """The HTTP request that every attempt of this call sends: one key, and the same bytes."""
        headers = {name: value for name, value in self._settings.headers.items() if name not in self._http.headers}
        if request.body is not None:
            headers["Content-Type"] = request.body.content_type
        if request.is_write:
            key = str(uuid.uuid4()) if idempotency_key is None else idempotency_key
            headers["Idempotency-Key"] = _checked_idempotency_key(key)
        return self._http.build_request(
            request.method,
            self.base_url + request.path,
            params=request.params or None,
            content=None if request.body is None else request.body.content,
            headers=headers,
            timeout=self._settings.timeout if timeout is None else timeout,
        )

    def _delay(self, request: Request[Any], failure: SkillRelayError, retries: int, retry: bool) -> float | None:
        """Seconds until the next attempt; None: this failure is the call's."""
        delay = self._settings.retries.delay(failure, retries) if retry else None
        if delay is not None:
            call = f"{request.method} {request.path}"
            logger.debug("%s failed (%s), retry %d in %.2f s", call, failure, retries + 1, delay)
        return delay


def _checked_idempotency_key(key: str) -> str:
    if not re.fullmatch("[!-~]{1,255}", key):
        raise ValueError("idempotency_key must be 1 to 255 visible ASCII characters")
    return key


def described(
    method: str,
    path: str,
    *,
    params: Mapping[str, Any] | None,
    json_data: Any,
    data: Mapping[str, Any] | None,
    files: Mapping[str, Any] | None,
    unwrap: bool,
) -> Request[Any]:
    """The call that a client's `request` was asked for."""
    body = None
    if files or data:
        body = form_body(data or {}, files)
    elif json_data is not None:
        body = json_body(json_data)

    def read(answer: Answer) -> Any:
        return answer.data if unwrap else answer.envelope

    query = {name: str(value) for name, value in (params or {}).items() if value is not None}
    return Request(method.upper(), path, read, query, body)
