"""What becomes of an answer."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Type, TypeVar

from pydantic import BaseModel

from ._response import Answer
from .types.common import FlagResponse
from .types.session import Task

Model = TypeVar("Model", bound=BaseModel)


def one(model: Type[Model]) -> Callable[[Answer], Model]:
    return lambda answer: model.model_validate(answer.data)


def many(model: Type[Model]) -> Callable[[Answer], List[Model]]:
    return lambda answer: [model.model_validate(item) for item in answer.data]


def member(name: str) -> Callable[[Answer], Dict[str, Any]]:
    return lambda answer: dict(answer.data[name])


def nothing(_: Answer) -> None:
    return None


def pong(answer: Answer) -> str:
    return str(answer.envelope.get("msg", "pong"))


def task_as_written(answer: Answer) -> Task:
    """The task, with the event that the call wrote, which only a header tells."""
    task = Task.model_validate(answer.data)
    task.event_id = answer.headers.get("SkillRelay-Event-Id")
    return task


def flushed(answer: Answer) -> FlagResponse:
    """Some workers say nothing at all."""
    if isinstance(answer.data, dict):
        return FlagResponse.model_validate(answer.data)
    return FlagResponse(status=0, errmsg="")
