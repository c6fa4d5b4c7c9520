"""Lets a test be written once for both clients: what the asynchronous one answers is awaited here."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable
from typing import Any


class Driven:
    """A client or one of its resources, whose methods may be asynchronous, as if they were not."""

    def __init__(self, target: Any, loop: asyncio.AbstractEventLoop) -> None:
        self._target = target
        self._loop = loop

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._target, name)
        if callable(value):
            return lambda *arguments, **named: self._settled(value(*arguments, **named))
        return Driven(value, self._loop)

    def _settled(self, result: Any) -> Any:
        return self._loop.run_until_complete(_awaited(result)) if inspect.isawaitable(result) else result


async def _awaited(result: Awaitable[Any]) -> Any:
    return await result
