"""How the provider's answers over HTTP are taken."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from shared.identity import keys
from shared.identity.errors import KeysUnavailable
from shared.identity.keys import KeySet
from tests.unit.identity.conftest import JWKS_URL, elliptic_key, public_jwk

JWK = public_jwk(elliptic_key(), "1")


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Lets the provider answer as given."""
    real_client = httpx.AsyncClient

    def answer(response: httpx.Response | Exception) -> None:
        def respond(request: httpx.Request) -> httpx.Response:
            assert str(request.url) == JWKS_URL
            if isinstance(response, Exception):
                raise response
            return response

        transport = httpx.MockTransport(respond)
        monkeypatch.setattr(httpx, "AsyncClient", lambda **options: real_client(transport=transport, **options))

    return answer


async def test_keys_are_read_over_http(answers: Any) -> None:
    answers(httpx.Response(200, json={"keys": [JWK]}))

    found = await KeySet(JWKS_URL).find("1")

    assert found is not None
    assert found.algorithm == "ES256"


@pytest.mark.parametrize(
    "response",
    [
        httpx.Response(500, json={"keys": [JWK]}),
        httpx.Response(404, text="no"),
        httpx.Response(302, headers={"location": "https://elsewhere.example"}),
        httpx.Response(200, text="<html>"),
        httpx.Response(200, json={"error": "no"}),
        httpx.ConnectError("away"),
        httpx.ReadTimeout("slow"),
    ],
    ids=str,
)
async def test_any_other_answer_gives_no_keys(answers: Any, response: Any) -> None:
    answers(response)

    with pytest.raises(KeysUnavailable):
        await KeySet(JWKS_URL).find("1")


async def test_an_answer_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "FETCH_SECONDS", 0.01)

    async def never(url: str) -> object:
        return await asyncio.Event().wait()

    with pytest.raises(KeysUnavailable):
        await asyncio.wait_for(KeySet(JWKS_URL, fetch=never).find("1"), 10)
