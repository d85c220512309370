"""The pages' files: nothing from elsewhere, and data never becomes markup."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import foretide.gateway

ASSETS = sorted((Path(foretide.gateway.__file__).parent / "assets").iterdir())


@pytest.mark.parametrize("path", ASSETS, ids=lambda path: path.name)
def test_nothing_is_loaded_from_elsewhere(path: Path) -> None:
    outside = re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]+[^\"'\s]*", path.read_text())
    assert [address for address in outside if address != "http://www.w3.org/2000/svg"] == []


@pytest.mark.parametrize("path", [p for p in ASSETS if p.suffix == ".js"], ids=lambda path: path.name)
def test_scripts_put_text_in_as_text(path: Path) -> None:
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", path.read_text()
    )


@pytest.mark.parametrize("path", [p for p in ASSETS if p.suffix == ".html"], ids=lambda path: path.name)
def test_pages_hold_no_script_or_style_of_their_own(path: Path) -> None:
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)", path.read_text())
