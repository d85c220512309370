"""Intervals hold what they promise, also when a series drifts, and know nothing of the future."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from services.trainer.calibration import FEWEST_WINDOWS, Outcomes, calibrate
from shared.series.probabilistic import QUANTILES, measure_quantiles

STEPS = 4
HOUR = 3_600_000_000_000


def _outcomes(errors: np.ndarray) -> Outcomes:
    """Forecasts of 100, one an hour, each step known when its hour has come."""
    references = np.arange(len(errors), dtype=np.int64) * HOUR
    known = references[:, None] + np.arange(1, errors.shape[1] + 1)[None, :] * HOUR
    return Outcomes(references, known, np.full(errors.shape, 100.0), 100.0 + errors)


def _noise(count: int, *, scale: float = 1.0, seed: int = 0) -> np.ndarray:
    return scale * np.random.default_rng(seed).standard_normal((count, STEPS))


def _coverages(validation: Outcomes, test: Outcomes, *, adapt: bool) -> list[float]:
    quantiles = calibrate(validation, test, adapt=adapt).quantiles
    return [found["coverage"] for found in measure_quantiles(test.truth, quantiles)["intervals"]]


@pytest.mark.parametrize("adapt", [False, True])
def test_intervals_hold_the_share_they_promise(adapt: bool) -> None:
    found = _coverages(_outcomes(_noise(1000)), _outcomes(_noise(2000, seed=1)), adapt=adapt)

    assert found == pytest.approx([0.9, 0.8, 0.6, 0.4, 0.2], abs=0.03)


def test_a_skewed_error_has_a_skewed_interval() -> None:
    random = np.random.default_rng(2)
    validation, test = (_outcomes(random.exponential(10, (1000, STEPS))) for _ in range(2))

    offsets = calibrate(validation, test, adapt=False).offsets

    assert np.allclose(offsets, 10 * -np.log(1 - np.array(QUANTILES)), atol=4)
    assert (offsets[:, -1] - offsets[:, 5] > 2 * (offsets[:, 5] - offsets[:, 0])).all()


def test_each_step_has_its_own_width() -> None:
    errors = _noise(1000) * np.array([1.0, 2.0, 4.0, 8.0])

    offsets = calibrate(_outcomes(errors), _outcomes(errors), adapt=False).offsets

    widths = offsets[:, -1] - offsets[:, 0]
    assert widths / widths[0] == pytest.approx([1, 2, 4, 8], rel=0.15)


@pytest.mark.parametrize("scale", [0.5, 1.6])
def test_intervals_adapt_to_errors_that_are_not_those_of_the_validation_part(scale: float) -> None:
    validation, test = _outcomes(_noise(1000)), _outcomes(_noise(3000, scale=scale, seed=3))

    fixed = _coverages(validation, test, adapt=False)[0]
    adapted = _coverages(validation, test, adapt=True)[0]

    assert abs(adapted - 0.9) < abs(fixed - 0.9) / 2
    assert adapted == pytest.approx(0.9, abs=0.03)


def test_no_interval_knows_what_came_after_its_reference_time() -> None:
    validation, errors = _outcomes(_noise(200)), _noise(300, seed=4)
    changed = errors.copy()
    changed[150:] = 1000.0

    told = calibrate(validation, _outcomes(errors), adapt=True).quantiles
    told_again = calibrate(validation, _outcomes(changed), adapt=True).quantiles

    # The first changed outcome is of window 150, step 1, and known an hour later, when window 151 is forecast.
    assert np.array_equal(told[:151], told_again[:151])
    assert not np.array_equal(told[151, 0], told_again[151, 0])
    assert np.array_equal(told[151, 1:], told_again[151, 1:])


def test_outcomes_that_are_known_before_their_forecast_are_learned_from_after_it() -> None:
    errors = _noise(100, seed=5)
    past = _outcomes(errors)
    early = Outcomes(past.reference_times, past.known_at - 10 * HOUR, past.forecast, past.truth)

    found = calibrate(_outcomes(_noise(100)), early, adapt=True)

    assert np.isfinite(found.quantiles).all()


def test_quantiles_never_cross_however_the_intervals_have_adapted() -> None:
    errors = np.concatenate([_noise(300, scale=0.1), _noise(300, scale=30), _noise(300, scale=0.1)])

    quantiles = calibrate(_outcomes(_noise(50)), _outcomes(errors), adapt=True).quantiles

    assert (np.diff(quantiles, axis=-1) >= 0).all()


@pytest.mark.parametrize("level", [0.1, 50.3, 1e8])
def test_a_model_without_error_has_intervals_without_width_that_hold_everything(level: float) -> None:
    exact = replace(_outcomes(np.zeros((50, STEPS))), forecast=np.full((50, STEPS), level))
    exact = replace(exact, truth=exact.forecast)

    measured = measure_quantiles(exact.truth, calibrate(exact, exact, adapt=True).quantiles)

    assert {interval["coverage"] for interval in measured["intervals"]} == {1.0}
    assert {interval["mean_width"] for interval in measured["intervals"]} == {measured["crps"]} == {0.0}


def test_how_high_a_series_lies_changes_nothing_about_its_intervals() -> None:
    validation, test = _outcomes(_noise(500, scale=0.05)), _outcomes(_noise(500, scale=0.05, seed=1))
    high = [replace(one, forecast=one.forecast + 1e8, truth=one.truth + 1e8) for one in (validation, test)]

    assert _coverages(*high, adapt=True) == pytest.approx(_coverages(validation, test, adapt=True), abs=0.002)


def test_a_drift_that_is_over_is_not_remembered_longer_than_it_lasted() -> None:
    errors = _noise(1800, seed=6)
    errors[:500] += 10.0

    quantiles = calibrate(_outcomes(_noise(500)), _outcomes(errors), adapt=True).quantiles

    after = measure_quantiles(100.0 + errors[1000:], quantiles[1000:])["intervals"][0]
    assert after["coverage"] == pytest.approx(0.9, abs=0.03)


def test_outcomes_that_are_not_known_yet_are_left_out() -> None:
    validation = _outcomes(_noise(50))

    known = validation.known_before(40 * HOUR)

    # Window 36 has its last outcome in hour 40.
    assert len(known.truth) == 37
    assert known.known_at.max() == 40 * HOUR


def test_the_widest_interval_needs_as_many_errors_as_its_share_outside_says() -> None:
    assert FEWEST_WINDOWS == 19
    fewest = _outcomes(_noise(FEWEST_WINDOWS))

    offsets = calibrate(fewest, fewest, adapt=False).offsets

    errors = fewest.truth - fewest.forecast
    assert offsets[:, -1] == pytest.approx(errors.max(axis=0))
    assert offsets[:, 0] == pytest.approx(errors.min(axis=0))
