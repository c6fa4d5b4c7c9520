"""Lets a test be written once for both clients: what the asynchronous one answers is awaited here."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Iterator
from typing import Any


class Driven:
    """An object whose methods may be asynchronous, as if they were not."""

    def __init__(self, target: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._target = target
        self._loop = loop

    def __repr__(self) -> str:
        return repr(self._target)

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._target, name)
        if callable(value):
            return lambda *arguments, **named: self._settled(value(*arguments, **named))
        return Driven(value, self._loop) if type(value).__module__.startswith("skillrelay.resources") else value

    def _settled(self, result: Any) -> Any:
        if inspect.isawaitable(result):
            return self._loop.run_until_complete(_awaited(result))
        return self._drained(result) if inspect.isasyncgen(result) else result

    def _drained(self, items: AsyncIterator[Any]) -> Iterator[Any]:
        while True:
            try:
                yield self._loop.run_until_complete(_awaited(items.__anext__()))
            except StopAsyncIteration:
                return


async def _awaited(result: Any) -> Any:
    return await result
