"""``docs/models.md`` names every kind with its parameters and their defaults."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from shared.series.model_parameters import KINDS, parse_model
from shared.series.parameters.base import ModelParameters
from shared.series.parameters.neural import NeuralParameters
from shared.series.search_space import default_space

PAGE = (Path(__file__).parents[3] / "docs" / "models.md").read_text(encoding="utf-8")
_ROWS = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", PAGE.partition("## ")[0], re.MULTILINE))
_DEFAULT = re.compile(r"`(\w+)` \(([^):]+)")


def test_the_page_names_every_kind_and_no_other() -> None:
    assert all(f"`{kind}`" in PAGE for kind in KINDS)
    assert set(_ROWS) <= set(KINDS)


@pytest.mark.parametrize("kind", sorted(_ROWS))
def test_the_defaults_on_the_page_are_the_kinds_own(kind: str) -> None:
    parameters = parse_model({"kind": kind}).model_dump()

    told = {name: json.loads(value) for name, value in _DEFAULT.findall(_ROWS[kind])}

    assert told == {name: parameters[name] for name in told}


@pytest.mark.parametrize("kind", sorted(set(_ROWS) - {"SVRMIMO"}))
def test_every_parameter_of_a_kind_is_on_the_page(kind: str) -> None:
    parameters = parse_model({"kind": kind})
    family = NeuralParameters if isinstance(parameters, NeuralParameters) else ModelParameters
    known = _ROWS[kind] + (_ROWS["NLinear"] if "as NLinear" in _ROWS[kind] else "")

    assert all(f"`{name}`" in known for name in set(type(parameters).model_fields) - set(family.model_fields))


def test_what_networks_have_in_common_is_on_the_page() -> None:
    common = set(NeuralParameters.model_fields) - {"kind"}

    assert all(f"`{name}`" in PAGE for name in common)


def _told_of_search() -> dict[str, set[str]]:
    """Of each kind, the parameters that the page says are searched by themselves."""
    table = PAGE.partition("| Kind | Searched by itself |")[2].partition("\n\n")[0]
    told: dict[str, set[str]] = {}
    for kinds, what in re.findall(r"^\| (.+?) \| (.*) \|$", table, re.MULTILINE):
        for kind in re.findall(r"`(\w+)`", kinds):
            told.setdefault(kind, set()).update(re.findall(r"`(\w+)`", what))
        if kinds == "networks":
            told["networks"] = set(re.findall(r"`(\w+)`", what))
    return told


@pytest.mark.parametrize("kind", sorted(kind for kind in KINDS if default_space(KINDS[kind])))
def test_what_is_searched_by_itself_is_on_the_page(kind: str) -> None:
    told = _told_of_search()
    common = told["networks"] if issubclass(KINDS[kind], NeuralParameters) else set()
    of_others = {"average_steps"} if kind == "NLinear" else {"kernel"} if kind == "CNN2D" else set()

    assert set(default_space(KINDS[kind])) == (told[kind] | common) - of_others
