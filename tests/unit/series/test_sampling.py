"""What one series gives to a window, by its kind and method: each rule of the page by a small example."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from shared.series.configuration import SeriesConfiguration
from shared.series.references import References
from shared.series.sampling import NO_CAUSE, Drop
from shared.series.series import Series
from shared.series.windows import sample_offsets, series_source
from tests.unit.series.examples import HOUR, MINUTE, START

NAN = float("nan")


def series(values: list[float], *, minutes: list[int] | None = None) -> Series:
    at = np.array(minutes if minutes is not None else [60 * place for place in range(len(values))], dtype=np.int64)
    return Series("s", START + at * MINUTE, np.array(values))


def window(one: Series, at_hour: float, count: int, **choices: Any) -> list[float] | str:
    """The values in the window of one reference time, or why there are none."""
    start, end = choices.pop("horizon", (0, 0))
    entry = SeriesConfiguration(file="s", role="input", horizon={"start_hours": start, "end_hours": end}, **choices)
    sampled = series_source(entry, one, count)(References(START + round(at_hour * HOUR), HOUR, 1))
    if sampled.causes is not None and sampled.causes[0] != NO_CAUSE:
        return Drop(sampled.causes[0]).name.lower()
    return [float(values[0]) for values in sampled.columns[0].steps()]


def test_linear_takes_exact_values_and_lies_between_rows_elsewhere() -> None:
    assert window(series([0, 10, 20]), 0, 5, horizon=(0, 2)) == [0, 5, 10, 15, 20]


def test_f61_one_step_alone_is_at_the_horizons_start() -> None:
    for method in ("linear", "nearest"):
        assert window(series([1, 2, 3, 4]), 2, 1, horizon=(-1, 1), method=method) == [2]
    assert window(series([1, 2, 3, 4]), 2, 1, horizon=(-1, 1), method="mean") == [2.5]
    assert window(series([1, 2, 3, 4]), 2, 1, horizon=(-1, 1), average=True) == [2.5]
    assert window(series([1, 2, 3, 4]), 2, 1, kind="current") == [3]


def test_a_horizon_of_no_length_repeats_one_time() -> None:
    for method in ("linear", "nearest", "mean"):
        assert window(series([1, 2, 3]), 1, 3, horizon=(0, 0), method=method) == [2, 2, 2]


def test_a_sample_outside_the_series_drops_the_window() -> None:
    assert window(series([1, 2, 3]), 0, 2, horizon=(-0.5, 1)) == "before"
    assert window(series([1, 2, 3]), 2, 2, horizon=(0, 0.5)) == "after"


def test_f72_a_nan_blocks_its_neighbourhood_but_not_an_exact_hit_beside_it() -> None:
    one = series([1, NAN, 3, 4])
    assert window(one, 2, 2, horizon=(0, 1)) == [3, 4]
    assert window(one, 1.5, 1) == "not_a_number"
    assert window(one, 1, 1) == "not_a_number"


def test_f72_missing_rows_are_bridged_unless_the_gap_is_too_long() -> None:
    gapped = series([0, 300], minutes=[0, 300])
    assert window(gapped, 1, 2, horizon=(0, 1)) == [60, 120]
    assert window(gapped, 1, 2, horizon=(0, 1), max_gap_minutes=300) == [60, 120]
    assert window(gapped, 1, 2, horizon=(0, 1), max_gap_minutes=299) == "gap"
    assert window(gapped, 5, 1, max_gap_minutes=1) == [300]


def test_nearest_takes_the_earlier_of_two_equally_near() -> None:
    one = series([1, 2], minutes=[0, 60])
    assert window(one, 0.5, 1, method="nearest") == [1]
    assert window(one, 0.51, 1, method="nearest") == [2]
    assert window(series([1, NAN]), 0.51, 1, method="nearest") == "not_a_number"


def test_mean_is_over_the_step_centred_on_its_sample() -> None:
    half_hourly = series([0, 1, 2, 3, 4, 5, 6, 7, 8], minutes=[30 * place for place in range(9)])
    # Steps of an hour: [30, 90), [90, 150), [150, 210) minutes.
    assert window(half_hourly, 1, 3, horizon=(0, 2), method="mean") == [1.5, 3.5, 5.5]


def test_mean_skips_what_is_no_number_and_is_empty_where_nothing_is_left() -> None:
    one = series([0, NAN, 2, NAN, NAN, NAN, 6], minutes=[30 * place for place in range(7)])
    assert window(one, 1, 1, horizon=(0, 1), method="mean") == [2]
    assert window(one, 1.5, 1, horizon=(0, 1), method="mean") == "empty_average"


def test_average_covers_the_half_open_horizon_and_is_repeated() -> None:
    one = series([0, 10, NAN, 30, 40])
    assert window(one, 0, 3, horizon=(0, 4), average=True) == [40 / 3] * 3
    assert window(one, 2, 2, horizon=(0, 1), average=True) == "empty_average"
    assert window(one, 0, 2, horizon=(-1, 1), average=True) == "before"
    assert window(one, 3, 2, horizon=(0, 2), average=True) == "after"


def test_current_is_the_last_value_known_at_the_reference_time() -> None:
    one = series([1, 2, 3], minutes=[30, 90, 100])
    assert window(one, 1.5, 3, kind="current") == [2, 2, 2]
    assert window(one, 1.6, 1, kind="current") == [2]
    assert window(one, 99, 1, kind="current") == [3]
    assert window(one, 0.4, 1, kind="current") == "before"
    assert window(series([NAN, 2]), 0.5, 1, kind="current") == "not_a_number"


def forecast() -> Series:
    """Issued at 0 h: 10, 11, 12 … for hours 0, 1, 2, 3; issued at 2 h: 22, 23, 24 for hours 2, 3, 4."""
    rows = [(0, hour, 10 + hour) for hour in range(4)] + [(2, hour, 20 + hour) for hour in range(2, 5)]
    issues, times, values = (np.array(column) for column in zip(*rows[::-1], strict=True))
    return Series("f", START + times * HOUR, values.astype(np.float64), START + issues * HOUR)


def ahead(at_hour: float, count: int, *horizon: float, **choices: Any) -> list[float] | str:
    return window(forecast(), at_hour, count, kind="forecast", issue_column="issued", horizon=horizon, **choices)


def test_forecast_takes_the_newest_issue_known_at_the_reference_time() -> None:
    assert ahead(1, 3, 0, 2) == [11, 12, 13]
    assert ahead(1.999, 1, 0, 0) == pytest.approx([11.999])
    assert ahead(2, 3, 0, 2) == [22, 23, 24]


def test_forecast_does_not_fall_back_to_an_older_issue() -> None:
    assert ahead(2, 2, -1, 0) == "before"
    assert ahead(1, 2, 0, 3) == "after"
    assert ahead(-0.5, 1, 0, 0) == "not_yet_issued"


def test_forecast_takes_every_method_over_the_valid_times() -> None:
    assert ahead(2.5, 2, 0, 1) == [22.5, 23.5]
    assert ahead(2.75, 1, 0, 0, method="nearest") == [23]
    assert ahead(2, 2, 0, 2, average=True) == [22.5, 22.5]
    assert ahead(2, 2, 0, 1, method="mean") == [22, 23]


def test_sample_times_are_exact_to_the_nanosecond_far_from_the_reference_time() -> None:
    entry = SeriesConfiguration(file="s", role="input", horizon={"start_hours": -100_000, "end_hours": 1})
    third = 100_001 * HOUR // 3
    assert sample_offsets(entry.horizon, 4).tolist() == [step * third - 100_000 * HOUR for step in range(4)]


@pytest.mark.parametrize(
    ("times", "values", "issues", "words"),
    [
        ([0, 1], [0.0], None, "as many values"),
        ([], [], None, "at least one"),
        ([1, 0], [0.0, 0.0], None, "must rise"),
        ([0, 0], [0.0, 0.0], None, "must rise"),
        ([0, 0], [0.0, 0.0], [5, 5], "twice in one issue"),
        ([0, 1], [0.0, 0.0], [5], "as many issues"),
    ],
)
def test_what_is_no_series_is_refused(
    times: list[int], values: list[float], issues: list[int] | None, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        Series("s", np.array(times), np.array(values), None if issues is None else np.array(issues))


def test_a_series_describes_itself() -> None:
    one = series([1, NAN, 3], minutes=[20, 35, 50])
    assert one.describe() == {
        "points": 3,
        "numeric_points": 2,
        "numeric_share": 66.67,
        "step_minutes": 15,
        "offset_minutes": 5,
        "min": 1,
        "max": 3,
    }
    assert series([1, 2], minutes=[0, 45]).describe()["offset_minutes"] == "variable"
