"""Everything that a call can raise; all of it is below `SkillRelayError`."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from typing import Any


class SkillRelayError(Exception):
    """The base of this package's errors.

    Attributes:
        is_retryable: the same request may succeed later. The client has by then repeated it as often as it may.
        idempotency_key: the key under which a write was sent; None of a read. Whether the write took effect or not:
            repeated under this key, it does so once. Not so a flush, of which the service keeps no key.
    """

    is_retryable: bool = False
    idempotency_key: str | None = None


#: The name that programs written for Acontext's SDK catch.
AcontextError = SkillRelayError


class APIError(SkillRelayError):
    """The service answered, and not with a success. Its subclasses say what is wrong; catch them, or this one for all.

    Attributes:
        status_code: the HTTP status.
        code: the code in the body, mostly the same; None where the body has none.
        message: what the service says, else the status in words.
        error: a detail that only some servers give; not for programs.
        payload: the whole body, where it is JSON.
        request_id: names the request in the service's log.
        retry_after: seconds after which the service asks to be asked again.
    """

    def __init__(
        self,
        *,
        status_code: int,
        code: int | None = None,
        message: str | None = None,
        error: str | None = None,
        payload: Mapping[str, Any] | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        self.status_code = status_code
        self.code = code
        self.message = message
        self.error = error
        self.payload = payload
        self.request_id = request_id
        self.retry_after = retry_after
        # A conflict that asks for patience: the first attempt under this Idempotency-Key is still under way.
        awaits_itself = status_code == 409 and retry_after is not None
        self.is_retryable = status_code in (429, 502, 503, 504) or awaits_itself
        super().__init__(f"{status_code}: {message or error or 'API request failed'}")


class InvalidRequestError(APIError):
    """400, and every 4xx without a class of its own: the request makes no sense to the service. Nothing was changed."""


class AuthenticationError(APIError):
    """401: no API key, or no project's."""


class PermissionDeniedError(APIError):
    """403: another project's session, or a project that cannot be served."""


class NotFoundError(APIError):
    """404: no such row in this project, or no such route."""


class ConflictError(APIError):
    """409: it exists already."""


class RateLimitError(APIError):
    """429: too many requests; raised when the retries are used up."""


class ServerError(APIError):
    """5xx: a fault of the service."""


class ServiceUnavailableError(ServerError):
    """503: the service cannot do it now; raised when the retries are used up."""


class TransportError(SkillRelayError):
    """No answer came: the connection failed or broke. Of a write nobody knows whether it took effect."""

    def __init__(self, message: str = "", *, is_retryable: bool = False) -> None:
        self.is_retryable = is_retryable
        super().__init__(message)


class UnexpectedAnswerError(SkillRelayError):
    """A success that is not what the API promises; another site's page, for example. A write may have taken effect."""


class TimeoutError(SkillRelayError, builtins.TimeoutError):
    """Something took longer than it was given."""

    def __init__(self, message: str = "operation timed out") -> None:
        self.message = message
        super().__init__(message)


class RequestTimeoutError(TransportError, TimeoutError):
    """No answer came in time."""


_CLASSES: dict[int, type[APIError]] = {
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    429: RateLimitError,
    503: ServiceUnavailableError,
}


def api_error_class(status_code: int) -> type[APIError]:
    """The class for an HTTP status."""
    if status_code >= 500:
        return _CLASSES.get(status_code, ServerError)
    if status_code >= 400:
        return _CLASSES.get(status_code, InvalidRequestError)
    return APIError
