"""Only CSV by content gets in, and what is refused is told where and why."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path

import pytest

from shared.analysis.analyse import analyse_file

from .conftest import Analyse, Refuse


def zipped(member: str) -> bytes:
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w") as archive:
        archive.writestr(member, "time,load\n2024-01-01,1\n")
    return memory.getvalue()


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "a PNG image"),
        (b"%PDF-1.7\n1 0 obj", "a PDF document"),
        (zipped("load.csv"), "a ZIP archive"),
        (zipped("xl/workbook.xml"), "an Excel workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100), "an old Excel or other Office document"),
        (gzip.compress(b"time,load\n2024-01-01,1\n"), "a GZIP archive"),
        (b"PAR1" + bytes(100), "a Parquet file"),
        (b"\n <!DOCTYPE html><html><body>Sign in</body></html>", "an HTML page"),
        (b'<?xml version="1.0"?><rows/>', "an XML document"),
        (b'[{"time": "2024-01-01", "load": 1}]', "a JSON document"),
    ],
)
def test_another_format_is_refused_by_its_content(refuse: Refuse, content: bytes, what: str) -> None:
    assert refuse(content).title == f"This is {what}, not a CSV file"


@pytest.mark.parametrize("content", ["", "\n\n", " \r\n\t"])
def test_an_empty_file_is_refused(refuse: Refuse, content: str) -> None:
    assert refuse(content).title == "The file is empty"


def test_a_header_without_rows_is_refused(refuse: Refuse) -> None:
    assert refuse("time,load\n").title == "The file has no rows of data"


@pytest.mark.parametrize("content", [bytes(5000), b"time,load\n2024-01-01,1\n" + bytes(5000)])
def test_nul_bytes_are_refused_with_their_line(refuse: Refuse, content: bytes) -> None:
    problem = refuse(content)
    assert problem.title == "This is binary data, not a CSV file"
    assert problem.technical_details is not None
    assert problem.technical_details["line"] == content.count(b"\n") + 1


@pytest.mark.parametrize(
    "content", ["hello\nworld\n", "time\n2024-01-01\n", "time,state\n2024-01-01,on\n2024-01-02,off\n"]
)
def test_a_file_without_numbers_is_refused(refuse: Refuse, content: str) -> None:
    assert refuse(content).title == "The file has no column of numbers"


def test_a_line_beyond_any_row_is_refused(refuse: Refuse) -> None:
    problem = refuse("time,load\n2024-01-01,1\n2024-01-02," + "1" * 10_000_000)
    assert "line 3" in problem.detail


def test_too_many_columns_are_refused(refuse: Refuse) -> None:
    row = ",".join(["1"] * 2001)
    assert refuse(f"{row}\n{row}\n").title == "The file has too many columns"


@pytest.mark.parametrize(
    ("row", "cells"), [("2024-01-02", 1), ("2024-01-02,2,3", 3), ("2024-01-02;2", 1), ("2024-01-0", 1)]
)
def test_a_ragged_row_is_refused_with_its_line(refuse: Refuse, row: str, cells: int) -> None:
    problem = refuse(f"time,load\n2024-01-01,1\n2024-01-01 12:00,1\n{row}\n")
    assert f"line 4: the row has {cells} cells where the others have 2" in problem.detail
    assert repr(row) in problem.detail


def test_rows_too_long_and_too_short_do_not_make_up_for_each_other(refuse: Refuse) -> None:
    rows = "".join(f"2024-01-{day:02},{day}\n" for day in range(1, 20))
    assert "line 21" in refuse(f"time,load\n{rows}2024-01-20,1,2\n2024-01-21\n").detail


def test_an_unclosed_quote_is_refused_with_its_line(refuse: Refuse) -> None:
    assert "line 3" in refuse('time,load\n2024-01-01,1\n2024-01-02,"2\n2024-01-03,3\n').detail


def test_a_quote_that_is_part_of_a_cell_is_no_fault(analyse: Analyse) -> None:
    found = analyse('time,load,pipe\n2024-01-01,1,5"\n2024-01-02,2,6"\n')
    assert found.analysis.preview[0] == ["2024-01-01", "1", '5"']


def test_blank_lines_are_counted_and_no_fault(analyse: Analyse) -> None:
    found = analyse("\n\ntime,load\r\n\r\n2024-01-01,1\r\n,\r\n2024-01-02,2\r\n\r\n")
    assert (found.analysis.row_count, found.analysis.blank_rows) == (2, 3)
    assert found.column(1).missing == 0


@pytest.mark.parametrize("file_name", ["../../etc/passwd", "C:\\load.csv", "load*.csv", "/", "a\nb.csv"])
def test_f08_file_names_are_data_never_paths(tmp_path: Path, file_name: str) -> None:
    path = tmp_path / "raw[1]*.csv"
    path.write_text("time,load\n2024-01-01,1\n")
    analysis = analyse_file(path, file_name=file_name, parquet_path=tmp_path / "canonical.parquet")
    assert analysis.row_count == 1
    assert {entry.name for entry in tmp_path.rglob("*")} == {path.name, "canonical.parquet"}
