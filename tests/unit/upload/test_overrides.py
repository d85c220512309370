"""What a person decides instead of the analysis holds, and what does not fit the file is refused with what does."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from shared.analysis.document import AnalysisOverrides

from .conftest import Analyse, Refuse

EITHER = "time,load\n03/04/2024,1\n04/04/2024,2\n05/04/2024,3\n"


@pytest.mark.parametrize(("day_first", "first"), [(True, "2024-04-03 00:00"), (False, "2024-03-04 00:00")])
def test_f13_a_person_decides_between_day_and_month_first(analyse: Analyse, day_first: bool, first: str) -> None:
    found = analyse(EITHER, day_first=day_first)
    assert found.times()[0] == first
    assert found.analysis.ambiguities == []
    assert found.analysis.overrides.day_first is day_first


def test_day_first_says_nothing_about_times_that_begin_with_the_year(analyse: Analyse) -> None:
    for day_first in (True, False):
        assert analyse("time,load\n2024-03-04,1\n", day_first=day_first).times() == ["2024-03-04 00:00"]


def test_f13_an_order_that_one_row_forbids_is_refused(refuse: Refuse) -> None:
    problem = refuse(EITHER + "13/04/2024,4\n", day_first=False)
    assert "month first does not fit" in problem.detail
    assert "'time' as dd/mm/yyyy" in problem.detail


def test_a_time_format_may_be_a_pattern_of_ones_own(analyse: Analyse) -> None:
    found = analyse("when,load\n3 Apr 2024 13h05,1\n4 Apr 2024 13h05,2\n", time_format="%d %b %Y %Hh%M")
    assert found.times() == ["2024-04-03 13:05", "2024-04-04 13:05"]
    assert found.analysis.time_candidates[0].format == "%d %b %Y %Hh%M"
    in_two = analyse(
        "d;c;load\n240403;1305;1\n240404;1305;2\n", time_column=0, clock_column=1, time_format="%y%m%d %H%M"
    )
    assert in_two.times() == ["2024-04-03 13:05", "2024-04-04 13:05"]
    assert in_two.canonical.columns == ["time", "load"]
    with_offset = analyse("when,load\n3 Apr 2024 13:05 +0200,1\n", time_format="%d %b %Y %H:%M %z")
    assert with_offset.times() == ["2024-04-03 11:05"]
    assert with_offset.analysis.timezone_source == "offset"


@pytest.mark.parametrize("pattern", ["%d %b %Y", "%Q", "%", "%%"])
def test_a_pattern_that_does_not_fit_is_refused(refuse: Refuse, pattern: str) -> None:
    problem = refuse("time,load\n2024-01-01 00:00,1\n", time_format=pattern)
    assert problem.title == "The times cannot be read as asked"
    assert pattern in problem.detail


def test_f13_a_pattern_must_fit_every_row(refuse: Refuse) -> None:
    rows = "3 Apr 2024,1\n4 Apr 2024,2\nsome day,3\n"
    assert "line 4, column 'when'" in refuse(f"when,load\n{rows}", time_format="%d %b %Y").detail


def test_the_time_of_day_may_be_taken_from_another_column(analyse: Analyse, refuse: Refuse) -> None:
    content = "day;begin;end;load\n13.01.2024;00:00;01:00;1\n13.01.2024;01:00;02:00;2\n"
    assert analyse(content).times()[0] == "2024-01-13 00:00"
    assert analyse(content, clock_column=2).times()[0] == "2024-01-13 01:00"
    assert "clock column number 4" in refuse(content, clock_column=3).detail


def test_delimiter_decimal_mark_header_and_encoding_are_taken_as_said(analyse: Analyse) -> None:
    assert analyse("2024-01-01;1,5;2\n", delimiter=";", decimal_mark=",").canonical["column 2"].item() == 1.5
    assert analyse("1;2\n2024-01-01;1,5\n", has_header=True).column(1).label == "2"
    assert analyse("2024-01-01;1,5\n2024-01-02;2,5\n", has_header=False).analysis.row_count == 2
    found = analyse("time;Größe\n2024-01-01;1\n", encoding="windows-1252")
    assert (found.analysis.encoding, found.column(1).label) == ("windows-1252", "GrÃ¶ße".replace("ß", "ÃŸ"))


def test_f12_a_decimal_mark_that_is_said_is_never_exchanged(refuse: Refuse) -> None:
    assert "decimal mark '.'" in refuse("time;load\n2024-01-01;1,5\n2024-01-02;2,5\n", decimal_mark=".").detail


def test_columns_may_be_kept_as_texts(analyse: Analyse) -> None:
    content = "time;load;station\n2024-01-01;1,5;7\n2024-01-02;2,5;8\n"
    assert analyse(content, text_columns=[2]).canonical.columns == ["time", "load"]


def test_overrides_are_reported_with_the_analysis_they_led_to(analyse: Analyse) -> None:
    found = analyse(EITHER, day_first=True, delimiter=",")
    assert found.analysis.overrides == AnalysisOverrides(timezone="UTC", day_first=True, delimiter=",")


def test_names_are_taken_in_both_spellings_and_unknown_ones_are_refused() -> None:
    assert AnalysisOverrides.model_validate({"dayFirst": True}) == AnalysisOverrides(day_first=True)
    with pytest.raises(ValidationError):
        AnalysisOverrides.model_validate({"monthFirst": True})
