"""``docs/realtime.md`` names every request and every message."""

from __future__ import annotations

import re
from pathlib import Path
from unittest.mock import Mock

import services.notifier.messages as messages
from services.notifier.requests import Requests

_PAGE = Path(__file__).parents[3] / "docs" / "realtime.md"


def table(heading: str) -> dict[str, str]:
    """A section's table: what is in its first column, each with the rest of its line."""
    section = _PAGE.read_text(encoding="utf-8").partition(f"## {heading}\n")[2].partition("\n## ")[0]
    return dict(re.findall(r"^\| `([a-z_]+)` \|(.*)$", section, re.MULTILINE))


def test_every_request_is_described_with_its_fields() -> None:
    described = table("Requests")
    requests = Requests(Mock(), Mock(), Mock(), Mock()).by_name
    assert set(described) == set(requests)
    for name, request in requests.items():
        for field in request.ask.model_fields:
            assert f"`{field}" in described[name], (name, field)


def test_every_message_is_described() -> None:
    sent = {event for event, _ in messages._EVENTS.values()} | set(messages._PROGRESS.values())
    assert set(table("Messages")) == sent | {"phase_update", "connected", "token_expiring", "event"}
