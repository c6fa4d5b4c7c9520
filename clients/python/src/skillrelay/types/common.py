"""What several resources answer."""

from typing import Any, Optional

from pydantic import BaseModel


class Page(BaseModel):
    """A page of a list, without its items."""

    next_cursor: Optional[str] = None
    """Gives the page after this one, if there is more."""
    has_more: bool


class FlagResponse(BaseModel):
    """What became of a flush."""

    status: int
    """200, or what the worker that did it says."""
    errmsg: str

    def __getitem__(self, name: str) -> Any:
        """As in the dict that some versions of Acontext's SDK answer."""
        return self.model_dump()[name]
