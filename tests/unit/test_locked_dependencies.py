"""What is installed is what was tested."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REQUIREMENTS = sorted((ROOT / "requirements").glob("*.txt"))
_PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", re.MULTILINE)


@pytest.mark.parametrize("file", REQUIREMENTS, ids=lambda file: file.stem)
def test_f87_every_requirement_is_pinned_with_hashes_and_names_no_registry(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    assert len(_PINNED.findall(text)) > 20
    assert text.count("--hash=sha256:") >= len(_PINNED.findall(text))
    assert "http" not in re.sub(r"^[\w.-]*http[\w.-]*==.*$", "", text, flags=re.MULTILINE)
    assert "index-url" not in text


@pytest.mark.parametrize("file", REQUIREMENTS, ids=lambda file: file.stem)
def test_f87_every_image_has_the_versions_that_the_tests_ran(file: Path) -> None:
    tested = set(_PINNED.findall((ROOT / "requirements" / "development.txt").read_text(encoding="utf-8")))
    assert set(_PINNED.findall(file.read_text(encoding="utf-8"))) <= tested


@pytest.mark.parametrize("service", ["upload", "dataset", "results", "notifier"])
def test_only_the_trainer_loads_tensorflow(service: str) -> None:
    code = f"import sys, services.{service}.app; sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=120).returncode == 0
