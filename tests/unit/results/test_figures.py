"""Plots as data and as pictures, whatever the names and numbers are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from services.results import figures
from services.results.figures import Forecasts
from services.results.plots import draw
from shared.problems import ProblemError
from shared.series.scalers import Scaler

HOUR = 3600 * 10**9
SCALER = Scaler.from_json({"kind": "minmax", "low": 0.0, "high": 1.0, "centre": 20.0, "width": 60.0})


def _forecasts(*, target: str = "load", model: str = "Dense", error: np.ndarray | None = None) -> Forecasts:
    truth = 50 + np.sin(np.arange(10)[:, None] + np.arange(3))
    forecast = truth + (np.ones_like(truth) if error is None else error)
    arrays = {
        "reference_times": np.arange(10) * HOUR,
        "offsets": np.arange(1, 4) * HOUR,
        "truth": truth,
        "forecast": forecast,
        "baseline_seasonal_naive": truth,
        "lower_90": forecast - 1,
        "upper_90": forecast + 1,
    }
    return Forecasts(model, target, "€/MWh $", SCALER, arrays)


@pytest.mark.parametrize(
    "target", ["Umsatz_$ und Kosten_$", "rev_$ cost_$", r"price [$/MWh] high_$^max", r"a\$b$\frac"]
)
def test_names_are_data_and_never_formulas(target: str, tmp_path: Path) -> None:
    one, other = _forecasts(target=target), _forecasts(target=target, model="Linear")

    for number, figure in enumerate((figures.predictions([one, other]), figures.residuals(one))):
        draw(figure, tmp_path / f"{number}.png")

        assert (tmp_path / f"{number}.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "error",
    [
        np.zeros((10, 3)),
        np.full((10, 3), 0.1) + np.spacing(0.1) * np.arange(3),
        np.full((10, 3), 1e300),
        np.full((10, 3), np.nan),
    ],
)
def test_residuals_that_are_all_but_equal_or_not_there_are_drawn(error: np.ndarray, tmp_path: Path) -> None:
    figure = figures.residuals(_forecasts(error=error))

    draw(figure, tmp_path / "residuals.png")

    counted = sum(figure["panels"][0]["series"][0]["values"])
    assert counted == np.isfinite(error).sum()


def test_what_is_no_number_is_null() -> None:
    error = np.zeros((10, 3))
    error[0, 1] = np.nan

    [panel] = figures.predictions([_forecasts(error=error)], windows=[0])["panels"]

    assert panel["series"][1]["values"][1] is None
    assert panel["x"][0] == "1970-01-01T01:00:00.000Z"


def test_models_of_other_windows_are_not_shown_together() -> None:
    other = _forecasts()
    other.arrays["reference_times"] = other.arrays["reference_times"] + HOUR

    with pytest.raises(ProblemError, match="different windows"):
        figures.predictions([_forecasts(), other])
