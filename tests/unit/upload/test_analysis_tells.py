"""Everything that the analysis promises to tell of a file, one thing after the other."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Analyse

TABLE = "Zeit;Last °C\n13.01.2024 00:00;1,5\n13.01.2024 01:00;2,5\n"


def table(*rows: str, header: str = "time,load") -> str:
    return "\n".join([header, *rows]) + "\n"


@pytest.mark.parametrize(
    ("item", "content", "told"),
    [
        ("UTF-8 without byte order mark", TABLE.encode(), {"encoding": "utf-8"}),
        ("UTF-8 with byte order mark", TABLE.encode("utf-8-sig"), {"encoding": "utf-8-sig"}),
        ("UTF-16", TABLE.encode("utf-16"), {"encoding": "utf-16-le"}),
        ("UTF-16, big end first, unmarked", TABLE.encode("utf-16-be"), {"encoding": "utf-16-be"}),
        ("Windows-1252", TABLE.encode("windows-1252"), {"encoding": "windows-1252"}),
        ("comma", table("2024-01-13,1"), {"delimiter": ","}),
        ("semicolon", TABLE, {"delimiter": ";"}),
        ("tab", TABLE.replace(";", "\t"), {"delimiter": "\t"}),
        ("vertical bar", TABLE.replace(";", "|"), {"delimiter": "|"}),
        ("decimal comma", TABLE, {"decimal_mark": ","}),
        ("decimal point", table("2024-01-13,1.5"), {"decimal_mark": "."}),
        ("quoting", table('"2024-01-13","1"', header='"time","load"'), {"quote_character": '"'}),
        ("no quoting", table("2024-01-13,1"), {"quote_character": None}),
        ("header", table("2024-01-13,1"), {"has_header": True}),
        ("no header", "2024-01-13,1\n2024-01-14,2\n", {"has_header": False}),
        ("time column", table("1,2024-01-13", header="load,when"), {"time_column": "when"}),
        ("step width", table("2024-01-13 00:00,1", "2024-01-13 00:15,1", "2024-01-13 00:30,1"), {"step_minutes": 15}),
        (
            "irregular steps",
            table("2024-01-13 00:00,1", "2024-01-13 00:15,1", "2024-01-13 00:30,1", "2024-01-13 00:50,1"),
            {"irregular_steps": 1, "step_minutes": 15, "step_mode_minutes": 15},
        ),
        ("gaps", table("2024-01-13,1", "2024-01-14,1", "2024-01-15,1", "2024-01-19,1"), {"gap_count": 1}),
        ("duplicates", table("2024-01-13,1", "2024-01-13,2", "2024-01-14,1"), {"duplicates": 1, "canonical_rows": 2}),
        ("unsorted rows", table("2024-01-14,1", "2024-01-13,2", "2024-01-15,3"), {"unsorted": 1}),
        ("first and last time", TABLE, {"first_time": "2024-01-13T00:00:00Z", "last_time": "2024-01-13T01:00:00Z"}),
        ("rows and blank lines", table("2024-01-13,1", "", "2024-01-14,2"), {"row_count": 2, "blank_rows": 1}),
        ("rows without a time", table("2024-01-13,1", ",2"), {"rejected_count": 1}),
    ],
)
def test_of_the_file(analyse: Analyse, item: str, content: str | bytes, told: dict[str, Any]) -> None:
    analysis = analyse(content).analysis.model_dump(mode="json")
    assert {name: analysis[name] for name in told} == told, item


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ("2024-01-13T05:00:00", "yyyy-mm-ddThh:mm:ss"),
        ("2024-01-13 05:00", "yyyy-mm-dd hh:mm"),
        ("13.01.2024 05:00", "dd.mm.yyyy hh:mm"),
        ("13.01.2024 05:00:00", "dd.mm.yyyy hh:mm:ss"),
        ("01/13/2024 05:00", "mm/dd/yyyy hh:mm"),
        ("1705122000", "epoch seconds"),
        ("1705122000000", "epoch milliseconds"),
        ("2024-01-13T06:00:00+01:00", "yyyy-mm-ddThh:mm:ss+hh:mm"),
        ("2024-01-13T05:00Z", "yyyy-mm-ddThh:mm+hh:mm"),
        ("13.01.2024;05:00", "dd.mm.yyyy hh:mm"),
    ],
)
def test_of_the_times_their_format(analyse: Analyse, cell: str, name: str) -> None:
    header = "time;clock;load" if ";" in cell else "time;load"
    found = analyse(table(f"{cell};1,5", header=header))
    assert found.analysis.time_candidates[0].format == name
    assert found.times() == ["2024-01-13 05:00"]


def test_of_local_times_in_a_named_zone_both_changes_of_the_clock(analyse: Analyse) -> None:
    spring = ["31.03.2024 01:00", "31.03.2024 03:00"]
    autumn = ["27.10.2024 02:00", "27.10.2024 02:00", "27.10.2024 03:00"]
    rows = [f"{time};{place}" for place, time in enumerate(spring + autumn)]
    found = analyse(table(*rows, header="time;load"), timezone="Europe/Vienna")
    assert [time[5:] for time in found.times()] == [
        "03-31 00:00",
        "03-31 01:00",
        "10-27 00:00",
        "10-27 01:00",
        "10-27 02:00",
    ]
    assert (found.analysis.timezone, found.analysis.timezone_source) == ("Europe/Vienna", "given")


def test_of_each_column_its_type_missing_share_tokens_and_extremes(analyse: Analyse) -> None:
    cells = ["1", "NaN", "NA", "null", "-", "", "-4", "6"]
    rows = [f"2024-01-{day:02},{cell},on" for day, cell in enumerate(cells, start=1)]
    found = analyse(table(*rows, header="time,load,state"))
    assert [column.kind for column in found.analysis.columns] == ["time", "number", "text"]
    load = found.column(1)
    assert (load.missing, load.missing_share, load.numeric_share) == (5, 5 / 8, 3 / 8)
    assert load.missing_tokens == {"": 1, "-": 1, "NA": 1, "NaN": 1, "null": 1}
    assert (load.min, load.max, load.mean) == (-4, 6, 1)
    assert (found.column(2).missing, found.column(2).min) == (0, None)


def test_of_columns_with_the_same_name_which_is_which(analyse: Analyse) -> None:
    found = analyse(table("2024-01-13,1,2", header="time,load,load"))
    assert [(column.index, column.label) for column in found.analysis.columns] == [
        (0, "time"),
        (1, "load"),
        (2, "load"),
    ]
    assert found.canonical.columns == ["time", found.column(1).name, found.column(2).name]


def test_of_the_first_twenty_rows_every_cell(analyse: Analyse) -> None:
    rows = [f"2024-01-{day:02},{day}" for day in range(1, 31)]
    assert analyse(table(*rows)).analysis.preview == [row.split(",") for row in rows[:20]]


@pytest.mark.parametrize("separator", [".", "/", "-"])
def test_f13_of_what_is_ambiguous_the_choice_that_was_made(analyse: Analyse, separator: str) -> None:
    dates = [separator.join(("03", "04", "2024")), separator.join(("05", "04", "2024"))]
    found = analyse(table(*(f"{date};1,5" for date in dates), header="time;load"))
    (ambiguity,) = found.analysis.ambiguities
    assert (ambiguity.subject, ambiguity.choice) == ("day_month", separator.join(("dd", "mm", "yyyy")))
    assert ambiguity.alternatives == [separator.join(("mm", "dd", "yyyy"))]
    assert found.times()[0] == "2024-04-03 00:00"
    assert (
        analyse(table(*(f"{date};1,5" for date in dates), header="time;load"), day_first=False).times()[0][5:7] == "03"
    )
