from __future__ import annotations

from itertools import islice

import pytest

from foretide.gateway.routes import SERVICES
from foretide.gateway.upstreams import Upstreams

ADDRESSES = {service: ["http://a:1"] for service in SERVICES}


def test_replicas_take_turns() -> None:
    upstreams = Upstreams({**ADDRESSES, "trainer": ["http://a:1", "http://b:1/"]})
    firsts = [next(upstreams.attempts("trainer"))[1] for _ in range(4)]
    assert firsts == ["http://a:1", "http://b:1", "http://a:1", "http://b:1"]


def test_the_other_replicas_are_tried_at_once_and_all_again_after_a_pause() -> None:
    upstreams = Upstreams({**ADDRESSES, "trainer": ["http://a:1", "http://b:1"]})
    attempts = list(islice(upstreams.attempts("trainer"), 4))
    assert {url for _, url in attempts[:2]} == {url for _, url in attempts[2:]} == {"http://a:1", "http://b:1"}
    assert [pause > 0 for pause, _ in attempts] == [False, False, True, False]


def test_attempts_end_when_the_time_is_up() -> None:
    upstreams = Upstreams({**ADDRESSES, "trainer": ["http://a:1", "http://b:1"]}, connect_seconds=0)
    assert [url for _, url in upstreams.attempts("trainer")] == ["http://a:1", "http://b:1"]


def test_every_service_needs_an_address() -> None:
    with pytest.raises(ValueError, match="results"):
        Upstreams({**ADDRESSES, "results": []})


def test_an_address_is_a_url() -> None:
    with pytest.raises(ValueError, match="'results:8000' is no http:// address"):
        Upstreams({**ADDRESSES, "results": ["results:8000"]})
