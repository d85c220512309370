"""Quantile forecasts are measured as scikit-learn and the definitions do."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import mean_pinball_loss

from shared.series.probabilistic import QUANTILES, interval_level, measure_quantiles, pinball, undefined

NORMAL = np.array([-1.645, -1.282, -0.842, -0.524, -0.253, 0.0, 0.253, 0.524, 0.842, 1.282, 1.645])
"""Quantiles of the standard normal distribution."""


def _forecasts(count: int = 2000, steps: int = 3) -> tuple[np.ndarray, np.ndarray]:
    truth = np.random.default_rng(0).standard_normal((count, steps))
    return truth, np.broadcast_to(NORMAL, (count, steps, len(QUANTILES)))


def test_pinball_losses_are_those_of_scikit_learn() -> None:
    truth, quantiles = _forecasts()

    expected = [
        mean_pinball_loss(truth.ravel(), quantiles[..., place].ravel(), alpha=share)
        for place, share in enumerate(QUANTILES)
    ]

    assert pinball(truth, quantiles) == pytest.approx(expected, rel=1e-12)


def test_crps_of_the_right_distribution_is_near_its_closed_form() -> None:
    measured = measure_quantiles(*_forecasts(20_000))

    # Of N(0, 1) it is 1 / sqrt(pi); nine quantiles see a little more than the whole of it.
    assert measured["crps"] == pytest.approx(1 / np.sqrt(np.pi), rel=0.12)


def test_a_wrong_distribution_has_a_larger_crps() -> None:
    truth, quantiles = _forecasts()

    right = measure_quantiles(truth, quantiles)["crps"]

    assert measure_quantiles(truth, quantiles * 3)["crps"] > right
    assert measure_quantiles(truth, quantiles + 1)["crps"] > right


def test_coverage_is_the_share_of_truths_inside_and_the_width_what_it_costs() -> None:
    measured = measure_quantiles(*_forecasts())["intervals"]

    assert [interval["level"] for interval in measured] == [0.9, 0.8, 0.6, 0.4, 0.2]
    for interval in measured:
        assert interval["coverage"] == pytest.approx(interval["level"], abs=0.03)
        assert interval["coverage"] == pytest.approx(np.mean(interval["coverage_by_step"]))
    assert measured[0]["mean_width"] == pytest.approx(2 * 1.645)


def test_a_truth_on_the_border_is_inside() -> None:
    truth = np.zeros((1, 1))

    assert measure_quantiles(truth, np.zeros((1, 1, len(QUANTILES))))["intervals"][0]["coverage"] == 1.0


def test_quantiles_are_symmetric_so_that_each_pair_is_an_interval() -> None:
    assert np.allclose(np.array(QUANTILES) + np.array(QUANTILES[::-1]), 1)
    assert interval_level(0) == 0.9


def test_errors_that_cannot_be_expressed_are_undefined_and_no_infinity() -> None:
    truth = np.full((3, 1), -1.7e308)
    quantiles = np.full((3, 1, len(QUANTILES)), 1.7e308)

    measured = measure_quantiles(truth, quantiles)

    assert measured["crps"] is measured["intervals"] is None
    assert measured["reasons"]["crps"] == "the errors are too large to be expressed"


def test_what_is_undefined_has_a_reason() -> None:
    document = undefined("there is no validation part")

    assert document.keys() == measure_quantiles(*_forecasts()).keys()
    assert {name for name, value in document.items() if value is None} == set(document["reasons"])
