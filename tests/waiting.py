"""Waiting for a condition, with a deadline: tests never sleep and hope."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Any


async def until(condition: Callable[[], Any | Awaitable[Any]], *, seconds: float = 30.0, what: str = "") -> Any:
    """The condition's first true value. Fails the test when there is none in time."""
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        value = condition()
        if isawaitable(value):
            value = await value
        if value:
            return value
        if asyncio.get_running_loop().time() > deadline:
            raise AssertionError(f"not within {seconds} s: {what or condition}")
        await asyncio.sleep(0.02)
