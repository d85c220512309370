"""The configuration document: what is refused, with which words, and what is said of what it takes."""

from __future__ import annotations

from typing import Any

import pytest

from shared.problems import Category, ProblemError
from shared.series.configuration import Configuration, parse_configuration
from shared.series.configuration_files import FileColumns, check_against_files
from shared.series.notes import configuration_notes
from tests.unit.series.examples import changed, document

AVERAGED = changed("series.0.average", True)
CURRENT = changed("series.0.kind", "current")


def refusal(document: Any) -> str:
    with pytest.raises(ProblemError) as raised:
        parse_configuration(document)
    assert raised.value.problem.category is Category.DATA_VALIDATION
    assert raised.value.problem.recovery
    return raised.value.problem.detail


@pytest.mark.parametrize("nothing", [None, [], [1], "text", 7, 1.5, True])
def test_what_is_no_object_is_refused(nothing: Any) -> None:
    assert "the document" in refusal(nothing)


@pytest.mark.parametrize("split", ["x", 7, [0.7], True])
def test_a_split_that_is_no_object_is_refused_beside_percentages(split: Any) -> None:
    assert refusal(document(split=split, trainPercentage=70)).startswith("split")


@pytest.mark.parametrize(
    "field",
    [
        "series.0.horizon.start_hours",
        "series.0.horizon.end_hours",
        "series.0.max_gap_minutes",
        "series.0.scale.min",
        "series.0.scale.max",
        "time_steps.input",
        "time_steps.step_minutes",
        "time_steps.offset_minutes",
        "time_features.day.start_hours",
        "time_features.day.scale.max",
        "split.train",
        "split.seed",
        "season_hours",
        "time_limit_seconds",
    ],
)
@pytest.mark.parametrize("number", [float("inf"), float("-inf"), float("nan"), True, 1e300, "many", [1]])
def test_f22_every_number_is_bounded(field: str, number: Any) -> None:
    assert refusal(changed(field, number)).startswith(field)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("time_steps.step_minutes", 1e-9, "greater than or equal"),
        ("time_steps.input", 4097, "less than or equal"),
        ("time_limit_seconds", 0.5, "greater than or equal"),
        ("time_limit_seconds", 8 * 86400, "less than or equal"),
        ("series.0.file", "", "at least 1 character"),
        ("time_features.holiday", {"dates": ["2024-13-01"]}, "date"),
        ("timezone", "Europe/Wien", "Europe/"),
        ("timezone", "localtime", "unknown time zone"),
        ("time_steps.input", 2.5, "fractional"),
        ("time_steps.input", None, "valid integer"),
    ],
)
def test_f76_a_wrong_value_is_refused_by_its_field(field: str, value: Any, words: str) -> None:
    found = refusal(changed(field, value))
    assert found.startswith(field)
    assert words in found


def test_f76_numbers_written_as_text_become_numbers() -> None:
    steps = parse_configuration(changed("time_steps.input", "9")).time_steps
    assert steps.input == 9


@pytest.mark.parametrize("place", ["", "series.0.", "series.0.horizon.", "time_steps.", "split.", "scaling."])
def test_f65_an_unknown_field_is_refused(place: str) -> None:
    assert refusal(changed(f"{place}unheard_of", 1)).startswith(f"{place}unheard_of: there is no such field")


@pytest.mark.parametrize(
    ("base", "field", "value", "words"),
    [
        (CURRENT, "series.0.average", True, "average has no effect"),
        (CURRENT, "series.0.method", "nearest", "method has no effect"),
        (CURRENT, "series.0.max_gap_minutes", 60, "max_gap_minutes"),
        (AVERAGED, "series.0.method", "mean", "takes the place"),
        (AVERAGED, "series.0.max_gap_minutes", 60, "max_gap_minutes"),
        (AVERAGED, "series.0.horizon.end_hours", -6, "needs a horizon that lasts"),
        (changed("series.0.method", "mean"), "series.0.max_gap_minutes", 60, "max_gap_minutes"),
        (document(), "series.0.kind", "forecast", "needs an issue_column"),
        (document(), "series.0.issue_column", "issued", "belongs to kind forecast"),
        (document(), "series.2.kind", "current", "an output is measured"),
        (document(), "time_features.holiday", {}, "neither country nor dates"),
        (document(), "time_features.holiday", {"dates": ["2024-01-01"], "subdivision": "1"}, "needs its country"),
        (document(), "time_features.holiday", {"lists": {"x": ["2024-01-01"]}, "day_after": True}, "need a country"),
        (document(scaling={"kind": "standard"}), "series.0.scale", {"min": -1, "max": 1}, "have no effect"),
        (document(scaling={"kind": "none"}), "time_features.day", {"scale": {"min": -1, "max": 1}}, "have no effect"),
    ],
)
def test_f65_a_choice_that_could_have_no_effect_is_refused(
    base: dict[str, Any], field: str, value: Any, words: str
) -> None:
    assert words in refusal(changed(field, value, base))


@pytest.mark.parametrize(
    ("twice", "words"),
    [
        ({"split": {"train": 0.6, "validation": 0.3, "test": 0.1}, "trainPercentage": 70}, "split.train"),
        ({"split": {"shuffle": False}, "random_dat": True}, "split.shuffle"),
        ({"models": [{"kind": "Linear"}], "modelParams": {"Dense_NN": {}}}, "modelParams"),
        ({"models": [{"kind": "Dense", "LAY": 3, "layers": 4}]}, "layers"),
        ({"time_steps": {"input": 1, "output": 1, "step_minutes": 5, "stepSize": 6}}, "stepSize"),
        ({"timeSteps": {"input": 1, "output": 1, "step_minutes": 5}}, "time_steps"),
    ],
)
def test_f65_two_spellings_that_differ_are_refused(twice: dict[str, Any], words: str) -> None:
    assert words in refusal(document(**twice))


def test_the_older_spelling_is_read() -> None:
    base = document(
        timeSteps={"input": 7, "output": 3, "stepSize": 60, "offset": 5},
        timeFeatures={"day": True, "week": False},
        modelParams={"Dense_NN": {"layers": [64, 32], "epochs": 5, "batchSize": 16}},
        trainPercentage=60,
        valPercentage=30,
        testPercentage=10,
        random_dat=True,
    )
    del base["time_steps"]

    found = parse_configuration(base)

    assert (found.time_steps.step_minutes, found.time_steps.offset_minutes) == (60, 5)
    assert set(found.time_features.wanted) == {"day"}
    assert found.models[0]["layers"] == [64, 32]
    assert (found.split.train, found.split.validation, found.split.test) == (0.6, 0.3, 0.1)
    assert found.split.shuffle is True


def test_what_is_stored_is_read_again_as_the_same() -> None:
    holiday = {"dates": ["2024-05-01"], "local": True}
    configuration = parse_configuration(document(time_features={"day": {}, "holiday": holiday}))
    assert parse_configuration(configuration.model_dump(mode="json")) == configuration


def notes(**changes: Any) -> list[str]:
    return configuration_notes(parse_configuration(document(**changes)))


def test_f65_a_plain_document_needs_no_note() -> None:
    assert notes() == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"timezone": "Europe/Vienna"}, "timezone"),
        ({"split": {"seed": 7}}, "split.seed"),
        ({"time_features": {"day": {"at": "reference", "start_hours": -5}}}, "time_features.day"),
        ({"time_features": {"holiday": {"country": "AT", "dates": ["2024-05-01"]}}}, "time_features.holiday.country"),
        ({"scaling": {"kind": "none", "fit": "all"}}, "scaling.fit"),
        ({"series": CURRENT["series"]}, "series.0.horizon"),
    ],
)
def test_f65_a_choice_without_effect_is_noted(changes: dict[str, Any], field: str) -> None:
    (note,) = notes(**changes)
    assert note.startswith(field)
    assert "no effect" in note


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"split": {"shuffle": True}}, "split.shuffle"),
        ({"split": {"embargo": False}}, "split.embargo"),
        ({"scaling": {"fit": "all"}}, "scaling.fit"),
        (changed("series.2.horizon.start_hours", 0), "holds values of output 'next' itself"),
    ],
)
def test_f71_what_lets_the_future_in_is_noted(changes: dict[str, Any], words: str) -> None:
    (note,) = notes(**changes)
    assert words in note


def columns(*names: str) -> FileColumns:
    return FileColumns("load.csv", ["time", "comment", *names], list(names), "time")


def checked(document: dict[str, Any], **files: FileColumns) -> Configuration:
    return check_against_files(parse_configuration(document), files)


def test_files_are_found_by_name_and_their_only_number_column_is_taken() -> None:
    found = checked(document(), load=columns("kW"), temperature=columns("celsius"))
    assert [entry.value_column for entry in found.series] == ["kW", "celsius", "kW"]


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("series.0.file", "lode", "Did you mean 'load"),
        ("series.0.value_column", "kw", "Did you mean 'kW'"),
        ("series.0.time_column", "when", "Choose one"),
    ],
)
def test_a_column_that_does_not_exist_is_named_with_those_that_do(field: str, value: str, words: str) -> None:
    with pytest.raises(ProblemError) as raised:
        checked(changed(field, value), load=columns("kW"), temperature=columns("celsius"))
    assert field in raised.value.problem.detail
    assert words in raised.value.problem.recovery[0]


def test_f65_times_cannot_be_taken_from_another_column_than_the_file_was_read_with() -> None:
    with pytest.raises(ProblemError) as raised:
        checked(changed("series.0.time_column", "comment"), load=columns("kW"), temperature=columns("celsius"))
    assert "series.0.time_column" in raised.value.problem.detail
    assert "'time'" in raised.value.problem.recovery[0]
