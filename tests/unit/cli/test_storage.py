"""``foretide storage``: what it needs, and what it says where that is not there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from foretide.cli.main import build
from foretide.running import STATE_FILE


@pytest.fixture(autouse=True)
def no_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "STORE_URL", "URL", "TOKEN", "RETENTION_DAYS", "RETENTION_RUNS"):
        monkeypatch.delenv(f"FORETIDE_{name}", raising=False)


def called(*arguments: str) -> tuple[int, str]:
    """Exit status and everything that was said."""
    answer = CliRunner().invoke(build(only="storage"), ["storage", *arguments])
    return answer.exit_code, answer.output


def test_without_servers_it_says_how_to_name_them(tmp_path: Path) -> None:
    code, said = called("reconcile", "--dry-run", "--data", str(tmp_path))
    assert code == 1
    assert "No Foretide runs here" in said


def test_a_stack_that_was_started_by_an_earlier_version_does_not_name_its_servers(tmp_path: Path) -> None:
    (tmp_path / STATE_FILE).write_text(json.dumps({"url": "http://x", "token": "t", "bus_url": "amqp://x"}))
    code, said = called("reconcile", "--data", str(tmp_path))
    assert code == 1
    assert "FORETIDE_DATABASE_URL and FORETIDE_STORE_URL" in said


def test_no_run_is_old_without_a_rule(tmp_path: Path) -> None:
    code, said = called("retention", "--data", str(tmp_path))
    assert code == 1
    assert "--days" in said


@pytest.mark.parametrize("command", ["reconcile", "retention"])
def test_every_command_has_an_example(command: str) -> None:
    code, said = called(command, "--help")
    assert code == 0
    assert f"Example: foretide storage {command}" in said
