"""Baselines forecast from a target's own rows up to the reference time, and from nothing later."""

from __future__ import annotations

import numpy as np
import pytest

from services.trainer.models.baselines import last_value, seasonal_naive, training_mean
from shared.series.artifact import TargetHistory
from shared.series.series import NANOSECONDS_PER_HOUR as HOUR

DAY = 24


def _history(values: np.ndarray, *, season_steps: int = DAY) -> TargetHistory:
    return TargetHistory(np.arange(len(values), dtype=np.int64) * HOUR, values, season_steps, 60.0, 1.0)


def _moments(references: np.ndarray, first: int, last: int) -> np.ndarray:
    return references[:, None] + np.arange(first, last + 1)[None, :] * HOUR


@pytest.fixture
def values() -> np.ndarray:
    return np.random.default_rng(0).random(10 * DAY)


def test_last_value_repeats_the_value_at_the_reference_time(values: np.ndarray) -> None:
    references = np.array([30, 100]) * HOUR

    forecast = last_value(_history(values), references, _moments(references, 1, 3))

    assert np.allclose(forecast, [[values[30]] * 3, [values[100]] * 3])


def test_seasonal_naive_is_the_value_one_season_before(values: np.ndarray) -> None:
    references = np.array([50, 77]) * HOUR

    forecast = seasonal_naive(_history(values), references, _moments(references, 1, DAY))

    assert np.allclose(forecast, [values[50 - DAY + 1 : 51], values[77 - DAY + 1 : 78]])


def test_seasonal_naive_goes_back_further_where_one_season_is_not_enough(values: np.ndarray) -> None:
    references = np.array([100]) * HOUR

    forecast = seasonal_naive(_history(values), references, _moments(references, 1, 3 * DAY))

    assert np.allclose(forecast[0], np.tile(values[100 - DAY + 1 : 101], 3))


def test_a_perfectly_seasonal_series_is_forecast_without_error() -> None:
    values = np.tile(np.random.default_rng(1).random(DAY), 10)
    references = np.arange(3 * DAY, 7 * DAY) * HOUR

    forecast = seasonal_naive(_history(values), references, _moments(references, 1, 2 * DAY))

    truth = np.stack([values[hour + 1 : hour + 2 * DAY + 1] for hour in range(3 * DAY, 7 * DAY)])
    assert np.allclose(forecast, truth, atol=1e-12)


@pytest.mark.parametrize("baseline", [last_value, seasonal_naive])
@pytest.mark.parametrize("minutes", [0, 17])
def test_nothing_after_the_reference_time_is_used(baseline: object, minutes: int, values: np.ndarray) -> None:
    """Also not the row after a reference time that lies between two rows."""
    reference = np.array([100 * HOUR + minutes * HOUR // 60])
    moments = _moments(reference, -2, 2 * DAY)
    known = np.where(np.arange(len(values)) <= 100, values, 1e9)

    assert callable(baseline)
    forecast = baseline(_history(values), reference, moments)

    assert np.isfinite(forecast).all()
    assert np.array_equal(baseline(_history(known), reference, moments), forecast)


def test_cells_that_are_no_numbers_are_passed_over(values: np.ndarray) -> None:
    references = np.array([100]) * HOUR
    values[99:101] = np.nan

    assert np.allclose(last_value(_history(values), references, _moments(references, 1, 2)), values[98])


def test_before_the_first_row_nothing_is_known(values: np.ndarray) -> None:
    references = np.array([-5, 3]) * HOUR

    assert np.isnan(last_value(_history(values), references, _moments(references, 1, 2))[0]).all()
    assert np.isnan(seasonal_naive(_history(values), references, _moments(references, 1, 2))).all()


def test_a_series_without_any_number_gives_none() -> None:
    references = np.array([5]) * HOUR
    nothing = _history(np.full(10, np.nan))

    assert np.isnan(last_value(nothing, references, _moments(references, 1, 2))).all()


def test_the_training_mean_is_one_value_for_every_step() -> None:
    forecast = training_mean(np.array([[1.0, 2.0], [3.0, 6.0]]), 4)

    assert forecast.shape == (4, 2)
    assert np.all(forecast == 3.0)
