"""From local wall-clock times to UTC: the hour that daylight saving repeats is told apart by the order of the rows."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from shared.analysis.steps import Steps, steps_of


@dataclass(frozen=True)
class Localised:
    """``utc`` has one entry per row, null where there is no time or where it does not exist in the zone."""

    utc: pl.Series
    steps: Steps
    """Those between the times that are there."""
    repeated: int
    """Rows whose local time happens twice."""


def localise(times: pl.Series, timezone: str, issues: pl.Series | None = None) -> Localised:
    """UTC times, in nanoseconds and without a zone mark, of local ``times`` (one per row, in the file's order).

    Of forecasts the rows of each issue are in order by themselves.
    """
    earliest = _in_zone(times, timezone, "earliest")
    latest = _in_zone(times, timezone, "latest")
    repeated = (earliest != latest).arg_true()
    if len(repeated):
        present = times.drop_nulls()
        falling = bool(present[0] > present[-1])
        of_issue = None if issues is None else issues.gather(repeated)
        second = _second_passes(times.gather(repeated), of_issue, falling=falling)
        rows = repeated.filter(second)
        earliest = earliest.scatter(rows, latest.gather(rows))
    return Localised(earliest, steps_of(earliest.drop_nulls()), len(repeated))


def localise_issues(times: pl.Series, timezone: str) -> pl.Series:
    """The same of times of issue: in the hour that happens twice the later one, when the row was surely known."""
    return _in_zone(times, timezone, "latest")


def _in_zone(times: pl.Series, timezone: str, ambiguous: str) -> pl.Series:
    local = times.dt.replace_time_zone(timezone, ambiguous=ambiguous, non_existent="null")  # type: ignore[arg-type]
    return local.dt.convert_time_zone("UTC").dt.replace_time_zone(None)


def _second_passes(times: pl.Series, issues: pl.Series | None, *, falling: bool) -> pl.Series:
    """Which of these rows, all within repeated hours, belong to the second time round.

    Where a day's times go back exactly once, what follows is the second time round (02:00, 02:30, 02:00, 02:30);
    otherwise it is each time's second occurrence (02:00, 02:00).
    """
    time, day = pl.col("time"), [pl.col("time").dt.date(), pl.col("issue")]
    rows = pl.DataFrame([times.alias("time")]).with_columns(issue=pl.lit(0) if issues is None else issues)
    frame = (rows.reverse() if falling else rows).with_columns(
        back=(time < time.shift()).fill_null(False).over(day),
        again=~pl.struct("time", "issue").is_first_distinct(),
    )
    back = pl.col("back").cast(pl.UInt32)
    second = frame.select(
        pl.when(back.sum().over(day) == 1).then(back.cum_sum().over(day) == 1).otherwise(pl.col("again"))
    ).to_series()
    return second.reverse() if falling else second
