"""The encoding is found on the whole file, reported, and nothing is ever dropped to make it fit."""

from __future__ import annotations

import pytest

from shared.analysis.content import BLOCK_BYTES

from .conftest import Analyse, Refuse

TABLE = "Zeit;Temperatur °C\n01.01.2024 00:00;-1,5\n13.01.2024 00:00;2,25\n"


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (TABLE.encode(), "utf-8"),
        (TABLE.encode("utf-8-sig"), "utf-8-sig"),
        (b"\xff\xfe" + TABLE.encode("utf-16-le"), "utf-16-le"),
        (b"\xfe\xff" + TABLE.encode("utf-16-be"), "utf-16-be"),
        (TABLE.encode("utf-16-le"), "utf-16-le"),
        (TABLE.encode("utf-16-be"), "utf-16-be"),
        (TABLE.encode("windows-1252"), "windows-1252"),
    ],
)
def test_every_encoding_gives_the_same_table(analyse: Analyse, content: bytes, encoding: str) -> None:
    found = analyse(content)
    assert found.analysis.encoding == encoding
    assert found.column(0).label == "Zeit"
    assert found.canonical["Temperatur °C"].to_list() == [-1.5, 2.25]


def test_f10_windows_1252_comes_before_latin_1(analyse: Analyse) -> None:
    found = analyse("time;price in €\n2024-01-01;1,5\n".encode("windows-1252"))
    assert found.analysis.encoding == "windows-1252"
    assert found.column(1).label == "price in €"


def test_f10_latin_1_is_left_for_what_windows_1252_does_not_have(analyse: Analyse) -> None:
    found = analyse(b"time;caf\xe9 \x81\n2024-01-01;1,5\n")
    assert found.analysis.encoding == "iso-8859-1"


def test_f10_the_whole_file_decides(analyse: Analyse) -> None:
    rows = "".join(f"{1_700_000_000 + second};1,5;ok\n" for second in range(100_000))
    found = analyse(f"time;load;note\n{rows}1800000000;1,5;zu heiß\n".encode("windows-1252"))
    assert found.analysis.encoding == "windows-1252"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16-le", "windows-1252"])
def test_f09_a_character_cut_by_a_block_border_is_whole(analyse: Analyse, encoding: str) -> None:
    row = "2024-01-01;1,5;°°°°°°°°°°°°°°°°\n"
    size = len(row.encode(encoding))
    rows = BLOCK_BYTES // size + 2
    found = analyse(("time;load;unit\n" + row * rows).encode(encoding))
    assert found.analysis.encoding == encoding
    assert found.analysis.row_count == rows


@pytest.mark.parametrize("damage", [b"\xe9", b"\xff", b"\xc3"])
def test_f10_bytes_that_do_not_fit_are_refused_with_their_line(refuse: Refuse, damage: bytes) -> None:
    content = "time,Größe in °C\n2024-01-01,1\n".encode() + b"2024-01-02" + damage + b",2\n2024-01-03,3\n"
    problem = refuse(content)
    assert problem.title == "The file is damaged or mixes encodings"
    assert "line 3" in problem.detail


def test_utf_16_that_ends_within_a_character_is_refused(refuse: Refuse) -> None:
    problem = refuse(TABLE.encode("utf-16")[:-1])
    assert problem.title == "The file is not valid UTF-16-LE"
    assert "line 3" in problem.detail


def test_lines_may_end_with_carriage_returns_alone(analyse: Analyse) -> None:
    found = analyse("time,load\r2024-01-01,1\r2024-01-02,2\r")
    assert found.canonical["load"].to_list() == [1, 2]
