from __future__ import annotations

import pytest
from pydantic import ValidationError

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


def test_f82_only_origins_are_taken_as_origins() -> None:
    origins = "https://app.example.org, http://127.0.0.1:3000,http://[::1]:8080"
    assert len(GatewaySettings(gateway_upstreams={}, cors_origins=origins).cors_origins) == 3
    for wrong in ("*", "https://app.example.org/", "app.example.org", "https://*.example.org", "null", "HTTPS://A.org"):
        with pytest.raises(ValidationError, match="is no origin"):
            GatewaySettings(gateway_upstreams={}, cors_origins=f"https://fine.example.org,{wrong}")
