"""A call, described once for both clients: what is sent, and how its answer is read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Callable, Generic, TypeVar
from urllib.parse import quote

import httpx

from ._response import Answer

T = TypeVar("T")


@dataclass(frozen=True)
class Body:
    """The bytes of a request. Made once: each repeat is the same to the last byte, as an Idempotency-Key wants it."""

    content: bytes
    content_type: str


@dataclass(frozen=True)
class Request(Generic[T]):
    """One call of the API."""

    method: str
    path: str
    """Below the base URL; from `route`."""
    read: Callable[[Answer], T]
    params: Mapping[str, str] = field(default_factory=dict)
    body: Body | None = None

    @property
    def is_write(self) -> bool:
        return self.method not in ("GET", "HEAD")


def route(*segments: str) -> str:
    """A path of segments that may hold any character."""
    return "".join(f"/{_segment(segment)}" for segment in segments)


def _segment(text: str) -> str:
    quoted = quote(text, safe="")
    # `.` and `..` would be taken for steps up the path.
    return quoted.replace(".", "%2E") if quoted in (".", "..") else quoted


def query(**values: Any) -> dict[str, str]:
    """A query of those values that are not None."""
    return {name: _spell(value) for name, value in values.items() if value is not None}


def _spell(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def present(**values: Any) -> dict[str, Any]:
    """Those values that are not None: a key that is not sent takes the service's default."""
    return {name: value for name, value in values.items() if value is not None}


def json_body(value: Any) -> Body:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Body(text.encode(), "application/json")


def form_body(fields: Mapping[str, Any], files: Mapping[str, Any] | None = None) -> Body:
    """A form; multipart where it has files, which are read here."""
    encoded = httpx.Request("POST", "http://form", data=dict(fields), files=files)
    content, content_type = encoded.read(), encoded.headers["Content-Type"]
    _, is_multipart, drawn = content_type.partition("boundary=")
    if not is_multipart:
        return Body(content, content_type)
    # httpx draws a boundary each time. With one of its own a form is the same bytes in a later call with its key too.
    boundary = hashlib.sha256(content.replace(drawn.encode(), b"")).hexdigest()
    return Body(content.replace(drawn.encode(), boundary.encode()), f"multipart/form-data; boundary={boundary}")
