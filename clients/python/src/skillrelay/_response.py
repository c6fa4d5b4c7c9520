"""From an HTTP response to what it answers, or to the error that it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from .errors import RequestTimeoutError, TransportError, UnexpectedAnswerError, api_error_class

_MONTH = "(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_TIME = "[0-9]{2}:[0-9]{2}:[0-9]{2}"
#: RFC 9110 §5.6.7: today's form, and two that are obsolete.
_HTTP_DATE = re.compile(
    f"[A-Z][a-z]{{2}}, [0-9]{{2}} {_MONTH} [0-9]{{4}} {_TIME} GMT"
    f"|[A-Z][a-z]+day, [0-9]{{2}}-{_MONTH}-[0-9]{{2}} {_TIME} GMT"
    f"|[A-Z][a-z]{{2}} {_MONTH} [0-9 ][0-9] {_TIME} [0-9]{{4}}"
)


@dataclass(frozen=True)
class Answer:
    """A success."""

    envelope: Mapping[str, Any]
    headers: httpx.Headers

    @property
    def data(self) -> Any:
        return self.envelope.get("data")


def read(response: httpx.Response) -> Answer:
    """What the response answers.

    Raises:
        APIError: it is no success, by its status or by the code in its body.
        UnexpectedAnswerError: it is one, but not this API's: something else answers at the base URL.
    """
    envelope = _envelope(response)
    code = envelope.get("code")
    status = response.status_code
    is_failure = isinstance(code, int) and code >= 400
    if response.is_success and not is_failure:
        if not isinstance(code, int):
            kind = response.headers.get("Content-Type", "no content type")
            raise UnexpectedAnswerError(f"unexpected answer: HTTP {status}, {kind}, is not one of the API")
        return Answer(envelope, response.headers)
    error = envelope.get("error")
    # A failure in the body of a success is of the class that its code says.
    raise api_error_class(code if response.is_success and isinstance(code, int) else status)(
        status_code=status,
        code=code if isinstance(code, int) else None,
        message=str(envelope.get("msg") or envelope.get("message") or response.reason_phrase),
        error=error if isinstance(error, str) else None,
        payload=envelope or None,
        request_id=response.headers.get("X-Request-Id"),
        retry_after=retry_after(response.headers),
    )


def _envelope(response: httpx.Response) -> Mapping[str, Any]:
    if "application/json" in response.headers.get("Content-Type", ""):
        try:
            body = response.json()
        except ValueError:
            body = None
        if isinstance(body, dict):
            return body
    return {}


def retry_after(headers: httpx.Headers) -> float | None:
    """The seconds of `Retry-After`, which is a number or a date; None where it is absent or neither."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    at = _date(text)
    if at is None:
        return None
    # By the sender's clock, if it tells: ours may differ.
    now = _date(headers.get("Date", "")) or datetime.now(timezone.utc)
    return max(0.0, (at - now).total_seconds())


def _date(text: str) -> datetime | None:
    if not _HTTP_DATE.fullmatch(text):
        return None
    try:
        date = parsedate_to_datetime(text)
    # A TypeError from Pythons before 3.10.
    except (TypeError, ValueError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=timezone.utc)


def transport_error(error: httpx.HTTPError) -> TransportError:
    """Why no response came, as an error of ours."""
    text = str(error) or type(error).__name__
    broken_rules = (httpx.UnsupportedProtocol, httpx.LocalProtocolError)
    is_retryable = isinstance(error, httpx.TransportError) and not isinstance(error, broken_rules)
    kind = RequestTimeoutError if isinstance(error, httpx.TimeoutException) else TransportError
    return kind(text, is_retryable=is_retryable)
