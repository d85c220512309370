"""Notifiers as processes on real servers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from foretide.stack.servers import LocalServers
from tests.integration.apps import ServiceProcess, settings_for, token_of
from tests.integration.conftest import Owned


@pytest.fixture(scope="module")
async def notifier(servers: LocalServers) -> AsyncIterator[ServiceProcess]:
    """One notifier, which knows no trainer."""
    async with ServiceProcess("notifier", settings_for(servers)) as process:
        yield process


@pytest.fixture
def token(servers: LocalServers, session: Owned) -> str:
    """Of the session's owner."""
    return token_of(servers, session.user_id)


@pytest.fixture
def token_for(servers: LocalServers) -> Callable[[Owned], str]:
    """Of any session's owner."""
    return lambda owned: token_of(servers, owned.user_id)
