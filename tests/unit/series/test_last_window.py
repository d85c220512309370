"""The window that a forecast starts from is the one that training would have seen, feature for feature."""

from __future__ import annotations

import numpy as np
import pytest

from shared.series.configuration import parse_configuration
from shared.series.maker import WindowMaker
from shared.series.series import Series, Values
from tests.unit.series.examples import HOUR, START, document, hourly

HOURS = 24 * 30
BOTH_TARGETS = {
    "series": [
        {"file": "load", "role": "input", "horizon": {"start_hours": -6, "end_hours": 0}},
        {
            "file": "load",
            "role": "input",
            "name": "average",
            "average": True,
            "horizon": {"start_hours": -9, "end_hours": 0},
        },
        {
            "file": "load",
            "role": "input",
            "name": "mean",
            "method": "mean",
            "horizon": {"start_hours": -9, "end_hours": -3},
        },
        {
            "file": "load",
            "role": "input",
            "name": "last",
            "kind": "current",
            "horizon": {"start_hours": 0, "end_hours": 0},
        },
        {
            "file": "wind",
            "role": "input",
            "kind": "forecast",
            "issue_column": "issued",
            "horizon": {"start_hours": 1, "end_hours": 6},
        },
        {"file": "load", "role": "output", "horizon": {"start_hours": 1, "end_hours": 3}},
        {"file": "heat", "role": "output", "average": True, "horizon": {"start_hours": 1, "end_hours": 3}},
    ],
    "timezone": "Europe/Vienna",
    "time_features": {
        **{name: {"local": True, "start_hours": 0, "end_hours": 6} for name in ("year", "month", "week", "day")},
        "holiday": {"country": "AT", "local": True, "day_before": True, "start_hours": 0, "end_hours": 6},
    },
}


def wind() -> Series:
    """Every six hours a forecast of the next two days."""
    issues = np.repeat(np.arange(0, HOURS, 6), 48)
    times = issues + np.tile(np.arange(48), HOURS // 6)
    values = np.random.default_rng(3).normal(size=len(times))
    return Series("wind", START + times * HOUR, values, START + issues * HOUR)


def known_at(series: Series, moment: int) -> Series:
    known = (series.times if series.issues is None else series.issues) <= moment
    issues = None if series.issues is None else series.issues[known]
    return Series(series.name, series.times[known], series.values[known], issues)


def window_at(moment: int, given: dict[int, Series]) -> Values:
    """All input columns (I, F) at one reference time."""
    maker = WindowMaker(parse_configuration(document(**BOTH_TARGETS)), given, 1 << 30)
    place = (moment - maker.references.first) // maker.references.step
    assert maker.references.part(place, place + 1).first == moment
    columns = dict(maker.columns("inputs", slice(place, place + 1), np.ones(1, dtype=np.bool_)))
    assert len(columns) == len(maker.features["inputs"])
    return np.stack([np.concatenate(columns[one].steps()) for one in sorted(columns)], axis=-1)


@pytest.mark.parametrize("hour", [24 * 5 - 1, 24 * 5, 24 * 6 + 7, HOURS - 1])
def test_f68_what_is_known_at_a_time_gives_the_window_of_training_with_every_feature(hour: int) -> None:
    loads = {place: hourly(HOURS) for place in (0, 1, 2, 3, 5)}
    given = {**loads, 4: wind(), 6: hourly(HOURS, seed=6, name="heat")}
    moment = START + hour * HOUR

    alone = window_at(moment, {place: known_at(series, moment) for place, series in given.items()})

    assert alone.shape == (7, 5 + 8 + 2)
    assert np.isfinite(alone).all()
    assert np.array_equal(alone, window_at(moment, given))
