"""A client of the gateway, and a look at what the gateway tries."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from foretide.gateway.upstreams import Upstreams


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service on a loaded machine is not one that is away."""
    monkeypatch.setattr("foretide.gateway.upstreams._READ_SECONDS", 30.0)


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=30, trust_env=False) as made:
        yield made


@pytest.fixture
def attempts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every address that the gateway has tried, or is about to try."""
    tried: list[str] = []
    original = Upstreams.attempts

    def counted(self: Upstreams, service: str, key: str | None = None) -> Iterator[tuple[float, str]]:
        for pause, url in original(self, service, key):
            tried.append(url)
            yield pause, url

    monkeypatch.setattr(Upstreams, "attempts", counted)
    return tried
