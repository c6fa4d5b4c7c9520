"""A client for SkillRelay, and for what SkillRelay serves of Acontext."""

from ._settings import __version__
from .async_client import SkillRelayAsyncClient
from .client import SkillRelayClient
from .errors import (
    AcontextError,
    APIError,
    AuthenticationError,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    RequestTimeoutError,
    ServerError,
    ServiceUnavailableError,
    SkillRelayError,
    TimeoutError,
    TransportError,
    UnexpectedAnswerError,
)
from .messages import AcontextMessage, MessagePart
from .resources import (
    AsyncLearningSpacesAPI,
    AsyncSessionsAPI,
    AsyncUsersAPI,
    LearningSpacesAPI,
    SessionsAPI,
    UsersAPI,
)
from .types import Task, TaskData
from .uploads import FileUpload

# The names that programs written for Acontext's SDK import.
AcontextClient = SkillRelayClient
AcontextAsyncClient = SkillRelayAsyncClient

__all__ = [
    "APIError",
    "AcontextAsyncClient",
    "AcontextClient",
    "AcontextError",
    "AcontextMessage",
    "AsyncLearningSpacesAPI",
    "AsyncSessionsAPI",
    "AsyncUsersAPI",
    "AuthenticationError",
    "ConflictError",
    "FileUpload",
    "InvalidRequestError",
    "LearningSpacesAPI",
    "MessagePart",
    "NotFoundError",
    "PermissionDeniedError",
    "RateLimitError",
    "RequestTimeoutError",
    "ServerError",
    "ServiceUnavailableError",
    "SessionsAPI",
    "SkillRelayAsyncClient",
    "SkillRelayClient",
    "SkillRelayError",
    "Task",
    "TaskData",
    "TimeoutError",
    "TransportError",
    "UnexpectedAnswerError",
    "UsersAPI",
    "__version__",
]
