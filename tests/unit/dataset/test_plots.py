"""Violin plots: titles, units, many features, and the same picture for the same values."""

from __future__ import annotations

from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from matplotlib.figure import Figure

from services.dataset.plots import MOST_VIOLINS, violin_plot
from shared.series.distributions import Distribution


def some(count: int, unit: str | None = "kW") -> list[Distribution]:
    random = np.random.default_rng(0)
    return [Distribution(f"feature {place}", unit, 500, random.normal(place, 1, 500)) for place in range(count)]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """The figures that are saved."""
    figures: list[Figure] = []
    save = Figure.savefig

    def keep(figure: Figure, *arguments: object, **options: object) -> None:
        figures.append(figure)
        save(figure, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Figure, "savefig", keep)
    return figures


def test_each_feature_has_its_title_and_its_unit(tmp_path: Path, drawn: list[Figure]) -> None:
    violin_plot([*some(2), *some(1, unit=None)], "Inputs in all windows", tmp_path / "violin.png")

    (figure,) = drawn
    assert figure.get_suptitle() == "Inputs in all windows"
    assert [axis.get_title() for axis in figure.axes] == ["feature 0", "feature 1", "feature 0"]
    assert [axis.get_ylabel() for axis in figure.axes] == ["kW", "kW", "original units"]


def test_f74_very_many_features_are_a_picture_of_bounded_size(tmp_path: Path, drawn: list[Figure]) -> None:
    violin_plot(some(MOST_VIOLINS + 50), "Inputs", tmp_path / "violin.png")

    assert drawn[0].get_suptitle() == f"Inputs (the first {MOST_VIOLINS} of {MOST_VIOLINS + 50})"
    assert len(drawn[0].axes) == MOST_VIOLINS
    height, width, _ = matplotlib.image.imread(tmp_path / "violin.png").shape
    assert max(height, width) < 2000


def test_what_is_constant_can_be_drawn(tmp_path: Path) -> None:
    violin_plot([Distribution("constant", None, 3, np.full(3, 7.0))], "Targets", tmp_path / "violin.png")
    assert (tmp_path / "violin.png").stat().st_size > 1000


def test_names_are_data_and_never_formulas(tmp_path: Path) -> None:
    name = "Umsatz_$ und Kosten_$"
    violin_plot([Distribution(name, "$ and $_$", 3, np.arange(3.0))], "Targets", tmp_path / "violin.png")
    assert (tmp_path / "violin.png").stat().st_size > 1000


def test_the_same_values_give_the_same_picture(tmp_path: Path) -> None:
    for name in ("one", "other"):
        violin_plot(some(3), "Inputs", tmp_path / f"{name}.png")
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "other.png").read_bytes()
