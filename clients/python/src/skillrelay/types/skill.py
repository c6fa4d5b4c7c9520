"""Skills."""

from typing import Any, Dict, List, Optional

from pydantic import BaseModel


class FileInfo(BaseModel):
    """A file of a skill."""

    path: str
    mime: str


class Skill(BaseModel):
    id: str
    user_id: Optional[str] = None
    name: str
    description: str
    disk_id: str
    file_index: List[FileInfo]
    meta: Optional[Dict[str, Any]] = None
    created_at: str
    updated_at: str
