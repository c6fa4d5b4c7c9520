"""What becomes of an answer."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Type, TypeVar

from pydantic import TypeAdapter, ValidationError

from ._response import Answer
from .errors import UnexpectedAnswerError
from .types.common import FlagResponse
from .types.session import Task

T = TypeVar("T")


def _decoded(kind: Type[T], data: Any) -> T:
    """What came, as what it should be."""
    try:
        return TypeAdapter(kind).validate_python(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(["data", *map(str, first["loc"])])
        # Not the value, which pydantic's error tells: that may be somebody's message.
        raise UnexpectedAnswerError(f"unexpected answer: {where}: {first['msg']}") from None


def one(model: Type[T]) -> Callable[[Answer], T]:
    return lambda answer: _decoded(model, answer.data)


def many(model: Type[T]) -> Callable[[Answer], List[T]]:
    return lambda answer: _decoded(List[model], answer.data)  # type: ignore[valid-type]


def member(name: str) -> Callable[[Answer], Dict[str, Any]]:
    return lambda answer: _decoded(Dict[str, Any], _decoded(Dict[str, Any], answer.data).get(name))


def nothing(_: Answer) -> None:
    return None


def pong(answer: Answer) -> str:
    return str(answer.envelope.get("msg", "pong"))


def task_as_written(answer: Answer) -> Task:
    """The task, with the event that the call wrote, which only a header tells."""
    task = _decoded(Task, answer.data)
    task.event_id = answer.headers.get("SkillRelay-Event-Id")
    return task


def flushed(answer: Answer) -> FlagResponse:
    """Some workers say nothing at all."""
    if isinstance(answer.data, dict):
        return _decoded(FlagResponse, answer.data)
    return FlagResponse(status=0, errmsg="")
