"""From new rows and a stored model to a forecast with times, original units and intervals."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from services.trainer.forecasting.given import Inputs
from services.trainer.forecasting.stored import StoredModel
from shared.problems import Category, ProblemError
from shared.series.new_windows import NewWindows, needed
from shared.series.sampling import Drop
from shared.series.series import Series, Times, moment_text
from shared.series.windows import sample_offsets, target_step_minutes

_NAMED = 2
"""Series that the sentence names; the technical details have all."""
_WHY = {
    Drop.BEFORE: "its rows begin later than that",
    Drop.AFTER: "its rows end earlier than that",
    Drop.GAP: "its rows have a longer gap than max_gap_minutes allows",
    Drop.NOT_A_NUMBER: "a row that is needed holds no number",
    Drop.EMPTY_AVERAGE: "no row with a number lies where a mean is taken",
    Drop.NOT_YET_ISSUED: "no issue of the forecast was known by then",
}


def find_window(inputs: Inputs, series: Sequence[Series], reference: int | None, grid: int | None) -> tuple[int, Any]:
    """The reference time in ns and the window (1, I, F_in) in original units.

    At ``reference``, or at the newest time that the rows allow, whole steps away from ``grid`` or from their end.
    Raises INSUFFICIENT_DATA that says of each series from when to when rows are needed, and which were given.
    """
    windows = NewWindows(inputs.configuration, series)
    found = windows.newest(grid) if reference is None else reference
    lacking = windows.latest(grid) if found is None else found
    if (found is None or reference is not None) and (lacks := windows.lacks(lacking)):
        possible = None if reference is None else windows.newest(grid)
        raise _insufficient(
            inputs, series, lacking, {lack.place: lack.cause for lack in lacks}, asked=reference, possible=possible
        )
    assert found is not None
    return found, windows.at(found)[None]


def answer(model: StoredModel, reference: int, window: Any) -> dict[str, Any]:
    """One target's forecast, JSON-able."""
    configuration, place = model.configuration, model.target
    entry = configuration.outputs[place]
    forecast = model.forecast(window)[0]
    times = reference + sample_offsets(entry.horizon, len(forecast))
    intervals = model.calibration.intervals(forecast)
    median = model.calibration.median(forecast)
    return {
        "target": model.name,
        "unit": entry.unit,
        "model": model.forecaster.parameters.kind,
        "step_minutes": target_step_minutes(configuration)[place],
        "averaged": entry.average,
        "reference_time": moment_text(reference),
        "times": [moment_text(int(time)) for time in times],
        "local_times": local_texts(times, configuration.timezone),
        "timezone": configuration.timezone,
        "values": forecast.tolist(),
        "median": None if median is None else median.tolist(),
        "intervals": intervals,
        "calibrated_on": model.calibration.calibrated_on,
    }


def local_texts(times: Times, zone: str) -> list[str]:
    """ISO 8601 with the zone's offset at each time (ns), to the second."""
    wall = ZoneInfo(zone)
    return [datetime.fromtimestamp(int(time) // 10**9, UTC).astimezone(wall).isoformat() for time in times]


def _insufficient(
    inputs: Inputs,
    series: Sequence[Series],
    reference: int,
    causes: dict[int, Drop],
    *,
    asked: int | None,
    possible: int | None,
) -> ProblemError:
    configuration = inputs.configuration
    described: list[dict[str, Any]] = []
    for place, (entry, one) in enumerate(zip(configuration.inputs, series, strict=True)):
        start, end = needed(entry, configuration.time_steps.input, reference)
        cause = causes.get(place)
        described.append(
            {
                "name": inputs.features[place],
                "needed": {"from": moment_text(start), "to": moment_text(end)},
                "given": {"from": moment_text(one.first), "to": moment_text(one.last), "rows": len(one)},
                "lacks": None if cause is None else {"cause": cause.name.lower(), "because": _WHY[cause]},
            }
        )
    lacking = [entry for entry in described if entry["lacks"]]
    said = "; ".join(
        f"{one['name']!r} needs rows from {one['needed']['from']} to {one['needed']['to']}, "
        f"and {one['lacks']['because']} "
        f"(given: {one['given']['rows']} rows from {one['given']['from']} to {one['given']['to']})"
        for one in lacking[:_NAMED]
    )
    if len(lacking) > _NAMED:
        said += f"; and {len(lacking) - _NAMED} more likewise"
    earliest = min(one["needed"]["from"] for one in lacking)
    latest = max(one["needed"]["to"] for one in lacking)
    which = "that was asked for" if asked is not None else "which is the newest that all series reach"
    possible_instead = []
    if possible is not None:
        possible_instead = [f"Or ask for referenceTime {moment_text(possible)}, the newest that these rows allow."]
    return ProblemError(
        Category.INSUFFICIENT_DATA,
        title="There are not enough rows for a forecast",
        detail=f"For the reference time {moment_text(reference)}, {which}: {said}.",
        recovery=[
            f"Send rows from {earliest} to {latest}, of each series as technical_details have them.",
            *possible_instead,
        ],
        technical_details={
            "reference_time": moment_text(reference),
            "possible_reference_time": None if possible is None else moment_text(possible),
            "series": described,
        },
    )
