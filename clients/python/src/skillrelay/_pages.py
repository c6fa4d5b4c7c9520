"""From page to page of a list."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Iterator
from typing import Callable, Optional, TypeVar

from .types.common import Page

AnyPage = TypeVar("AnyPage", bound=Page)


def pages(fetch: Callable[[Optional[str]], AnyPage]) -> Iterator[AnyPage]:
    """Each page, fetched with the cursor of the one before when it is asked for."""
    page = fetch(None)
    yield page
    while page.has_more and page.next_cursor:
        page = fetch(page.next_cursor)
        yield page


async def async_pages(fetch: Callable[[Optional[str]], Awaitable[AnyPage]]) -> AsyncIterator[AnyPage]:
    """The same for asyncio."""
    page = await fetch(None)
    yield page
    while page.has_more and page.next_cursor:
        page = await fetch(page.next_cursor)
        yield page
