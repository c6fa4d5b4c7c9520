"""What a client is told: by its arguments, else by the environment, else by default."""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib import metadata
from typing import Union

import httpx

from ._retries import RetryPolicy

try:
    __version__ = metadata.version("skillrelay")
except metadata.PackageNotFoundError:  # run from a checkout that is not installed
    __version__ = "0.0.0"

DEFAULT_BASE_URL = "http://127.0.0.1:8029/api/v1"
DEFAULT_USER_AGENT = f"skillrelay-python/{__version__}"
#: Seconds for a connection, and between one byte and the next.
DEFAULT_TIMEOUT = 32.0
#: A worker may ask a model for each message, and has five minutes for it.
FLUSH_TIMEOUT = 310.0
#: For whoever passes None and sets nothing in the environment, as Acontext's SDK has it.
FALLBACK_TIMEOUT = 10.0

#: Seconds, or an `httpx.Timeout`; None for the default.
Timeout = Union[float, httpx.Timeout, None]


@dataclass(frozen=True)
class Settings:
    base_url: str
    """Without a slash at the end."""
    headers: httpx.Headers
    """Their repr hides the key."""
    timeout: httpx.Timeout
    retries: RetryPolicy

    @classmethod
    def resolve(
        cls,
        *,
        api_key: str | None,
        base_url: str | None,
        timeout: Timeout,
        user_agent: str | None,
        max_retries: int,
        max_retry_delay: float,
    ) -> Settings:
        headers = {
            "Authorization": f"Bearer {_checked_key(api_key or _environment('API_KEY'))}",
            "Accept": "application/json",
            "User-Agent": user_agent or _environment("USER_AGENT") or DEFAULT_USER_AGENT,
        }
        return cls(
            base_url=_checked_url(base_url or _environment("BASE_URL") or DEFAULT_BASE_URL),
            headers=httpx.Headers(headers),
            timeout=httpx.Timeout(_timeout_of_environment() if timeout is None else timeout),
            retries=RetryPolicy(max_retries=max_retries, max_delay=max_retry_delay),
        )


def _environment(name: str) -> str | None:
    """`SKILLRELAY_…`, else what Acontext's SDK reads. An empty text counts as not set."""
    return os.environ.get(f"SKILLRELAY_{name}") or os.environ.get(f"ACONTEXT_{name}") or None


def _timeout_of_environment() -> float:
    try:
        return float(_environment("TIMEOUT") or FALLBACK_TIMEOUT)
    except ValueError:
        return FALLBACK_TIMEOUT


def _checked_key(api_key: str | None) -> str:
    key = (api_key or "").strip()
    if not key:
        raise ValueError("api_key is required: pass it, or set SKILLRELAY_API_KEY")
    # Checked here, because what HTTP libraries say about a header that they refuse quotes it.
    if not all("!" <= character <= "~" for character in key):
        raise ValueError("api_key must be visible ASCII characters")
    return key


def _checked_url(text: str) -> str:
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        url = httpx.URL()
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError("base_url must be an http or https URL, such as " + DEFAULT_BASE_URL)
    # It would take the place of the API key, and is not for errors and logs.
    if url.userinfo:
        raise ValueError("base_url must not name a user or a password")
    return text.rstrip("/")
