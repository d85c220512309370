"""The report of what was dropped: by cause and series, and where the longest stretches are."""

from __future__ import annotations

from typing import Any

import numpy as np

from shared.series.configuration import parse_configuration
from shared.series.drops import drop_report
from shared.series.maker import WindowMaker
from shared.series.series import Series, moment_text
from tests.unit.series.examples import HOUR, START, document, hourly


def report(given: dict[int, Series], /, **changes: Any) -> dict[str, Any]:
    maker = WindowMaker(parse_configuration(document(**changes)), given, 1 << 30)
    return drop_report(maker.blame(), maker.entries, maker.references)


def test_a_window_counts_once_for_the_first_series_that_lacks_it() -> None:
    load, temperature = hourly(48), hourly(48, seed=1)
    temperature.values[20] = np.nan

    found = report({0: load, 1: temperature, 2: load})

    assert found["reference_times"] == 48
    assert found["dropped"] == [
        {"series": "load", "role": "input", "cause": "before", "windows": 6},
        {"series": "temp", "role": "input", "cause": "not_a_number", "windows": 7},
        {"series": "next", "role": "output", "cause": "after", "windows": 3},
    ]


def test_the_longest_stretches_are_named_with_their_times() -> None:
    load, temperature = hourly(48), hourly(48, seed=1)
    temperature.values[20] = np.nan

    stretches = report({0: load, 1: temperature, 2: load})["stretches"]

    assert stretches["kept"] == [
        {"from": "2024-01-02T03:00:00Z", "to": "2024-01-02T20:00:00Z", "windows": 18},
        {"from": "2024-01-01T06:00:00Z", "to": "2024-01-01T19:00:00Z", "windows": 14},
    ]
    assert stretches["dropped"][0] == {
        "from": "2024-01-01T20:00:00Z",
        "to": "2024-01-02T02:00:00Z",
        "windows": 7,
        "series": "temp",
        "cause": "not_a_number",
    }
    assert [stretch["windows"] for stretch in stretches["dropped"]] == [7, 6, 3]


def test_f72_one_failed_window_does_not_spoil_those_after_it() -> None:
    gapped, whole = hourly(2000), hourly(2000)
    keep = np.ones(2000, dtype=bool)
    keep[500:510] = False
    gapped = Series("load", gapped.times[keep], gapped.values[keep])
    bounded = document()
    for entry in bounded["series"]:
        entry["max_gap_minutes"] = 60

    found = report({0: gapped, 1: whole, 2: gapped}, series=bounded["series"])

    by_cause = {(entry["series"], entry["cause"]): entry["windows"] for entry in found["dropped"]}
    # Inputs reach back 6 hours: reference times 500 to 515. The output reaches from 1 to 3 hours ahead.
    assert by_cause["load", "gap"] == 16
    assert by_cause["next", "gap"] == 3
    assert sum(stretch["windows"] for stretch in found["stretches"]["kept"]) == 2000 - 16 - 3 - 6 - 3


def test_everything_dropped_and_nothing_at_all_have_reports() -> None:
    short, late = hourly(1, start=START + 1), hourly(1, start=START + 1)
    assert report({0: short, 1: late, 2: short})["stretches"] == {"kept": [], "dropped": []}
    missing = Series("load", START + np.arange(5) * HOUR, np.full(5, np.nan))
    found = report({0: missing, 1: hourly(5), 2: missing})
    assert found["stretches"]["kept"] == []
    assert sum(entry["windows"] for entry in found["dropped"]) == 5


def test_times_are_written_as_exactly_as_they_are() -> None:
    assert moment_text(START) == "2024-01-01T00:00:00Z"
    assert moment_text(START + 500_000_000) == "2024-01-01T00:00:00.5Z"
    assert moment_text(START + 1) == "2024-01-01T00:00:00.000000001Z"
