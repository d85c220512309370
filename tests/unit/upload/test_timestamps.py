"""A format of times counts only if every row fits it; what can be read two ways is said."""

from __future__ import annotations

import pytest

from .conftest import Analyse, Refuse

JANUARY_13 = ["2024-01-13 00:00", "2024-01-13 12:30"]


@pytest.mark.parametrize(
    ("first", "second", "name"),
    [
        ("2024-01-13T00:00", "2024-01-13T12:30", "yyyy-mm-ddThh:mm"),
        ("2024-01-13 00:00:00", "2024-01-13 12:30:00", "yyyy-mm-dd hh:mm:ss"),
        ("2024-01-13 00:00:00.000", "2024-01-13 12:30:00.000", "yyyy-mm-dd hh:mm:ss.f"),
        ("2024-01-13T00:00Z", "2024-01-13T12:30Z", "yyyy-mm-ddThh:mm+hh:mm"),
        ("2024-01-13T01:00:00+01:00", "2024-01-13T13:30:00+0100", "yyyy-mm-ddThh:mm:ss+hh:mm"),
        ("2024-01-12 20:30-03:30", "2024-01-13 12:30+00", "yyyy-mm-dd hh:mm+hh:mm"),
        ("20240113T0000", "20240113T1230", "yyyymmddThhmm"),
        ("20240113T010000+0100", "20240113T123000Z", "yyyymmddThhmmss+hh:mm"),
        ("2024/01/13 00:00", "2024/01/13 12:30", "yyyy/mm/dd hh:mm"),
        ("13.01.2024 00:00", "13.01.2024 12:30", "dd.mm.yyyy hh:mm"),
        ("13.01.2024 00:00:00", "13.01.2024 12:30:00", "dd.mm.yyyy hh:mm:ss"),
        ("13.1.24 0:00", "13.1.24 12:30", "dd.mm.yy hh:mm"),
        ("13/01/2024 00:00", "13/01/2024 12:30", "dd/mm/yyyy hh:mm"),
        ("13-01-2024 00:00", "13-01-2024 12:30", "dd-mm-yyyy hh:mm"),
        ("01/13/2024 00:00", "01/13/2024 12:30", "mm/dd/yyyy hh:mm"),
        ("1/13/24 0:00", "1/13/24 12:30", "mm/dd/yy hh:mm"),
        ("1/13/2024 12:00 AM", "1/13/2024 12:30 PM", "mm/dd/yyyy hh:mm AM"),
        ("1705104000", "1705149000", "epoch seconds"),
        ("1705104000.0", "1705149000.0", "epoch seconds"),
        ("1705104000000", "1705149000000", "epoch milliseconds"),
    ],
)
def test_a_format_is_found_by_its_cells(analyse: Analyse, first: str, second: str, name: str) -> None:
    found = analyse(f"time;load\n{first};1\n{second};2\n")
    assert found.analysis.time_candidates[0].format == name
    assert not found.analysis.time_candidates[0].ambiguous
    assert found.times() == JANUARY_13


def test_a_day_without_a_clock_is_midnight(analyse: Analyse) -> None:
    assert analyse("day,load\n20240113,1\n20240114,2\n").times() == ["2024-01-13 00:00", "2024-01-14 00:00"]


def between_the_samples(rows: list[str], odd: str) -> str:
    """A file so long that the row in its first third is not among those sampled."""
    padded = [f"{row},{'x' * 2000}\n" for row in [*rows[:100], odd, *rows[100:]]]
    return "time,load,note\n" + "".join(padded)


def test_spellings_may_differ_in_detail_even_beyond_the_sample(analyse: Analyse) -> None:
    rows = [f"2024-01-{2 + hour // 24:02} {hour % 24:02}:30,1" for hour in range(288)]
    found = analyse(between_the_samples(rows, "2024-01-01,2"))
    assert found.times()[0] == "2024-01-01 00:00"
    assert found.canonical.height == 289


def test_date_and_time_of_day_may_be_in_two_columns(analyse: Analyse) -> None:
    found = analyse("Datum;Uhrzeit;Last\n13.01.2024;00:00;1,5\n13.01.2024;12:30;2,5\n")
    candidate = found.analysis.time_candidates[0]
    assert (candidate.column, candidate.clock_column) == ("Datum", "Uhrzeit")
    assert found.times() == JANUARY_13
    assert [column.kind for column in found.analysis.columns] == ["time", "time", "number"]


def test_f13_month_first_is_found_when_only_it_fits_every_row(analyse: Analyse) -> None:
    days = [f"01/{day:02}/2024" for day in range(1, 32)] + [f"02/{day:02}/2024" for day in range(1, 26)]
    found = analyse("time,load\n" + "".join(f"{day},{value}\n" for value, day in enumerate(days)))
    assert found.canonical.height == 56
    assert found.analysis.time_candidates[0].format == "mm/dd/yyyy"
    assert found.analysis.ambiguities == []
    assert found.canonical["load"].to_list() == list(range(56))


def test_f13_one_day_beyond_the_sample_decides(analyse: Analyse) -> None:
    rows = [f"{1 + hour // 24:02}/02/2024 {hour % 24:02}:00,1" for hour in range(288)]
    assert analyse(between_the_samples(rows, "12/02/2024 23:30,1")).analysis.time_candidates[0].ambiguous
    found = analyse(between_the_samples(rows, "13/02/2024 00:00,1"))
    assert found.analysis.time_candidates[0].format == "dd/mm/yyyy hh:mm"
    assert not found.analysis.time_candidates[0].ambiguous


def test_f13_what_fits_both_ways_is_said_with_the_choice_made(analyse: Analyse) -> None:
    content = "time,load\n03/04/2024,1\n04/04/2024,2\n05/04/2024,3\n06/04/2024,4\n"
    found = analyse(content)
    (ambiguity,) = found.analysis.ambiguities
    assert (ambiguity.subject, ambiguity.column) == ("day_month", "time")
    assert (ambiguity.choice, ambiguity.alternatives) == ("dd/mm/yyyy", ["mm/dd/yyyy"])
    assert found.analysis.step_minutes == 1440
    decided = analyse(content, time_format="mm/dd/yyyy")
    assert decided.analysis.ambiguities == []
    assert decided.times()[0] == "2024-03-04 00:00"


def test_f13_where_nothing_speaks_for_either_the_other_signs_of_the_country_do(analyse: Analyse) -> None:
    assert analyse("time;load\n03.04.2024;1,5\n").times() == ["2024-04-03 00:00"]
    assert analyse("time,load\n03/04/2024,1.5\n").times() == ["2024-03-04 00:00"]
    assert analyse("time;load\n03/04/2024;1,5\n").times() == ["2024-04-03 00:00"]


def test_f13_a_day_that_is_the_same_both_ways_is_not_ambiguous(analyse: Analyse) -> None:
    assert analyse("time;load\n01.01.2024 00:00;1,5\n01.01.2024 01:00;2,5\n").analysis.ambiguities == []


@pytest.mark.parametrize("odd", ["31.02.2024", "2024-01-13", "13.01.9999", "soon", "13.01.2024 24:00", "1.5"])
def test_f13_one_row_that_does_not_fit_is_an_error_with_its_line(refuse: Refuse, odd: str) -> None:
    rows = "".join(f"{day:02}.01.2024;{day}\n" for day in range(1, 20))
    problem = refuse(f"time;load\n{rows}{odd};3\n21.01.2024;4\n")
    assert "line 21, column 'time'" in problem.detail
    assert repr(odd) in problem.detail


def test_times_with_and_without_an_offset_are_not_mixed(refuse: Refuse) -> None:
    problem = refuse("time,load\n2024-01-01T00:00Z,1\n2024-01-01T01:00Z,2\n2024-01-01T02:00,3\n")
    assert "line 4" in problem.detail


def test_offsets_count_whatever_the_time_zone(analyse: Analyse) -> None:
    found = analyse("time,load\n2024-07-01T00:00+00:00,1\n", timezone="Asia/Tokyo")
    assert found.times() == ["2024-07-01 00:00"]
    assert found.analysis.time_candidates[0].timezone == "UTC"


def test_of_several_time_columns_the_most_regular_is_taken_and_the_others_are_named(analyse: Analyse) -> None:
    content = "issued,valid,load\n" + "".join(f"2024-01-01,2024-01-02 {hour:02}:00,{hour}\n" for hour in range(24))
    found = analyse(content)
    assert found.analysis.time_column == "valid"
    (ambiguity,) = found.analysis.ambiguities
    assert (ambiguity.subject, ambiguity.choice, ambiguity.alternatives) == ("time_column", "valid", ["issued"])
    assert analyse(content, time_column=0).analysis.time_column == "issued"


def test_counters_are_values_where_there_are_times(analyse: Analyse) -> None:
    found = analyse("time,meter\n2024-01-01,1705104000\n2024-01-02,1705104001\n")
    assert found.analysis.time_column == "time"
    assert found.column(1).kind == "number"
    assert found.analysis.ambiguities == []


def test_unordered_large_numbers_are_not_times(refuse: Refuse) -> None:
    numbers = [1705104000, 1605104000, 1805104000, 1505104000, 1605104000]
    problem = refuse("".join(f"{number},{position}\n" for position, number in enumerate(numbers)))
    assert problem.title == "The file has no column of times"


@pytest.mark.parametrize(
    ("content", "suspect"),
    [
        ("a,b\n3,1\n\n1,2\n2,3\n", "column 'a'"),
        ("load,when\n1,\n2,first of May\n", "column 'when'"),
        ("week;load\n2024-W05;1,5\n2024-W06;2,5\n", "column 'week'"),
    ],
)
def test_a_file_without_times_is_refused_and_the_likeliest_column_is_named(
    refuse: Refuse, content: str, suspect: str
) -> None:
    problem = refuse(content)
    assert problem.title == "The file has no column of times"
    assert suspect in problem.detail


def test_columns_and_formats_that_do_not_fit_are_refused(refuse: Refuse) -> None:
    content = "time,load\n2024-01-01,1\n2024-01-02,2\n"
    assert "'time' as yyyy-mm-dd" in refuse(content, time_column=1).detail
    assert "'time' as yyyy-mm-dd" in refuse(content, time_format="dd/mm/yyyy").detail
