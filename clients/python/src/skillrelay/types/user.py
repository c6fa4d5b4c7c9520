"""Users."""

from typing import List

from pydantic import BaseModel

from .common import Page


class User(BaseModel):
    id: str
    project_id: str
    identifier: str
    created_at: str
    updated_at: str


class ListUsersOutput(Page):
    items: List[User]


class UserResourceCounts(BaseModel):
    sessions_count: int
    disks_count: int
    skills_count: int


class GetUserResourcesOutput(BaseModel):
    counts: UserResourceCounts
