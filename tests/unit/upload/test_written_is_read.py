"""Whatever the dialect: what was written is what is read."""

from __future__ import annotations

import csv
import io
import tempfile
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from services.upload.analysis.document import AnalysisOverrides

from .conftest import Analyse, analyse_bytes

TIME_FORMATS = ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%m/%d/%Y %H:%M"]
# In Windows-1252, too; without characters that no encoding but UTF-8 has.
TEXT = st.text(st.sampled_from("abcdefgh °€äöüéß,;|\t\"'"), max_size=12)


@dataclass(frozen=True)
class Written:
    """A table and the dialect that it is written in."""

    encoding: str
    delimiter: str
    decimal_mark: str
    line_end: str
    quote_all: bool
    header: list[str] | None
    time_format: str
    times: list[datetime]
    values: list[list[float | None]]
    missing: str

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
        for time, row in zip(self.times, self.values, strict=True):
            writer.writerow([time.strftime(self.time_format), *map(self._cell, row)])
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
    minutes = draw(st.sampled_from([1, 10, 15, 60, 1440]))
    start = datetime(2023, draw(st.integers(1, 12)), 13)
    header = draw(st.none() | st.lists(TEXT, min_size=columns, max_size=columns))
    return Written(
        encoding=draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "windows-1252"])),
        delimiter=draw(st.sampled_from([",", ";", "\t", "|"])),
        decimal_mark=draw(st.sampled_from([".", ","])),
        line_end=draw(st.sampled_from(["\n", "\r\n"])),
        quote_all=draw(st.booleans()),
        header=None if header is None else ["when", *header],
        time_format=draw(st.sampled_from(TIME_FORMATS)),
        times=[start + timedelta(minutes=minutes * row) for row in range(rows)],
        values=values,
        missing=draw(st.sampled_from(["", "NaN", "NA", "null", "-"])),
    )


@settings(max_examples=60, deadline=None)
@given(tables())
def test_what_was_written_is_what_is_read(written: Written) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = analyse_bytes(Path(folder), written.content(), AnalysisOverrides())
    assert found.analysis.delimiter == written.delimiter
    assert found.analysis.has_header == (written.header is not None)
    assert found.canonical["time"].dt.replace_time_zone(None).to_list() == written.times
    for index in range(len(written.values[0])):
        column = found.column(index + 1)
        assert column.label == ("" if written.header is None else written.header[index + 1].strip())
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
