"""Random series and configurations: gaps, NaN, horizons, step widths, methods, kinds, zones."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st

from shared.series.series import Series
from tests.unit.series.examples import HOUR, MINUTE

SECOND = 1_000_000_000
ZONES = (
    "UTC",
    "Europe/Vienna",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Pacific/Apia",
    "America/Sao_Paulo",
    "Africa/Casablanca",
)
_HOURS = st.one_of(
    st.integers(-2, 2).map(float),
    st.integers(-8, 8).map(lambda quarters: quarters / 4),
    st.floats(-2, 2, allow_nan=False).map(lambda hours: round(hours, 3)),
)
_SHARES = (
    {"train": 0.5, "validation": 0.25, "test": 0.25},
    {"train": 0.7, "validation": 0.2, "test": 0.1},
    {"train": 0.6, "validation": 0.0, "test": 0.4},
)
_DAYS = st.dates(min_value=np.datetime64("2023-12-30").item(), max_value=np.datetime64("2024-01-04").item())


@st.composite
def starts(draw: st.DrawFn) -> int:
    """Around New Year, leap days and changes to and from daylight-saving time; not always on the hour."""
    day = draw(
        st.sampled_from(
            ["2023-12-31", "2024-02-28", "2023-02-28", "2024-03-30", "2024-10-26", "2024-03-09", "2024-04-06"]
        )
    )
    shift = draw(st.sampled_from([0, 0, 13 * HOUR, 20 * MINUTE, 7 * MINUTE + 31 * SECOND]))
    return int(np.datetime64(day, "ns").astype(np.int64)) + shift


@st.composite
def measured(draw: st.DrawFn, start: int, name: str) -> Series:
    """Up to 120 rows: regular or not, some missing, some not a number."""
    count = draw(st.one_of(st.integers(40, 120), st.integers(40, 120), st.integers(1, 40)))
    step = draw(st.sampled_from([10 * MINUTE, 15 * MINUTE, HOUR, 7 * MINUTE + 30 * SECOND, 333 * SECOND + 1]))
    jitter = draw(st.sampled_from([0, 0, step // 3, SECOND]))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    begins = start + draw(st.sampled_from([0, 0, -HOUR, HOUR, 25 * MINUTE]))
    times = begins + np.arange(count, dtype=np.int64) * step + random.integers(0, jitter + 1, count)
    values = random.normal(0, draw(st.sampled_from([1.0, 1e6, 1e-6])), count)
    values[random.random(count) < draw(st.sampled_from([0.0, 0.0, 0.0, 0.0, 0.02, 0.1, 1.0]))] = np.nan
    kept = random.random(count) >= draw(st.sampled_from([0.0, 0.0, 0.2]))
    kept[random.integers(count)] = True
    return Series(name, times[kept], values[kept])


@st.composite
def forecast(draw: st.DrawFn, start: int, name: str) -> Series:
    """Up to 8 issues of up to 60 rows each, in any order."""
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    every = draw(st.sampled_from([HOUR, 3 * HOUR, 50 * MINUTE]))
    step = draw(st.sampled_from([15 * MINUTE, HOUR]))
    early = draw(st.sampled_from([0, 2 * HOUR, 2 * HOUR]))
    issues, times = [], []
    for number in range(draw(st.integers(1, 8))):
        count = int(random.integers(1, 60))
        issued = start + number * every - early
        issues += [issued] * count
        times += [issued + place * step for place in range(count)]
    order = random.permutation(len(times))
    values = random.normal(0, 1, len(times))
    values[random.random(len(times)) < draw(st.sampled_from([0.0, 0.1]))] = np.nan
    return Series(name, np.array(times)[order], values, np.array(issues)[order])


@st.composite
def horizons(draw: st.DrawFn) -> dict[str, float]:
    start, end = sorted((draw(_HOURS), draw(_HOURS)))
    return {"start_hours": start, "end_hours": end}


@st.composite
def entries(draw: st.DrawFn, role: str, name: str) -> dict[str, Any]:
    """One series of the document, every choice of which has an effect."""
    entry: dict[str, Any] = {"file": name, "name": name, "role": role, "horizon": draw(horizons())}
    entry["kind"] = (
        draw(st.sampled_from(["historical", "historical", "current", "forecast"])) if role == "input" else "historical"
    )
    if entry["kind"] == "forecast":
        entry["issue_column"] = "issued"
    if entry["kind"] != "current":
        horizon = entry["horizon"]
        entry["average"] = horizon["start_hours"] < horizon["end_hours"] and draw(st.sampled_from([False, False, True]))
        entry["method"] = (
            "linear" if entry["average"] else draw(st.sampled_from(["linear", "linear", "mean", "nearest"]))
        )
        if not entry["average"] and entry["method"] == "linear":
            entry["max_gap_minutes"] = draw(st.sampled_from([None, None, None, 20, 60.5]))
    entry["scale"] = draw(st.sampled_from([None, {"min": 0, "max": 1}]))
    return entry


def _holidays() -> st.SearchStrategy[dict[str, Any]]:
    days = st.lists(_DAYS.map(str), min_size=1, max_size=4, unique=True)
    lists = st.dictionaries(st.sampled_from(["shutdown", "school"]), days)
    beside = st.fixed_dictionaries({"day_before": st.booleans(), "day_after": st.booleans(), "lists": lists})
    country = st.sampled_from([{"country": "AT"}, {"country": "US", "subdivision": "CA"}])
    both = st.builds(lambda one, other: one | other, st.one_of(country, days.map(lambda own: {"dates": own})), beside)
    return st.one_of(both, days.map(lambda own: {"lists": {"shutdown": own}}))


@st.composite
def features(draw: st.DrawFn) -> dict[str, Any]:
    wanted: dict[str, Any] = {}
    for name in ("year", "month", "week", "day", "holiday"):
        if draw(st.booleans()):
            wanted[name] = {"local": draw(st.booleans()), "at": draw(st.sampled_from(["horizon", "reference"]))}
            wanted[name] |= draw(horizons())
    if "holiday" in wanted:
        wanted["holiday"] |= draw(_holidays())
    return wanted


@st.composite
def cases(draw: st.DrawFn) -> tuple[dict[str, Any], dict[int, Series]]:
    """A document, and a series for each of its entries."""
    roles = ["input"] * draw(st.integers(1, 3)) + ["output"] * draw(st.integers(1, 2))
    listed = [draw(entries(role, f"s{place}")) for place, role in enumerate(draw(st.permutations(roles)))]
    start = draw(starts())
    series = {
        place: draw(forecast(start, entry["name"]) if entry["kind"] == "forecast" else measured(start, entry["name"]))
        for place, entry in enumerate(listed)
    }
    document = {
        "series": listed,
        "time_steps": {
            "input": draw(st.integers(1, 7)),
            "output": draw(st.integers(1, 5)),
            "step_minutes": draw(st.sampled_from([10, 15, 20, 60, 7.5, 13, 0.1 * 100])),
            "offset_minutes": draw(st.sampled_from([0, 0, 7, 90, 0.5])),
        },
        "timezone": draw(st.sampled_from(ZONES)),
        "time_features": draw(features()),
        "split": {**draw(st.sampled_from(_SHARES)), "embargo": draw(st.booleans())},
    }
    return document, series
