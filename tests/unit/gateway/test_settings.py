from __future__ import annotations

import pytest

from foretide.gateway.settings import GatewaySettings


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (
            "upload=http://a:1, upload=http://b:1,results=http://c:1",
            {"upload": ["http://a:1", "http://b:1"], "results": ["http://c:1"]},
        ),
        ('{"upload": ["http://a:1"]}', {"upload": ["http://a:1"]}),
    ],
)
def test_upstreams_are_read_in_both_spellings(
    monkeypatch: pytest.MonkeyPatch, written: str, read: dict[str, list[str]]
) -> None:
    monkeypatch.setenv("FORETIDE_GATEWAY_UPSTREAMS", written)
    assert GatewaySettings().gateway_upstreams == read


def test_origins_are_a_list_and_none_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORETIDE_GATEWAY_UPSTREAMS", "{}")
    monkeypatch.delenv("FORETIDE_CORS_ORIGINS", raising=False)
    assert GatewaySettings().cors_origins == []
    monkeypatch.setenv("FORETIDE_CORS_ORIGINS", "https://a.example, https://b.example")
    assert GatewaySettings().cors_origins == ["https://a.example", "https://b.example"]
