"""Whatever the dialect: what was written is what is read."""

from __future__ import annotations

import csv
import io
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from shared.analysis.document import AnalysisOverrides

from .conftest import Analyse, analyse_bytes

# In Windows-1252, too; without characters that no encoding but UTF-8 has.
TEXT = st.text(st.sampled_from("abcdefgh °€äöüéß,;|\t\"'"), max_size=12)
# What is written so in Windows-1252 may be another text in UTF-8: nobody could tell.
ALSO_UTF8 = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}")
VIENNA = ZoneInfo("Europe/Vienna")
INDIA = timezone(timedelta(hours=5, minutes=30))


@dataclass(frozen=True)
class Style:
    """How a moment is written, in one cell or two; with ``zone`` the clock on its walls, which repeats an hour."""

    write: Callable[[datetime], list[str]]
    columns: int = 1
    zone: str | None = None


def pattern(text: str) -> Style:
    return Style(lambda moment: [moment.strftime(text)])


def local(text: str) -> Style:
    return Style(lambda moment: [moment.astimezone(VIENNA).strftime(text)], zone="Europe/Vienna")


STYLES = [
    pattern("%Y-%m-%dT%H:%M:%S"),
    pattern("%Y-%m-%d %H:%M"),
    pattern("%Y-%m-%dT%H:%M:%SZ"),
    pattern("%d.%m.%Y %H:%M"),
    pattern("%d.%m.%Y %H:%M:%S"),
    pattern("%m/%d/%Y %H:%M"),
    Style(lambda moment: [moment.astimezone(INDIA).isoformat()]),
    Style(lambda moment: [moment.astimezone(VIENNA).isoformat(sep=" ")]),
    Style(lambda moment: [str(int(moment.timestamp()))]),
    Style(lambda moment: [str(int(moment.timestamp() * 1000))]),
    Style(lambda moment: [moment.strftime("%d.%m.%Y"), moment.strftime("%H:%M")], columns=2),
    Style(lambda moment: [moment.strftime("%Y-%m-%d"), moment.strftime("%H:%M:%S")], columns=2),
    local("%d.%m.%Y %H:%M"),
    local("%Y-%m-%d %H:%M:%S"),
]
STARTS = [datetime(2023, month, 13, tzinfo=UTC) for month in range(1, 13)]
BEFORE_A_CHANGE_OF_THE_CLOCK = [datetime(2024, 3, 30, 20, tzinfo=UTC), datetime(2024, 10, 26, 20, tzinfo=UTC)]


@dataclass(frozen=True)
class Written:
    """A table and the dialect that it is written in; ``order`` is that of the rows in the file."""

    encoding: str
    delimiter: str
    decimal_mark: str
    line_end: str
    quote_all: bool
    header: list[str] | None
    style: Style
    times: list[datetime]
    values: list[list[float | None]]
    order: list[int]
    missing: str
    blank_lines: int

    def content(self) -> bytes:
        text = io.StringIO(newline="")
        writer = csv.writer(
            text,
            delimiter=self.delimiter,
            lineterminator=self.line_end,
            quoting=csv.QUOTE_ALL if self.quote_all else csv.QUOTE_MINIMAL,
        )
        if self.header is not None:
            writer.writerow(self.header)
        for row in self.order:
            writer.writerow([*self.style.write(self.times[row]), *map(self._cell, self.values[row])])
        text.write(self.line_end * self.blank_lines)
        return text.getvalue().encode(self.encoding)

    def _cell(self, value: float | None) -> str:
        return self.missing if value is None else repr(value).replace(".", self.decimal_mark)


@st.composite
def tables(draw: st.DrawFn) -> Written:
    columns = draw(st.integers(1, 4))
    rows = draw(st.integers(2, 30))
    finite = st.floats(-1e6, 1e6).map(lambda value: round(value, 3))
    values = draw(
        st.lists(
            st.lists(st.one_of(finite, finite, st.none()), min_size=columns, max_size=columns),
            min_size=rows,
            max_size=rows,
        )
    )
    # The first row has every value, so that no column is empty, and a day above 12 settles day and month.
    values[0] = [0.5] * columns
    style = draw(st.sampled_from(STYLES))
    minutes = draw(st.sampled_from([1, 10, 15, 60, 1440]))
    start = draw(st.sampled_from(STARTS if style.zone is None else BEFORE_A_CHANGE_OF_THE_CLOCK))
    header = draw(st.none() | st.lists(TEXT, min_size=columns, max_size=columns))
    # Of times without an offset the order tells which of two equal ones is which; of bare numbers, that they are times.
    may_be_unsorted = style.zone is None and header is not None
    written = Written(
        encoding=draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "windows-1252"])),
        delimiter=draw(st.sampled_from([",", ";", "\t", "|"])),
        decimal_mark=draw(st.sampled_from([".", ","])),
        line_end=draw(st.sampled_from(["\n", "\r\n"])),
        quote_all=draw(st.booleans()),
        header=None if header is None else [*["time", "clock"][: style.columns], *header],
        style=style,
        times=[start + timedelta(minutes=minutes * row) for row in range(rows)],
        values=values,
        order=draw(st.permutations(range(rows))) if may_be_unsorted and draw(st.booleans()) else list(range(rows)),
        missing=draw(st.sampled_from(["", "NaN", "NA", "null", "-"])),
        blank_lines=draw(st.integers(0, 2)),
    )
    assume(written.encoding != "windows-1252" or not ALSO_UTF8.search(written.content()))
    return written


@settings(max_examples=100, deadline=None)
@given(tables())
def test_what_was_written_is_what_is_read(written: Written) -> None:
    overrides = AnalysisOverrides(timezone=written.style.zone)
    with tempfile.TemporaryDirectory() as folder:
        found = analyse_bytes(Path(folder), written.content(), overrides)
    assert found.analysis.delimiter == written.delimiter
    assert found.analysis.has_header == (written.header is not None)
    assert found.analysis.row_count == found.analysis.canonical_rows == len(written.times)
    assert found.canonical["time"].to_list() == written.times
    first = written.style.columns
    for index in range(len(written.values[0])):
        column = found.column(index + first)
        assert column.label == ("" if written.header is None else written.header[index + first].strip())
        expected = [row[index] for row in written.values]
        assert found.canonical[column.name].to_list() == expected
        assert column.missing == expected.count(None)


def test_f59_negative_numbers_stay_numbers_and_formulas_stay_the_text_that_they_are(analyse: Analyse) -> None:
    """Spreadsheets take what begins with =, +, - or @ for a formula; we take none of it for anything but data."""
    rows = "".join(f'2024-01-{day:02};"-{day}.4";+{day};"=1+{day}"\n' for day in range(1, 20))
    found = analyse(f'time;"-load";"=cmd|\'/C calc\'!A0";@remark\n{rows}')
    assert [column.label for column in found.analysis.columns] == ["time", "-load", "=cmd|'/C calc'!A0", "@remark"]
    numbers = [found.canonical[found.column(index).name].to_list() for index in (1, 2)]
    assert numbers == [[-day - 0.4 for day in range(1, 20)], [float(day) for day in range(1, 20)]]
    assert found.column(3).kind == "text"
