"""Requests of one Socket.IO client that have to stay together do."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from foretide.gateway.sticky import client_key, in_order

URLS = [f"http://notifier-{number}:8000" for number in range(4)]


def scope(
    query: str = "", *, path: str = "/socket.io/", kind: str = "http", address: str = "10.0.0.1"
) -> dict[str, Any]:
    return {"type": kind, "path": path, "query_string": query.encode(), "client": (address, 5000)}


@pytest.mark.parametrize("query", ["EIO=4&transport=polling", "EIO=4&transport=polling&sid=x"])
def test_what_comes_by_polling_stays_with_its_address(query: str) -> None:
    assert client_key(scope(query)) == "10.0.0.1"


def test_a_websocket_that_goes_on_from_polling_stays_too() -> None:
    assert client_key(scope("EIO=4&transport=websocket&sid=x", kind="websocket")) == "10.0.0.1"


def test_a_websocket_that_begins_as_one_may_be_anywhere() -> None:
    assert client_key(scope("EIO=4&transport=websocket", kind="websocket")) is None


def test_a_client_may_name_itself() -> None:
    assert client_key(scope("EIO=4&transport=polling&cid=abc")) == "abc"


@pytest.mark.parametrize("path", ["/api/training/sessions", "/socket.iox/", "/"])
def test_other_calls_go_where_the_turn_is(path: str) -> None:
    assert client_key(scope("cid=abc&sid=x", path=path)) is None


def test_a_key_has_the_same_replica_everywhere_and_keys_are_spread() -> None:
    first = {key: in_order(URLS, key)[0] for key in map(str, range(400))}
    assert all(in_order(list(reversed(URLS)), key)[0] == url for key, url in first.items())
    assert min(Counter(first.values()).values()) > 60


def test_a_replica_that_goes_moves_its_own_clients_alone() -> None:
    moved = [key for key in map(str, range(400)) if in_order(URLS, key)[0] != in_order(URLS[:3], key)[0]]
    assert all(in_order(URLS, key)[0] == URLS[3] for key in moved)
    assert moved
