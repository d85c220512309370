"""Secrets at rest."""

from __future__ import annotations

import pytest
from pydantic import SecretStr, ValidationError

from shared.problems import ProblemError
from shared.settings import Settings
from shared.vault import Unreadable, Vault

FIRST, SECOND = "1" * 64, "2" * 64


def vault(keys: str) -> Vault:
    return Vault(SecretStr(keys))


def test_what_was_sealed_is_read_again_and_cannot_be_seen() -> None:
    sealed = vault(FIRST).seal("whsec_abc")
    assert "abc" not in sealed
    assert sealed != vault(FIRST).seal("whsec_abc"), "nor can two be compared"
    assert vault(FIRST).unseal(sealed) == "whsec_abc"


def test_a_key_is_changed_by_putting_the_new_one_first() -> None:
    old = vault(FIRST).seal("whsec_abc")
    both = vault(f"{SECOND}, {FIRST}")
    assert both.unseal(old) == "whsec_abc"
    assert vault(SECOND).unseal(both.seal("whsec_abc")) == "whsec_abc"


@pytest.mark.parametrize("change", [lambda text: text, lambda text: text[:-4] + "AAAA", lambda _: "", lambda _: "x"])
def test_another_key_and_changed_text_open_nothing(change: object) -> None:
    sealed = vault(FIRST).seal("whsec_abc")
    with pytest.raises(Unreadable):
        vault(SECOND).unseal(change(sealed))  # type: ignore[operator]


@pytest.mark.parametrize("keys", [None, SecretStr(""), SecretStr(" , ")])
def test_without_a_key_the_problem_says_what_to_set(keys: SecretStr | None) -> None:
    with pytest.raises(ProblemError) as raised:
        Vault(keys).seal("whsec_abc")
    assert raised.value.problem.status == 503
    assert "FORETIDE_ENCRYPTION_KEY" in raised.value.problem.detail


def settings(key: str) -> Settings:
    return Settings(
        bus_url="amqp://nowhere",
        database_url="postgresql://nowhere",
        store_url="s3://key:secret@nowhere",
        jwt_secret=SecretStr("s" * 32),
        encryption_key=SecretStr(key),
    )


def test_an_empty_setting_is_none_and_a_short_key_is_refused() -> None:
    assert settings("").encryption_key is None
    assert settings(f"{FIRST},{SECOND}").encryption_key == SecretStr(f"{FIRST},{SECOND}")
    with pytest.raises(ValidationError, match="32 characters or more"):
        settings(f"{FIRST},short")
