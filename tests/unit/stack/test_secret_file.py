"""Secrets: made once, kept, and for their owner's eyes only."""

from __future__ import annotations

import stat
import uuid
from pathlib import Path

from foretide.stack.secret_file import SecretFile


def test_a_secret_is_made_once_and_kept(tmp_path: Path) -> None:
    made = SecretFile(tmp_path / "secrets.json").token("jwt_secret")

    assert len(bytes.fromhex(made)) == 32
    assert SecretFile(tmp_path / "secrets.json").token("jwt_secret") == made


def test_secrets_differ_by_name_and_by_place(tmp_path: Path) -> None:
    here, there = SecretFile(tmp_path / "here.json"), SecretFile(tmp_path / "there.json")

    assert len({here.token("one"), here.token("two"), there.token("one")}) == 3


def test_an_identifier_is_a_uuid_and_is_kept(tmp_path: Path) -> None:
    made = SecretFile(tmp_path / "secrets.json").identifier("local_user_id")

    assert str(uuid.UUID(made)) == made
    assert SecretFile(tmp_path / "secrets.json").identifier("local_user_id") == made


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    secrets = SecretFile(tmp_path / "secrets.json")
    secrets.token("one")
    secrets.token("two")

    assert stat.S_IMODE((tmp_path / "secrets.json").stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["secrets.json"]
