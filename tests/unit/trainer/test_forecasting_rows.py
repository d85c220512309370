"""New rows that will not do are refused in words that say which, from when to when, and what was given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from services.trainer.forecasting.forecast import find_window, local_texts
from services.trainer.forecasting.given import Inputs, TrainedFile, from_csv, from_question
from services.trainer.forecasting.moments import issue_moments, moments
from services.trainer.forecasting.question import parse_question, read_wish
from shared.problems import Category, Problem, ProblemError
from shared.series.calendar_columns import feature_names
from shared.series.configuration import parse_configuration
from shared.series.series import Series, moment_text
from tests.unit.series.examples import HOUR, START, changed, document, hourly


def inputs_of(asked: dict[str, Any] | None = None, *, zone: str = "UTC") -> Inputs:
    configuration = parse_configuration(asked or document())
    files = {name: TrainedFile(f"{name}.csv", zone, None) for name in ("load", "temperature")}
    names = [entry.label for entry in configuration.inputs]
    return Inputs(configuration, [*names, *feature_names(configuration)][: len(names)], files)


def sent(series: Series) -> dict[str, Any]:
    return {"times": [moment_text(int(time)) for time in series.times], "values": series.values.tolist()}


def refusal(body: dict[str, Any], inputs: Inputs | None = None) -> Problem:
    """Of rows, as they are read or as a window is made of them."""
    with pytest.raises(ProblemError) as raised:
        window_of(body, inputs or inputs_of())
    return raised.value.problem


def window_of(body: dict[str, Any], inputs: Inputs) -> tuple[int, Any]:
    question = parse_question(orjson.dumps(body))
    asked = question.reference_time
    reference = None if asked is None else int(moments([asked], "UTC", "referenceTime")[0])
    return find_window(inputs, from_question(question, inputs), reference, START)


def test_without_a_reference_time_it_is_the_newest_that_every_series_reaches() -> None:
    inputs = inputs_of()

    reference, window = find_window(inputs, [hourly(20), hourly(12)], None, START)

    assert reference == START + 11 * HOUR
    assert window.shape == (1, 7, 2)


def test_a_row_without_a_number_moves_the_newest_reference_time_behind_it() -> None:
    load = hourly(20)
    load.values[17] = np.nan

    reference, _ = find_window(inputs_of(), [load, hourly(20)], None, START)

    assert reference == START + 16 * HOUR


def test_reference_times_stay_on_the_grid_of_the_training_windows() -> None:
    configuration = changed("time_steps.step_minutes", 1440)

    reference, _ = find_window(inputs_of(configuration), [hourly(60), hourly(60)], None, START)
    beyond, _ = find_window(inputs_of(configuration), [hourly(60), hourly(60)], None, None)

    assert reference == START + 48 * HOUR
    assert beyond == START + 59 * HOUR


def test_too_few_rows_say_of_each_series_what_is_needed_and_what_was_given() -> None:
    problem = refusal({"series": {"load": sent(hourly(20)), "temp": sent(hourly(4))}})

    assert problem.category is Category.INSUFFICIENT_DATA
    assert "'temp' needs rows from 2023-12-31T21:00:00Z to 2024-01-01T03:00:00Z" in problem.detail
    assert "4 rows from 2024-01-01T00:00:00Z to 2024-01-01T03:00:00Z" in problem.detail
    assert problem.technical_details is not None
    load, temperature = problem.technical_details["series"]
    assert load["given"] == {"from": "2024-01-01T00:00:00Z", "to": "2024-01-01T19:00:00Z", "rows": 20}
    assert temperature["lacks"]["cause"] == "before"


def test_a_reference_time_behind_the_rows_says_which_series_ends_too_early() -> None:
    body = {"series": {"load": sent(hourly(20)), "temp": sent(hourly(30))}, "referenceTime": "2024-01-01T22:00:00Z"}

    problem = refusal(body)

    assert problem.category is Category.INSUFFICIENT_DATA
    assert "'load' needs rows from 2024-01-01T16:00:00Z to 2024-01-01T22:00:00Z" in problem.detail
    assert "'temp' needs" not in problem.detail


def test_a_gap_that_training_would_not_bridge_is_not_bridged_now() -> None:
    load = hourly(20)
    holes = Series("load", np.delete(load.times, [15, 16]), np.delete(load.values, [15, 16]))
    body = {"series": {"load": sent(holes), "temp": sent(hourly(20))}, "referenceTime": "2024-01-01T19:00:00Z"}

    problem = refusal(body, inputs_of(changed("series.0.max_gap_minutes", 90)))

    assert problem.technical_details is not None
    assert problem.technical_details["series"][0]["lacks"]["cause"] == "gap"


def test_a_series_that_nobody_sent_is_named_with_those_that_are_needed() -> None:
    problem = refusal({"series": {"load": sent(hourly(20))}})

    assert problem.category is Category.DATA_VALIDATION
    assert problem.technical_details == {"missing": ["temp"], "inputs": ["load", "temp"]}


def test_a_name_that_no_input_has_is_told_what_it_was_likely_to_be() -> None:
    problem = refusal({"series": {"load": sent(hourly(20)), "temperatur": sent(hourly(20))}})

    assert "'temperatur' is no input" in problem.detail
    assert problem.recovery == ["Did you mean 'temperature'?"]


@pytest.mark.parametrize(
    ("series", "words"),
    [
        ({"times": ["soon"], "values": [1.0]}, "'soon' is no time"),
        ({"times": ["2024-01-01T00:00Z"], "values": []}, "1 times, 0 values"),
        ({"times": [], "values": []}, "series.load.times"),
        ({"times": ["2024-01-01T00:00Z", "2024-01-01T01:00+01:00"], "values": [1.0, 2.0]}, "a time is there twice"),
        ({"times": ["9024-01-01T00:00Z"], "values": [1.0]}, "is in a year that cannot be computed with"),
        ({"times": ["2024-01-01T00:00Z"], "values": ["much"]}, "series.load.values.0"),
        ({"times": ["2024-01-01T00:00Z"], "values": [1.0], "unit": "kW"}, "series.load.unit"),
    ],
)
def test_what_cannot_be_read_is_named(series: dict[str, Any], words: str) -> None:
    problem = refusal({"series": {"load": series, "temp": sent(hourly(20))}})

    assert problem.category is Category.DATA_VALIDATION
    assert words in problem.detail


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"series": {}, "rows": []}', b"\xff\xfe", b'{"series": 1}'])
def test_a_body_that_is_no_question_is_refused(body: bytes) -> None:
    with pytest.raises(ProblemError) as raised:
        parse_question(body)

    assert raised.value.problem.category is Category.DATA_VALIDATION


def test_what_is_wished_is_read_without_looking_at_the_rows() -> None:
    assert read_wish(b'{"rows": [1, 1], "series": 7, "target": "load", "referenceTime": "now"}').target == "load"
    for body in (b"", b"[]", b"\xff", b'{"target": 7}', b'{"jobId": "x"}'):
        with pytest.raises(ProblemError) as raised:
            read_wish(body)
        assert raised.value.problem.category is Category.DATA_VALIDATION


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"rows": 1000 * [1]}, "rows.0"),
        ({"series": {"load": {"times": 1000 * [1], "values": []}}}, "series.load.times.0"),
        ({"series": {"load": {"times": ["x"], "values": 1000 * ["x"]}}}, "series.load.values.0"),
    ],
)
def test_of_many_faults_in_a_list_the_first_one_ends_the_reading(body: dict[str, Any], field: str) -> None:
    with pytest.raises(ProblemError) as raised:
        parse_question(orjson.dumps(body))

    details = raised.value.problem.technical_details
    assert details is not None
    assert [fault["field"] for fault in details["faults"]] == [field]


def test_one_column_that_several_inputs_are_made_of_is_sent_once() -> None:
    asked = document()
    mean = {"file": "load", "role": "input", "name": "mean", "average": True}
    asked["series"].insert(1, {**mean, "horizon": {"start_hours": -6, "end_hours": 0}})
    inputs = inputs_of(asked)
    body = orjson.dumps({"series": {"load": sent(hourly(20)), "temp": sent(hourly(20))}})

    load, same, _ = from_question(parse_question(body), inputs)

    assert same is load


def test_a_table_has_rows_of_several_series_each_with_its_own() -> None:
    rows: list[dict[str, Any]] = [
        {"time": moment_text(START + hour * HOUR), "load": float(hour), "temp": 2.0 * hour} for hour in range(8)
    ]
    del rows[3]["temp"]
    rows[4]["load"] = None

    load, temperature = from_question(parse_question(orjson.dumps({"rows": rows[::-1]})), inputs_of())

    assert [len(load), len(temperature)] == [8, 7]
    assert np.isnan(load.values[4])
    assert load.values[5] == 5.0


def test_f14_wall_clock_times_pass_through_the_hour_that_happens_twice() -> None:
    texts = ["2024-10-27T01:30", "2024-10-27T02:00", "2024-10-27T02:30", "2024-10-27T02:00", "2024-10-27T02:30"]

    found = moments([*texts, "2024-10-27T03:00"], "Europe/Vienna", "times")

    assert np.unique(np.diff(found)).tolist() == [HOUR // 2]
    assert local_texts(found[[1, 3]], "Europe/Vienna") == ["2024-10-27T02:00:00+02:00", "2024-10-27T02:00:00+01:00"]


def test_f14_issue_times_repeat_by_nature_so_an_hour_that_happens_twice_needs_its_offset() -> None:
    issues = ["2024-10-27T01:00"] * 4 + ["2024-10-27T03:00"]
    times = ["2024-10-27T02:00", "2024-10-27T02:30", "2024-10-27T02:00", "2024-10-27T02:30", "2024-10-27T02:00"]

    known = issue_moments(issues, "Europe/Vienna", "issues")
    found = moments(times, "Europe/Vienna", "times", known)
    with pytest.raises(ProblemError, match="happens twice in Europe/Vienna; write it with an offset"):
        issue_moments(["2024-10-27T02:00"] * 2, "Europe/Vienna", "issues")
    same = issue_moments(["2024-10-27T02:00+01:00"] * 2, "Europe/Vienna", "issues")

    assert np.unique(known[:4]).size == 1
    assert np.diff(found).tolist() == [HOUR // 2, HOUR // 2, HOUR // 2, -3 * HOUR // 2]
    assert same[0] == same[1]


@pytest.mark.parametrize("text", ["0001-01-01T00:00", "9999-12-31T23:59", "0001-01-01T00:00:00+05:00"])
@pytest.mark.parametrize("zone", ["Europe/Vienna", "America/New_York"])
def test_years_at_the_calendar_s_ends_are_refused_in_words(text: str, zone: str) -> None:
    for read in (moments, issue_moments):
        with pytest.raises(ProblemError, match="a year that cannot be computed with"):
            read([text], zone, "times")


def test_f14_wall_clock_times_that_clocks_skip_are_refused() -> None:
    with pytest.raises(ProblemError, match="does not exist in Europe/Vienna"):
        moments(["2024-03-31T02:30"], "Europe/Vienna", "times")


def test_a_csv_without_the_model_s_inputs_is_refused_with_their_names(tmp_path: Path) -> None:
    path = tmp_path / "new.csv"
    path.write_text("time,price\n2024-01-01T00:00Z,1.5\n2024-01-01T01:00Z,2.5\n2024-01-01T02:00Z,2.0\n")

    with pytest.raises(ProblemError, match="its inputs are 'load', 'temp'"):
        from_csv(path, inputs_of(), tmp_path)


def two_of_one_name() -> Inputs:
    """Inputs from two files whose columns are called the same."""
    asked = document()
    for entry in asked["series"]:
        entry["value_column"] = "value"
    return inputs_of(asked)


def csv(path: Path, *columns: str) -> Path:
    lines = [",".join(["time", *columns])]
    lines += [",".join([moment_text(START + hour * HOUR), *(len(columns) * [f"{hour}.5"])]) for hour in range(8)]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_one_column_of_a_csv_never_stands_for_two_columns_of_the_session(tmp_path: Path) -> None:
    with pytest.raises(ProblemError) as raised:
        from_csv(csv(tmp_path / "new.csv", "value"), two_of_one_name(), tmp_path)
    load, temperature = from_csv(csv(tmp_path / "both.csv", "load", "temp"), two_of_one_name(), tmp_path)

    assert raised.value.problem.technical_details == {"missing": ["temp"], "inputs": ["load", "temp"]}
    assert load.values.tolist() == temperature.values.tolist()


def test_rows_of_one_input_under_two_names_are_refused_in_every_form(tmp_path: Path) -> None:
    again = "load.csv/value"
    time = moment_text(START)
    series = {name: sent(hourly(8)) for name in ("load", again, "temp")}
    with pytest.raises(ProblemError, match="given under another name already"):
        from_csv(csv(tmp_path / "new.csv", "load", again, "temp"), two_of_one_name(), tmp_path)
    for body in ({"series": series}, {"rows": [{"time": time, "load": 1.5, again: 9.0, "temp": 1.0}]}):
        assert "given under another name already" in refusal(body, two_of_one_name()).detail


def test_a_reference_time_that_the_rows_allow_is_named_where_another_one_was_asked_for() -> None:
    series = [hourly(20), hourly(20)]
    with pytest.raises(ProblemError) as raised:
        find_window(inputs_of(), series, START + 100 * HOUR, START)

    possible, _ = find_window(inputs_of(), series, None, START)
    assert raised.value.problem.recovery[-1] == (
        f"Or ask for referenceTime {moment_text(possible)}, the newest that these rows allow."
    )
    find_window(inputs_of(), series, possible, START)
