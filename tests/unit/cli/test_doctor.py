"""``foretide doctor``: what is missing is said, with what to do about it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from foretide.cli.doctor import boosting


def test_lightgbm_is_found_where_its_library_loads() -> None:
    assert boosting().good


def test_a_missing_system_library_of_lightgbm_comes_with_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "lightgbm"
    (package / "lib").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "lib" / "lib_lightgbm.so").write_bytes(b"no library")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "lightgbm", raising=False)

    finding = boosting()

    assert not finding.good
    assert "lib_lightgbm.so" in finding.found
    assert "libgomp1" in finding.advice or "libomp" in finding.advice
