"""Metrics are those of the definitions; what is undefined says why, and takes nothing else with it."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as reference

from shared.series.metrics import METRICS, averaged, evaluate, measure, naive_error, skill


@pytest.fixture
def truth() -> np.ndarray:
    return np.random.default_rng(0).uniform(1, 5, (40, 6))


@pytest.fixture
def forecast(truth: np.ndarray) -> np.ndarray:
    return truth + np.random.default_rng(1).standard_normal(truth.shape)


def _undefined(found: dict[str, object]) -> set[str]:
    return {name for name in METRICS if found[name] is None}


def test_metrics_are_those_of_scikit_learn(truth: np.ndarray, forecast: np.ndarray) -> None:
    found = measure(truth, forecast, naive=2.0)

    y, f = truth.ravel(), forecast.ravel()
    mae, mse = reference.mean_absolute_error(y, f), reference.mean_squared_error(y, f)
    assert found["mae"] == pytest.approx(mae)
    assert found["mse"] == pytest.approx(mse)
    assert found["rmse"] == pytest.approx(mse**0.5)
    assert found["nrmse"] == pytest.approx(mse**0.5 / y.mean())
    assert found["mape"] == pytest.approx(100 * reference.mean_absolute_percentage_error(y, f))
    assert found["wape"] == pytest.approx(100 * np.abs(f - y).sum() / np.abs(y).sum())
    assert found["r2"] == pytest.approx(reference.r2_score(y, f))
    assert found["mase"] == pytest.approx(mae / 2.0)
    assert found["reasons"] == {}


def test_smape_counts_two_zeros_as_no_error() -> None:
    found = measure(np.array([[0.0, 1.0]]), np.array([[0.0, 3.0]]), naive=1.0)

    assert found["smape"] == pytest.approx(100 * (0 + 2 / 2) / 2)


def test_zeros_in_the_truth_leave_mape_undefined_and_are_counted() -> None:
    found = measure(np.array([[0.0, 2.0, 4.0]]), np.array([[1.0, 2.0, 3.0]]), naive=1.0)

    assert _undefined(found) == {"mape"}
    assert found["reasons"]["mape"] == "1 of 3 true values are 0"


def test_one_window_of_one_step_has_every_metric_that_one_value_can_have() -> None:
    found = measure(np.array([[2.0]]), np.array([[3.0]]), naive=None)

    assert _undefined(found) == {"r2", "mase"} == set(found["reasons"])
    assert (found["mae"], found["mape"]) == (1.0, 50.0)


def test_no_windows_have_no_metrics_and_a_reason_for_each() -> None:
    found = measure(np.empty((0, 3)), np.empty((0, 3)), naive=1.0)

    assert _undefined(found) == set(METRICS) == set(found["reasons"])


def test_errors_that_overflow_are_undefined_and_no_infinity() -> None:
    with np.errstate(over="ignore"):
        found = measure(np.array([[1e300, -1e300]]), np.array([[-1e300, 1e300]]), naive=1.0)

    assert "mse" in _undefined(found)
    assert all(value is None or np.isfinite(value) for name, value in found.items() if name in METRICS)


def test_f62_short_horizons_and_a_step_that_never_changes_leave_the_other_metrics_alone(truth: np.ndarray) -> None:
    """Power of the sun: nothing at the second of three steps, which lies in the night."""
    power = truth[:, :3].copy()
    power[:, 1] = 0.0

    found = evaluate(power, power + 0.5, step_minutes=60.0, naive=None)

    assert [level["level"] for level in found["levels"]] == [1, 2, 3]
    first = found["levels"][0]
    assert (first["overall"]["mae"], first["overall"]["rmse"]) == pytest.approx((0.5, 0.5))
    day, night, _ = first["by_step"]
    assert _undefined(night) == {"nrmse", "mape", "wape", "r2", "mase"} == set(night["reasons"])
    assert _undefined(day) == {"mase"}


def test_levels_average_consecutive_steps_and_leave_a_rest_out() -> None:
    assert np.allclose(averaged(np.array([[1.0, 3.0, 5.0, 7.0, 100.0]]), 2), [[2.0, 6.0]])


def test_each_level_is_measured_on_its_means(truth: np.ndarray, forecast: np.ndarray) -> None:
    found = evaluate(truth, forecast, step_minutes=15.0, naive=2.0)["levels"]

    assert [(level["level"], level["delta_minutes"], len(level["by_step"])) for level in found] == [
        *((1, 15.0, 6), (2, 30.0, 3), (3, 45.0, 2), (4, 60.0, 1), (5, 75.0, 1), (6, 90.0, 1))
    ]
    errors = forecast.reshape(40, 3, 2).mean(axis=2) - truth.reshape(40, 3, 2).mean(axis=2)
    assert found[1]["overall"]["mae"] == pytest.approx(np.abs(errors).mean())
    assert found[1]["by_step"][2]["mae"] == pytest.approx(np.abs(errors[:, 2]).mean())


def test_the_naive_error_is_the_mean_seasonal_difference_over_what_is_known() -> None:
    series = np.array([1.0, 2.0, 4.0, np.nan, 5.0, 9.0])

    assert naive_error(series, 2) == pytest.approx(np.mean([3.0, 1.0]))
    assert naive_error(np.ones(10), 2) is naive_error(series, 6) is naive_error(series, 0) is None


def test_skill_is_what_is_gained_on_the_baseline() -> None:
    assert skill(1.0, 4.0) == 0.75
    assert skill(None, 4.0) is skill(1.0, None) is skill(1.0, 0.0) is None
