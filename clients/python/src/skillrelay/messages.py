"""Messages in Acontext's own format; the other formats are their providers' plain dictionaries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal


@dataclass
class MessagePart:
    """A part of an `AcontextMessage`.

    Attributes:
        type: `text`, `image`, `audio`, `video`, `file`, `tool-call`, `tool-result`, `data` or `thinking`.
        text: the text of a `text` or `thinking` part.
        meta: what else it has: a `tool-call` its `name` and `arguments`, a `tool-result` its `tool_call_id`.
        file_field: the name under which `store_message` is given the part's file.
    """

    type: str
    text: str | None = None
    meta: Mapping[str, Any] | None = None
    file_field: str | None = None


@dataclass
class AcontextMessage:
    """A message for `store_message(format="acontext")`."""

    role: Literal["user", "assistant"]
    parts: list[MessagePart]
    meta: Mapping[str, Any] | None = None


def build_acontext_message(
    *,
    role: Literal["user", "assistant"],
    parts: Sequence[MessagePart | str | Mapping[str, Any]],
    meta: Mapping[str, Any] | None = None,
) -> AcontextMessage:
    """A message of parts, of which a text may be a plain string and each a plain dictionary."""
    if role not in ("user", "assistant"):
        raise ValueError("role must be 'user' or 'assistant'")
    return AcontextMessage(
        role=role,
        parts=[normalize_message_part(part) for part in parts],
        meta=None if meta is None else dict(meta),
    )


def normalize_message_part(part: MessagePart | str | Mapping[str, Any]) -> MessagePart:
    """A `MessagePart` of whatever describes one."""
    if isinstance(part, MessagePart):
        return part
    if isinstance(part, str):
        return MessagePart(type="text", text=part)
    if isinstance(part, Mapping):
        if "type" not in part:
            raise ValueError("a message part needs a 'type'")
        return MessagePart(
            type=str(part["type"]),
            text=part.get("text"),
            meta=part.get("meta"),
            file_field=part.get("file_field"),
        )
    raise TypeError("a message part is a MessagePart, a string or a mapping")
