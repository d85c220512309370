"""From the bytes of an uploaded file to what is in it, and its canonical copy."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import polars as pl

from shared.analysis.canonical import TIME, canonical_names, write_canonical
from shared.analysis.content import has_quotes, refuse_other_formats
from shared.analysis.dialect import detect_dialect
from shared.analysis.document import Analysis, AnalysisOverrides, Encoding
from shared.analysis.encoding import as_utf8, detect_encoding
from shared.analysis.localise import Localised, localise, localise_issues
from shared.analysis.plan import Plan, expected
from shared.analysis.readings import propose_readings
from shared.analysis.refusal import refusal
from shared.analysis.report import (
    report_ambiguities,
    report_candidates,
    report_columns,
    report_preview,
)
from shared.analysis.sample import take_sample
from shared.analysis.selection import Selection, select_rows
from shared.analysis.settle import Settled, read_settled
from shared.analysis.steps import steps_of
from shared.analysis.table import open_table
from shared.analysis.timeline import Timeline, describe_times
from shared.analysis.timestamps import Candidate, wanted_readings
from shared.analysis.zone import Zone, zone_of
from shared.problems import ProblemError
from shared.shares import TellShare, nobody, part_of

_PLANNED, _READ = 0.1, 0.9
"""Shares that are done when it is known how to read the file, and when all of it was read."""


def analyse_file(
    path: Path,
    *,
    file_name: str,
    parquet_path: Path,
    overrides: AnalysisOverrides | None = None,
    tell: TellShare = nobody,
) -> Analysis:
    """Analyse the CSV file at ``path`` and write its canonical copy to ``parquet_path``.

    ``file_name`` is what the user calls the file: it appears in messages and is never opened. The copy has the
    column ``time`` (UTC, nanoseconds), sorted and without repetition, and one float64 column per number column;
    further columns of times that may say when a row was known, never after its time, are in it, too, and then a time
    is there once for each of them.
    Needs memory for a few megabytes of the file and 8 to 24 bytes per row, for forecasts more. Raises DATA_VALIDATION,
    naming line, column and value where there are such, for what is no CSV file, is malformed, has no times or no
    numbers, or would lose values.
    """
    overrides = overrides or AnalysisOverrides()
    refuse_other_formats(path, file_name)
    encoding = overrides.encoding or detect_encoding(path, file_name)
    with tempfile.TemporaryDirectory(prefix="foretide-", dir=parquet_path.parent) as folder:
        text_path = as_utf8(
            path, encoding, Path(folder, "utf8.csv"), file_name=file_name, verified=overrides.encoding is None
        )
        plan = _plan(text_path, file_name, overrides)
        tell(_PLANNED)
        settled = read_settled(plan, overrides, Path(folder, "rows.parquet"), part_of(tell, _PLANNED, _READ))
        tell(_READ)
        analysis = _analyse(settled, encoding, overrides, Path(folder, "rows.parquet"), parquet_path)
    tell(1.0)
    return analysis


def _plan(path: Path, file_name: str, overrides: AnalysisOverrides) -> Plan:
    sample = take_sample(path, quoted=has_quotes(path, file_name))
    dialect = detect_dialect(sample, overrides, file_name)
    table = open_table(path, file_name, dialect)
    rows = sample.records(dialect.delimiter)[int(dialect.has_header) :]
    asked = overrides.time_format
    pattern = asked if asked is not None and "%" in asked else None
    readings = propose_readings(rows, dialect.labels, clock_column=overrides.clock_column, pattern=pattern)
    return expected(table, rows, wanted_readings(table, readings, overrides))


def _analyse(
    settled: Settled, encoding: Encoding, overrides: AnalysisOverrides, rows_path: Path, parquet_path: Path
) -> Analysis:
    whole, dialect = settled.whole, settled.whole.table.dialect
    zone = zone_of(settled.chosen.reading, overrides)
    localised = _localised(settled, zone)
    issues = {issue.reading.column: _issued(issue, overrides) for issue in settled.issues}
    selection = select_rows(whole, settled.chosen, localised, [*issues.values()], zone.name)
    if not selection.kept.any():
        raise _nothing_left(whole.table.file_name, zone.name)
    timeline = _timeline(localised, selection, repeating=bool(issues))
    names = canonical_names(dialect.labels, settled.kinds)
    analysis = Analysis(
        encoding=encoding,
        delimiter=dialect.delimiter,
        decimal_mark=dialect.decimal_mark,
        quote_character=dialect.quote_character,
        has_header=dialect.has_header,
        row_count=whole.height - selection.blank_count,
        blank_rows=selection.blank_count,
        columns=report_columns(whole, names, settled.kinds, selection.blank_count),
        time_candidates=report_candidates(settled.candidates, names, zone),
        time_column=names[settled.chosen.reading.column],
        timezone=zone.name,
        timezone_source=zone.source,
        first_time=timeline.first,
        last_time=timeline.last,
        step_minutes=timeline.step_minutes,
        step_mode_minutes=timeline.step_mode_minutes,
        irregular_steps=timeline.irregular_steps,
        gaps=timeline.gaps,
        gap_count=timeline.gap_count,
        duplicates=selection.duplicate_count,
        duplicate_rows=selection.duplicates,
        unsorted=timeline.unsorted,
        rejected_rows=selection.rejected,
        rejected_count=selection.rejected_count,
        canonical_rows=int(selection.kept.sum()),
        ambiguities=report_ambiguities(settled.candidates, names, zone, localised.repeated),
        preview=report_preview(whole.table),
        overrides=overrides,
    )
    # Last of all, so that a refusal leaves no copy behind.
    named = {names[column]: times for column, times in issues.items() if names[column] != TIME}
    _write(settled, names, localised, named, selection, rows_path, parquet_path, in_order=not timeline.unsorted)
    return analysis


def _localised(settled: Settled, zone: Zone) -> Localised:
    chosen = settled.chosen
    # Nothing happens twice or not at all in UTC, and a file may have very many rows.
    if zone.name == "UTC":
        return Localised(chosen.times, chosen.steps, 0)
    return localise(chosen.times, zone.name, next((issue.times for issue in settled.issues), None))


def _issued(issue: Candidate, overrides: AnalysisOverrides) -> pl.Series:
    zone = zone_of(issue.reading, overrides)
    return issue.times if zone.name == "UTC" else localise_issues(issue.times, zone.name)


def _timeline(localised: Localised, selection: Selection, *, repeating: bool) -> Timeline:
    if selection.kept.all() and not repeating:
        return describe_times(localised.utc, localised.steps)
    times = localised.utc.filter(selection.kept)
    times = times.unique(maintain_order=True) if repeating else times
    return describe_times(times, steps_of(times))


def _write(
    settled: Settled,
    names: list[str],
    localised: Localised,
    issues: dict[str, pl.Series],
    selection: Selection,
    rows_path: Path,
    parquet_path: Path,
    *,
    in_order: bool,
) -> None:
    """The canonical copy: the rows as they were read if that is what it comes to, else written anew."""
    plan = settled.whole.plan
    numbers = {plan.names[index]: names[index] for index, kind in enumerate(settled.kinds) if kind == "number"}
    first = settled.whole.attempts[0]
    as_read = (
        in_order
        and not issues
        and localised.utc is first.times
        and selection.kept.all()
        and [*numbers.items()] == [(plan.names[index], plan.names[index]) for index in plan.numbers]
    )
    if as_read:
        os.replace(rows_path, parquet_path)
    else:
        write_canonical(rows_path, numbers, issues, utc=localised.utc, kept=selection.kept, path=parquet_path)


def _nothing_left(file_name: str, timezone: str) -> ProblemError:
    return refusal(
        file_name,
        title="No row of the file has a time that exists",
        found=f"every row is without a time, or its time does not exist in {timezone}.",
        recovery=["Check the time column and the time zone."],
    )
