"""A session's tasks as text for a prompt."""

from __future__ import annotations

from collections.abc import Iterable

from .types.session import Task


def summary(tasks: Iterable[Task]) -> str:
    """One `<task>` element each, in the form of Acontext's SDK: nothing is escaped, it is not XML."""
    return "\n".join(line for task in tasks for line in _lines(task))


def _lines(task: Task) -> list[str]:
    return [
        f'<task id="{task.order}" description="{task.data.task_description}">',
        *_numbered("progress", task.data.progresses),
        *_numbered("user_preference", task.data.user_preferences),
        "</task>",
    ]


def _numbered(element: str, texts: list[str] | None) -> list[str]:
    if not texts:
        return []
    return [f"<{element}>", *(f"{number}. {text}" for number, text in enumerate(texts, 1)), f"</{element}>"]
