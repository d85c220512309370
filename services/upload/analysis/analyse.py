"""From the bytes of an uploaded file to what is in it, and its canonical copy."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from services.upload.analysis.canonical import canonical_names, write_canonical
from services.upload.analysis.content import refuse_other_formats, survey
from services.upload.analysis.dialect import detect_dialect
from services.upload.analysis.document import Analysis, AnalysisOverrides, DecimalMark, Encoding, Kind
from services.upload.analysis.encoding import as_utf8, detect_encoding
from services.upload.analysis.localise import Localised, check_timezone, localise
from services.upload.analysis.profile import Profiles, first_unreadable, profile_columns, profile_times, settle_kind
from services.upload.analysis.readings import propose_readings
from services.upload.analysis.refusal import refusal
from services.upload.analysis.report import report_ambiguities, report_candidates, report_columns, report_preview
from services.upload.analysis.sample import take_sample
from services.upload.analysis.selection import select_rows
from services.upload.analysis.table import Table, open_table
from services.upload.analysis.timeline import describe_times
from services.upload.analysis.timestamps import Candidate, find_times
from shared.problems import ProblemError


def analyse_file(
    path: Path,
    *,
    file_name: str,
    parquet_path: Path,
    timezone: str = "UTC",
    overrides: AnalysisOverrides | None = None,
) -> Analysis:
    """Analyse the CSV file at ``path`` and write its canonical copy to ``parquet_path``.

    ``file_name`` is what the user calls the file: it appears in messages and is never opened. ``timezone`` is the
    zone of times written without an offset. The copy has the column ``time`` (UTC, nanoseconds), sorted and without
    repetition, and one float64 column per number column. Raises DATA_VALIDATION, naming line, column and value where
    there are such, for what is no CSV file, is malformed, has no times or no numbers, or would lose values.
    """
    overrides = overrides or AnalysisOverrides()
    check_timezone(timezone, file_name)
    refuse_other_formats(path, file_name)
    encoding = overrides.encoding or detect_encoding(path, file_name)
    with tempfile.TemporaryDirectory(prefix="foretide-", dir=parquet_path.parent) as folder:
        text_path = as_utf8(
            path, encoding, Path(folder, "utf8.csv"), file_name=file_name, verified=overrides.encoding is None
        )
        surveyed = survey(text_path, file_name)
        sample = take_sample(text_path, surveyed)
        dialect = detect_dialect(sample, overrides, file_name)
        table = open_table(text_path, file_name, dialect, surveyed)
        rows = sample.records(dialect.delimiter)[int(dialect.has_header) :]
        candidates = find_times(table, propose_readings(rows, dialect.labels), overrides)
        return _analyse_table(table, encoding, candidates, timezone, overrides, parquet_path)


def _analyse_table(
    table: Table,
    encoding: Encoding,
    candidates: Sequence[Candidate],
    timezone: str,
    overrides: AnalysisOverrides,
    parquet_path: Path,
) -> Analysis:
    dialect = table.dialect
    columns = range(dialect.width)
    times = _time_columns(candidates)
    others = [index for index in columns if index not in times]
    profiles, mark = profile_columns(table, others, mark_given=overrides.decimal_mark is not None)
    complete = not any(candidate.times.null_count() for candidate in candidates)
    profiles = {**profiles, **profile_times(table, sorted(times), complete=complete)}
    values = [index for index in others if index not in overrides.text_columns]
    kinds = _settle_kinds(table, times, values, profiles, mark)
    names = canonical_names(dialect.labels, kinds)
    if not candidates:
        raise _no_times(table, kinds)

    chosen = candidates[0]
    localised = _localised(chosen, timezone)
    selection = select_rows(table, chosen, localised.utc, timezone)
    if not selection.kept.any():
        raise _nothing_left(table, timezone)
    timeline = describe_times(localised.utc.filter(selection.kept))
    write_canonical(
        table,
        {index: names[index] for index in columns if kinds[index] == "number"},
        mark,
        utc=localised.utc,
        kept=selection.kept,
        path=parquet_path,
    )
    return Analysis(
        encoding=encoding,
        delimiter=dialect.delimiter,
        decimal_mark=mark,
        quote_character=dialect.quote_character,
        has_header=dialect.has_header,
        row_count=table.height - selection.blank_count,
        blank_rows=selection.blank_count,
        columns=report_columns(table, names, kinds, profiles, mark, selection.blank_count),
        time_candidates=report_candidates(candidates, names, timezone),
        time_column=names[chosen.reading.column],
        timezone=timezone,
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
        ambiguities=report_ambiguities(candidates, names, timezone, localised.repeated),
        preview=report_preview(table),
    )


def _time_columns(candidates: Sequence[Candidate]) -> set[int]:
    """Columns that are times. Numbers that only could be are values, unless their column was chosen."""
    surely = [c.reading for position, c in enumerate(candidates) if c.reading.certain or position == 0]
    return {index for reading in surely for index in reading.columns}


def _settle_kinds(
    table: Table, times: set[int], values: Sequence[int], profiles: Profiles, mark: DecimalMark
) -> list[Kind]:
    kinds: list[Kind] = ["time" if index in times else "text" for index in range(table.dialect.width)]
    for index in values:
        kinds[index] = settle_kind(table, index, profiles[index], mark)
    if "number" not in kinds:
        raise _no_numbers(table, [index for index in values if profiles[index].unreadable], mark)
    return kinds


def _no_numbers(table: Table, texts: Sequence[int], mark: DecimalMark) -> ProblemError:
    first = first_unreadable(table, texts[0], mark) if texts else None
    return refusal(
        table.file_name,
        title="The file has no column of numbers",
        found="there is nothing to forecast: no column holds numbers.",
        line=first.line if first else None,
        column=table.dialect.title(texts[0]) if texts else None,
        value=first.value if first else None,
        recovery=[
            "Upload a CSV file with a column of times and at least one column of numbers.",
            "Write numbers as 1234.5 or 1234,5, without separators for thousands and without units.",
        ],
    )


def _no_times(table: Table, kinds: Sequence[Kind]) -> ProblemError:
    # What was meant as a time is most likely text; where all are numbers, times tend to come first.
    suspect = kinds.index("text") if "text" in kinds else 0
    return refusal(
        table.file_name,
        title="The file has no column of times",
        found="no column holds dates or times in a known format, so nothing says when its values were measured.",
        column=table.dialect.title(suspect),
        value=report_preview(table)[0][suspect],
        recovery=[
            "Upload a CSV file with one time per row, best as 2024-01-31 13:45 or 2024-01-31T13:45Z.",
            "31.01.2024 13:45, 31/01/2024 13:45, 01/31/2024 13:45 and seconds since 1970 are read, too.",
        ],
    )


def _localised(chosen: Candidate, timezone: str) -> Localised:
    return Localised(chosen.times, 0) if chosen.reading.has_offset else localise(chosen.times, timezone)


def _nothing_left(table: Table, timezone: str) -> ProblemError:
    return refusal(
        table.file_name,
        title="No row of the file has a time that exists",
        found=f"every row is without a time, or its time does not exist in {timezone}.",
        recovery=["Check the time column and the time zone."],
    )
