"""The methods of the clients, by resource."""

from .async_learning_spaces import AsyncLearningSpacesAPI
from .async_sessions import AsyncSessionsAPI
from .async_users import AsyncUsersAPI
from .learning_spaces import LearningSpacesAPI
from .sessions import SessionsAPI
from .users import UsersAPI

__all__ = [
    "AsyncLearningSpacesAPI",
    "AsyncSessionsAPI",
    "AsyncUsersAPI",
    "LearningSpacesAPI",
    "SessionsAPI",
    "UsersAPI",
]
