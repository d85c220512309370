"""What holds for every test: one that waits for ever fails, and says where it waits."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

_SECONDS = 600.0
"""Far beyond any test on a loaded machine. What waits in fixtures is shown by ``faulthandler_timeout``."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give every asynchronous test its deadline."""
    for item in items:
        if isinstance(item, pytest.Function) and inspect.iscoroutinefunction(item.obj):
            item.obj = _limited(item.obj)


def _limited(test: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    @functools.wraps(test)
    async def within(*positional: Any, **named: Any) -> None:
        async with asyncio.timeout(_SECONDS):
            await test(*positional, **named)

    return within
