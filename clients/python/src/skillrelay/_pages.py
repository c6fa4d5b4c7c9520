"""From page to page of a list."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Iterator
from typing import Callable, Optional, TypeVar

from .errors import UnexpectedAnswerError
from .types.common import Page

AnyPage = TypeVar("AnyPage", bound=Page)


def pages(fetch: Callable[[Optional[str]], AnyPage]) -> Iterator[AnyPage]:
    """Each page, fetched with the cursor of the one before when it is asked for."""
    page = fetch(None)
    yield page
    while page.has_more:
        page = fetch(_next(page))
        yield page


async def async_pages(fetch: Callable[[Optional[str]], Awaitable[AnyPage]]) -> AsyncIterator[AnyPage]:
    """The same for asyncio."""
    page = await fetch(None)
    yield page
    while page.has_more:
        page = await fetch(_next(page))
        yield page


def _next(page: Page) -> str:
    # Never an end that is none.
    if not page.next_cursor:
        raise UnexpectedAnswerError("unexpected answer: a page says that there are more, but not where")
    return page.next_cursor
