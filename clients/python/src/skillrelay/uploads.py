"""Files that go with a message."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import BinaryIO, Union


@dataclass
class FileUpload:
    """A file: its content as bytes, or as a binary stream, which is read once."""

    filename: str
    content: BinaryIO | bytes
    content_type: str = "application/octet-stream"

    def as_httpx(self) -> tuple[str, BinaryIO, str]:
        """The form that httpx takes."""
        content = io.BytesIO(self.content) if isinstance(self.content, (bytes, bytearray)) else self.content
        return self.filename, content, self.content_type


#: A `FileUpload`, or the same as a tuple.
Upload = Union[FileUpload, "tuple[str, BinaryIO | bytes]", "tuple[str, BinaryIO | bytes, str]"]


def normalize_file_upload(upload: Upload) -> FileUpload:
    """A `FileUpload` of whatever describes one."""
    if isinstance(upload, FileUpload):
        return upload
    if isinstance(upload, tuple) and len(upload) in (2, 3):
        return FileUpload(*upload)
    raise TypeError("a file is a FileUpload, (filename, content) or (filename, content, content_type)")
