"""The configuration document: what is to be predicted from what (contracts section 6)."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self
from zoneinfo import available_timezones

from pydantic import AliasGenerator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic.alias_generators import to_camel

from shared.problems import Category, ProblemError
from shared.series.configuration_older import from_older_spelling
from shared.series.model_parameters import parse_model

MAX_VALUES = 2_000_000_000
"""Bound on windows times steps times features of one dataset (lesson F22): 8 GB of float32."""
MAX_STEPS = 4096
_Hours = Annotated[float, Field(ge=-20 * 8784, le=20 * 8784, allow_inf_nan=False)]


class Part(BaseModel):
    """Base of the document's parts: both spellings are read, unknown fields are refused."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        populate_by_name=True,
        alias_generator=AliasGenerator(validation_alias=to_camel),
    )


class Scale(Part):
    """The range that a column is scaled to."""

    min: float = Field(default=0.0, allow_inf_nan=False)
    max: float = Field(default=1.0, allow_inf_nan=False)

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.min >= self.max:
            raise ValueError("min must be below max")
        return self


class Horizon(Part):
    """From when to when, in hours relative to the reference time."""

    start_hours: _Hours
    end_hours: _Hours

    @model_validator(mode="after")
    def _is_forward(self) -> Self:
        if self.start_hours > self.end_hours:
            raise ValueError("start_hours must not be after end_hours")
        return self


class SeriesConfiguration(Part):
    """One series: a column of a file, and how its windows are taken."""

    file: str = Field(min_length=1)
    role: Literal["input", "output"]
    time_column: str | None = None
    value_column: str | None = Field(default=None, description="None: the file's only number column.")
    issue_column: str | None = Field(default=None, description="For kind forecast: when each row was known.")
    name: str | None = Field(default=None, max_length=200)
    unit: str | None = Field(default=None, max_length=50)
    kind: Literal["historical", "current", "forecast"] = "historical"
    horizon: Horizon
    method: Literal["linear", "mean", "nearest"] = "linear"
    average: bool = False
    max_gap_minutes: float | None = Field(default=None, gt=0)
    scale: Scale | None = Scale()

    @property
    def label(self) -> str:
        """What people call it."""
        return self.name or self.value_column or self.file


class TimeSteps(Part):
    """The grid: numbers of steps in a window, and the distance of reference times."""

    input: int = Field(ge=1, le=MAX_STEPS)
    output: int = Field(ge=1, le=MAX_STEPS)
    step_minutes: float = Field(gt=0, le=366 * 1440, allow_inf_nan=False)
    offset_minutes: float = Field(default=0, ge=0, lt=1440, allow_inf_nan=False)


class TimeFeature(Part):
    """One calendar feature: where it is taken, in which time, and its range."""

    local: bool = False
    at: Literal["horizon", "reference"] = "horizon"
    start_hours: _Hours = -24
    end_hours: _Hours = 0
    scale: Scale | None = None


class HolidayFeature(TimeFeature):
    """1 on public holidays: of a country, or on the dates given."""

    country: str | None = Field(default=None, max_length=10)
    subdivision: str | None = Field(default=None, max_length=20)
    dates: list[str] | None = Field(default=None, max_length=10_000)


class TimeFeatures(Part):
    """Which calendar features are appended to the inputs, always in this order."""

    year: TimeFeature | None = None
    month: TimeFeature | None = None
    week: TimeFeature | None = None
    day: TimeFeature | None = None
    holiday: HolidayFeature | None = None


class Scaling(Part):
    """How columns are scaled, and on which windows that is learned."""

    fit: Literal["train", "all"] = "train"
    kind: Literal["minmax", "standard", "none"] = "minmax"


class Split(Part):
    """Fractions of the windows."""

    train: float = Field(default=0.7, gt=0, lt=1)
    validation: float = Field(default=0.2, ge=0, lt=1)
    test: float = Field(default=0.1, gt=0, lt=1)
    shuffle: bool = False
    seed: int = Field(default=0, ge=0, le=2**31 - 1)
    embargo: bool = True

    @model_validator(mode="after")
    def _sums_to_one(self) -> Self:
        if abs(self.train + self.validation + self.test - 1) > 1e-6:
            raise ValueError("train, validation and test must add up to 1")
        return self


class Configuration(Part):
    """The whole document. ``models`` keep their parameters as validated by their kind."""

    series: list[SeriesConfiguration] = Field(min_length=2, max_length=500)
    time_steps: TimeSteps
    timezone: str = "UTC"
    time_features: TimeFeatures = TimeFeatures()
    scaling: Scaling = Scaling()
    split: Split = Split()
    season_hours: float | None = Field(default=None, gt=0, description="None: found in the training part.")
    models: list[dict[str, Any]] = Field(default_factory=list, max_length=50)

    @field_validator("timezone")
    @classmethod
    def _zone_exists(cls, value: str) -> str:
        if value not in available_timezones():
            near = difflib.get_close_matches(value, available_timezones(), n=1)
            raise ValueError(f"unknown time zone{f', did you mean {near[0]!r}?' if near else ''}")
        return value

    @field_validator("models")
    @classmethod
    def _models_are_known(cls, value: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [parse_model(model).model_dump(mode="json") for model in value]

    @model_validator(mode="after")
    def _has_inputs_and_outputs(self) -> Self:
        roles = {series.role for series in self.series}
        if roles != {"input", "output"}:
            raise ValueError("series needs at least one input and one output")
        return self

    @property
    def inputs(self) -> list[SeriesConfiguration]:
        """The input series, in order."""
        return [series for series in self.series if series.role == "input"]

    @property
    def outputs(self) -> list[SeriesConfiguration]:
        """The target series, in order."""
        return [series for series in self.series if series.role == "output"]


@dataclass(frozen=True, slots=True)
class FileColumns:
    """What a file offers, as its analysis found it."""

    file_name: str
    columns: list[str]
    numeric_columns: list[str]
    time_column: str | None


def parse_configuration(document: Mapping[str, Any]) -> Configuration:
    """Read a document in either spelling. Raises a problem that names the field, the value and what to do."""
    try:
        return Configuration.model_validate(from_older_spelling(document))
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(str(part) for part in fault["loc"]) or "the document"
        raise ProblemError(
            Category.DATA_VALIDATION,
            title="The configuration is not right",
            detail=f"{where}: {fault['msg'].removeprefix('Value error, ')} (got {fault.get('input')!r:.200}).",
            recovery=[f"Correct {where} and send the configuration again."],
            technical_details={
                "faults": [
                    {"field": ".".join(str(part) for part in entry["loc"]), "message": entry["msg"]}
                    for entry in error.errors()[:50]
                ]
            },
        ) from error


def check_against_files(configuration: Configuration, files: Mapping[str, FileColumns]) -> Configuration:
    """The configuration with file ids and value columns filled in.

    A series names its file by id or by name. Raises a problem for a file or column that does not exist, with
    those that do.
    """
    series = [_resolve(entry, index, files) for index, entry in enumerate(configuration.series)]
    return configuration.model_copy(update={"series": series})


def _resolve(entry: SeriesConfiguration, index: int, files: Mapping[str, FileColumns]) -> SeriesConfiguration:
    where = f"series.{index}"
    by_name = {columns.file_name: file_id for file_id, columns in files.items()}
    file_id = entry.file if entry.file in files else by_name.get(entry.file)
    if file_id is None:
        raise _unknown(f"{where}.file", "file", entry.file, sorted(by_name))
    columns = files[file_id]
    if columns.time_column is None:
        raise ProblemError(
            Category.DATA_VALIDATION,
            title="A file has no time column",
            detail=f"{where}.file: no column of {columns.file_name} could be read as times.",
            recovery=["Look at the file's analysis for what was tried.", "Upload it with ISO 8601 times."],
        )
    if entry.time_column is not None and entry.time_column not in columns.columns:
        raise _unknown(f"{where}.time_column", f"column of {columns.file_name}", entry.time_column, columns.columns)
    value_column = entry.value_column
    if value_column is None and len(columns.numeric_columns) == 1:
        value_column = columns.numeric_columns[0]
    if value_column is None or value_column not in columns.numeric_columns:
        raise _unknown(
            f"{where}.value_column", f"number column of {columns.file_name}", value_column, columns.numeric_columns
        )
    return entry.model_copy(update={"file": file_id, "value_column": value_column})


def _unknown(where: str, what: str, value: str | None, known: list[str]) -> ProblemError:
    near = difflib.get_close_matches(value or "", known, n=1, cutoff=0.5)
    return ProblemError(
        Category.DATA_VALIDATION,
        title=f"There is no such {what.partition(' of ')[0]}",
        detail=f"{where}: {value!r} is no {what}; there are: {', '.join(known) or 'none'}.",
        recovery=[f"Did you mean {near[0]!r}?" if near else "Choose one of those that exist."],
    )
