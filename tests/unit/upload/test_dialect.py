"""Delimiter, decimal mark, quotes and header are found together, by what parses."""

from __future__ import annotations

import pytest

from .conftest import Analyse, Refuse


def test_f11_a_headerless_austrian_file_is_read(analyse: Analyse) -> None:
    found = analyse("01.01.2024 00:00;12,5\n01.01.2024 00:15;13\n13.01.2024 00:30;-1,25\n")
    assert (found.analysis.delimiter, found.analysis.decimal_mark) == (";", ",")
    assert not found.analysis.has_header
    assert found.canonical.columns == ["time", "column 2"]
    assert found.canonical["column 2"].to_list() == [12.5, 13.0, -1.25]


def test_f11_one_headerless_row_is_enough(analyse: Analyse) -> None:
    assert analyse("01.01.2024 00:00;12,5\n").canonical["column 2"].to_list() == [12.5]


@pytest.mark.parametrize(
    ("content", "delimiter", "mark"),
    [
        ("time,load\n2024-01-01,1.5\n", ",", "."),
        ("time;load\n2024-01-01;1.5\n", ";", "."),
        ("time;load\n2024-01-01;1,5\n", ";", ","),
        ("time\tload\n2024-01-01\t1,5\n", "\t", ","),
        ("time|load\n2024-01-01|1.5\n", "|", "."),
        ('time,load\n2024-01-01,"1,5"\n', ",", ","),
        ('"time";"load"\n"2024-01-01";"1,5"\n', ";", ","),
        ("time;site, north;load\n2024-01-01;a, b, c;1,5\n", ";", ","),
        ("time;first note;second note;load\n01.01.2024;some words;more words;1,5\n", ";", ","),
    ],
)
def test_f11_delimiter_and_decimal_mark_are_found_jointly(
    analyse: Analyse, content: str, delimiter: str, mark: str
) -> None:
    found = analyse(content)
    assert (found.analysis.delimiter, found.analysis.decimal_mark) == (delimiter, mark)
    assert found.analysis.has_header
    assert found.canonical["load"].to_list() == [1.5]


def test_f12_decimal_commas_are_numbers(analyse: Analyse) -> None:
    found = analyse("time;load\n2024-01-01;1,5\n2024-01-02;-0,25\n2024-01-03;1e3\n")
    assert found.canonical["load"].to_list() == [1.5, -0.25, 1000]
    assert found.column(1).numeric_share == 1


def test_f12_a_decimal_comma_beyond_the_sample_is_found(analyse: Analyse) -> None:
    rows = "".join(f"{1_700_000_000 + second};0;0\n" for second in range(60_000))
    late = "1800000000;0,5;1\n"
    found = analyse(f"time;load;count\n{rows[: len(rows) // 4]}")
    assert found.analysis.decimal_mark == "."
    middle = rows.index("\n", len(rows) // 4) + 1
    found = analyse(f"time;load;count\n{rows[:middle]}{late}{rows[middle:]}")
    assert found.analysis.decimal_mark == ","
    assert found.canonical["load"].max() == 0.5


def test_f12_a_column_that_would_lose_values_is_an_error(refuse: Refuse) -> None:
    rows = "".join(f"2024-01-{day:02};{day}.5\n" for day in range(1, 18))
    problem = refuse(f"time;load\n{rows}2024-01-18;1.234,5\n2024-01-19;7\n")
    assert "line 19, column 'load'" in problem.detail
    assert "'1.234,5'" in problem.detail


def test_f12_marks_are_never_mixed(refuse: Refuse) -> None:
    rows = "".join(f"2024-01-{day:02};{day},5;{day}.123\n" for day in range(1, 18))
    problem = refuse(f"time;load;loss\n{rows}")
    assert "line 2, column" in problem.detail
    assert "'1,5'" in problem.detail or "'1.123'" in problem.detail


def test_f12_thousands_are_never_read_as_decimals(refuse: Refuse) -> None:
    rows = "2024-01-01;1.234;0,5;1,5\n2024-01-02;5.678;0,25;2,5\n"
    assert "column 'load'" in refuse(f"time;load;loss;gain\n{rows}").detail


def test_f12_a_few_lost_values_are_counted_and_shown(analyse: Analyse) -> None:
    rows = "".join(f"{1_700_000_000 + second},{second}\n" for second in range(99))
    column = analyse(f"time,load\n{rows}1800000000,Bad\n").column(1)
    assert (column.kind, column.numeric_share, column.unreadable) == ("number", 0.99, 1)
    assert column.first_unreadable is not None
    assert (column.first_unreadable.line, column.first_unreadable.value) == (101, "Bad")


def test_f15_empty_columns_keep_their_place(analyse: Analyse) -> None:
    found = analyse("time,,first,,second\n2024-01-01,,1,,2\n2024-01-02,,3,,4\n")
    assert [column.index for column in found.analysis.columns] == [0, 1, 2, 3, 4]
    assert [column.kind for column in found.analysis.columns] == ["time", "text", "number", "text", "number"]
    assert found.canonical[found.column(4).name].to_list() == [2, 4]


def test_f16_columns_with_the_same_header_stay_apart(analyse: Analyse) -> None:
    found = analyse("time,load,load,load (2),load\n2024-01-01,1,2,3,4\n")
    assert [column.label for column in found.analysis.columns] == ["time", "load", "load", "load (2)", "load"]
    names = [column.name for column in found.analysis.columns]
    assert len(set(names)) == 5
    assert [found.canonical[name].item() for name in names[1:]] == [1, 2, 3, 4]


def test_f16_a_number_column_called_time_is_not_taken_for_the_times(analyse: Analyse) -> None:
    found = analyse("day,time\n2024-01-01,7\n2024-01-02,8\n")
    assert found.analysis.time_column == "day"
    assert found.canonical[found.column(1).name].to_list() == [7, 8]
    assert found.column(1).label == "time"


@pytest.mark.parametrize(
    ("content", "has_header"),
    [
        ("time;2019;2020\n2024-01-01;1;2\n", True),
        ("2024-01-01;1;2\n2024-01-02;1;2\n", False),
        ("2024-01-01;-;2\n2024-01-02;1;2\n", False),
        ("2024-01-01;off;2\n2024-01-02;1;2\n2024-01-03;1;2\n", False),
        ("epoch,b\n1705104000,2\n", True),
        ("1705104000,2\n1705107600,4\n", False),
    ],
)
def test_a_header_is_text_above_values(analyse: Analyse, content: str, has_header: bool) -> None:
    assert analyse(content, text_columns=[1] if "off" in content else []).analysis.has_header == has_header


def test_a_delimiter_at_the_end_of_each_row_makes_an_empty_column(analyse: Analyse) -> None:
    for header in ("time;load", "time;load;"):
        found = analyse(f"{header}\n2024-01-01;1,5;\n2024-01-02;2,5;\n")
        assert found.canonical["load"].to_list() == [1.5, 2.5]
        assert found.column(2).missing == 2


def test_a_header_that_does_not_fit_the_rows_is_refused(refuse: Refuse) -> None:
    assert refuse("time,load,loss\n2024-01-01,1\n2024-01-02,2\n").title == "The header does not fit the rows"
    assert refuse("load,loss\n2024-01-01,1,2\n2024-01-02,1,2\n").title == "The header does not fit the rows"


def test_signs_for_missing_values_are_counted_as_written(analyse: Analyse) -> None:
    cells = ["1", "NaN", "NA", "null", "-", "", "nan", "NaN", " "]
    rows = "".join(f"2024-01-{day:02},{cell},x\n" for day, cell in enumerate(cells, start=1))
    column = analyse(f"time,load,note\n{rows}").column(1)
    assert column.missing == 8
    assert column.missing_tokens == {"": 2, "-": 1, "NA": 1, "NaN": 2, "nan": 1, "null": 1}
    assert column.numeric_share == pytest.approx(1 / 9)
    assert (column.min, column.max, column.mean) == (1, 1, 1)


def test_infinity_is_not_a_number(refuse: Refuse) -> None:
    assert "'inf'" in refuse("time,load\n2024-01-01,1\n2024-01-02,inf\n2024-01-03,3\n").detail


def test_minimum_maximum_and_mean_are_those_of_the_numbers(analyse: Analyse) -> None:
    column = analyse("time,load\n2024-01-01,1\n2024-01-02,\n2024-01-03,-4\n").column(1)
    assert (column.min, column.max, column.mean, column.missing) == (-4, 1, -1.5, 1)


def test_the_preview_shows_the_first_twenty_rows_as_written(analyse: Analyse) -> None:
    rows = [["2024-01-01 00:00", " 1,50", 'a "b"; c\nd', "x" * 300]] * 25
    text = "".join(";".join('"' + cell.replace('"', '""') + '"' for cell in row) + "\n" for row in rows)
    preview = analyse(f"time;load;note;long\n{text}").analysis.preview
    assert len(preview) == 20
    assert preview[0][:3] == rows[0][:3]
    assert len(preview[0][3]) == 200
