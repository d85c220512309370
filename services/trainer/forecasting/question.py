"""What is asked of a forecast: new rows, and from when on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Self
from uuid import UUID

import orjson
from pydantic import ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from shared.problems import Category, ProblemError
from shared.web.documents import Document

MOST_ROWS = 1_000_000
"""Of all series together: far more than the longest window takes."""
_Text = Annotated[str, Field(max_length=200)]


class _Strict(Document):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, extra="forbid")


class GivenSeries(_Strict):
    """One input's newest rows."""

    times: list[_Text] = Field(
        fail_fast=True,
        min_length=1,
        description="ISO 8601. Without an offset, in the time zone that the training file was read in.",
    )
    values: list[float | None] = Field(
        fail_fast=True, description="In original units; null where a row holds no number."
    )
    issues: list[_Text] | None = Field(
        fail_fast=True, default=None, description="For kind forecast: when each row was known."
    )

    @model_validator(mode="after")
    def _as_many_of_each(self) -> Self:
        if len(self.values) != len(self.times) or len(self.issues or self.times) != len(self.times):
            raise ValueError(
                f"{len(self.times)} times, {len(self.values)} values"
                + (f" and {len(self.issues)} issues" if self.issues is not None else "")
                + ": there must be as many of each"
            )
        return self


class Wish(_Strict):
    """Which model is to forecast, and from when on; all of it optional."""

    reference_time: _Text | None = Field(
        default=None,
        description="The moment that is forecast from, ISO 8601. Without it: the newest that the rows allow, "
        "among those that training knows (whole steps of the grid of its windows).",
    )
    target: _Text | None = Field(default=None, description="Only this one of several targets.")
    job_id: UUID | None = Field(default=None, description="This job's model, instead of the one that is served.")
    run_id: UUID | None = Field(default=None, description="The best model of this run, for each target.")

    @model_validator(mode="after")
    def _one_model(self) -> Self:
        if self.job_id is not None and self.run_id is not None:
            raise ValueError("give a jobId or a runId, not both")
        return self


class ForecastQuestion(Wish):
    """New rows by series or as a table, beside what is wished."""

    series: dict[_Text, GivenSeries] | None = Field(
        default=None,
        description="By the input's name, by its column, or by file/column. Inputs of one column need it once.",
    )
    rows: list[dict[_Text, float | str | None]] | None = Field(
        fail_fast=True,
        default=None,
        min_length=1,
        description='A table instead: [{"time": "2026-01-01T00:00Z", "load": 51.2}, …].',
    )

    @model_validator(mode="after")
    def _rows_in_one_way(self) -> Self:
        if (self.series is None) == (self.rows is None):
            raise ValueError("give either series or rows")
        given = len(self.rows or ()) + sum(len(one.times) for one in (self.series or {}).values())
        if given > MOST_ROWS:
            raise ValueError(f"{given} rows are more than the {MOST_ROWS} that are taken")
        return self


def parse_question(body: bytes) -> ForecastQuestion:
    """From JSON. Raises DATA_VALIDATION that names the field.

    Takes many times the body's size, and as long as it takes nothing else runs: for a process of its own.
    """
    try:
        return ForecastQuestion.model_validate_json(body)
    except ValidationError as error:
        raise _not_right(error) from error


def read_wish(body: bytes) -> Wish:
    """What is wished alone of a question in JSON; whether its rows are right is seen by :func:`parse_question`.

    Raises DATA_VALIDATION that names the field.
    """
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _refused([{"field": "", "message": f"The body is no JSON: {error}"}]) from error
    if not isinstance(document, dict):
        raise _refused([{"field": "", "message": "The body is no JSON object"}])
    names = {spelling for name, field in Wish.model_fields.items() for spelling in (name, field.alias)}
    return make_wish({name: value for name, value in document.items() if name in names})


def make_wish(asked: Mapping[str, object]) -> Wish:
    """Raises DATA_VALIDATION that names the field."""
    try:
        return Wish.model_validate(asked)
    except ValidationError as error:
        raise _not_right(error) from error


def _not_right(error: ValidationError) -> ProblemError:
    faults = [
        {"field": ".".join(str(part) for part in fault["loc"]), "message": fault["msg"].removeprefix("Value error, ")}
        for fault in error.errors(include_url=False, include_input=False)[:20]
    ]
    return _refused(faults)


def _refused(faults: list[dict[str, str]]) -> ProblemError:
    where = f"{faults[0]['field']}: " if faults[0]["field"] else ""
    return ProblemError(
        Category.DATA_VALIDATION,
        title="The question is not right",
        detail=f"{where}{faults[0]['message']}.",
        recovery=["Correct it and send it again; /docs shows what is taken."],
        technical_details={"faults": faults},
    )
