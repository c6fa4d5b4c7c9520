"""What `store_message` sends."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from pydantic import BaseModel

from ._request import Body, form_body, json_body
from .messages import AcontextMessage
from .uploads import Upload, normalize_file_upload

FORMATS = ("acontext", "openai", "anthropic", "gemini")


def message_body(
    *,
    blob: AcontextMessage | BaseModel | Mapping[str, Any],
    format: str,
    meta: Mapping[str, Any] | None,
    file_field: str | None,
    file: Upload | None,
) -> Body:
    """The message as JSON; with a file, as a form of both.

    Raises:
        ValueError: the format is unknown, or the other arguments do not go with it.
    """
    if format not in FORMATS:
        raise ValueError(f"format must be one of {', '.join(FORMATS)}")
    if format != "acontext" and (file is not None or file_field is not None):
        raise ValueError("file and file_field go with the format 'acontext' only")
    payload: dict[str, Any] = {"format": format, "blob": _plain(blob, format)}
    if meta is not None:
        payload["meta"] = meta
    if file is None:
        return json_body(payload)
    if file_field is None:
        raise ValueError("file_field is required with a file: the part that names it is the file's")
    upload = normalize_file_upload(file)
    return form_body({"payload": json.dumps(payload)}, {file_field: upload.as_httpx()})


def _plain(blob: AcontextMessage | BaseModel | Mapping[str, Any], format: str) -> Any:
    if isinstance(blob, BaseModel):
        return blob.model_dump()
    if isinstance(blob, AcontextMessage):
        return asdict(blob)
    if format == "acontext" and not isinstance(blob, Mapping):
        raise ValueError(f"a blob in this format is an AcontextMessage or a mapping, not a {type(blob).__name__}")
    return blob
