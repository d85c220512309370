"""The configuration document: what is to be predicted from what (contracts section 6)."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal, Self
from zoneinfo import available_timezones

from pydantic import (
    AliasGenerator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic.alias_generators import to_camel

from shared.problems import Category, ProblemError
from shared.series.configuration_older import from_older_spelling
from shared.series.model_parameters import parse_model

MAX_VALUES = 2_000_000_000
"""Bound on windows times steps times features of one dataset (lesson F22): 8 GB of float32."""
MAX_STEPS = 4096
MAX_REFERENCES = 50_000_000
"""Bound on the reference times that are looked at, kept or not."""
LONGEST_HOURS = 20 * 8784
LEAST_STEP_MINUTES = 1 / 60_000
_LARGEST = 1e15


def _no_flag(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("must be a number, not true or false")
    return value


_Real = Annotated[float, BeforeValidator(_no_flag), Field(allow_inf_nan=False)]
_Whole = Annotated[int, BeforeValidator(_no_flag)]
_Hours = Annotated[_Real, Field(ge=-LONGEST_HOURS, le=LONGEST_HOURS)]
_Bound = Annotated[_Real, Field(ge=-_LARGEST, le=_LARGEST)]
_Fraction = Annotated[_Real, Field(ge=0, lt=1)]
_Name = Annotated[str, Field(min_length=1, max_length=200)]


class Part(BaseModel):
    """Base of the document's parts: both spellings are read, unknown fields are refused."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        populate_by_name=True,
        allow_inf_nan=False,
        alias_generator=AliasGenerator(validation_alias=to_camel),
    )


class Scale(Part):
    """The range that a column is scaled to."""

    min: _Bound = 0.0
    max: _Bound = 1.0

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

    file: _Name
    role: Literal["input", "output"]
    time_column: _Name | None = None
    value_column: _Name | None = Field(default=None, description="None: the file's only number column.")
    issue_column: _Name | None = Field(default=None, description="For kind forecast: when each row was known.")
    name: _Name | None = None
    unit: str | None = Field(default=None, max_length=50)
    kind: Literal["historical", "current", "forecast"] = "historical"
    horizon: Horizon
    method: Literal["linear", "mean", "nearest"] = "linear"
    average: bool = False
    max_gap_minutes: _Real | None = Field(default=None, gt=0, le=LONGEST_HOURS * 60)
    scale: Scale | None = Scale()

    @model_validator(mode="after")
    def _every_choice_has_an_effect(self) -> Self:
        """Lesson F65: what would be ignored is refused."""
        for applies, fault in (
            (self.role == "output" and self.kind != "historical", "an output is measured: its kind is historical"),
            (self.kind == "forecast" and self.issue_column is None, "kind forecast needs an issue_column"),
            (self.kind != "forecast" and self.issue_column is not None, "issue_column belongs to kind forecast"),
            (self.kind == "current" and self.average, "kind current is one value: average has no effect"),
            (self.kind == "current" and self.method != "linear", "kind current is one value: method has no effect"),
            (self.average and self.method != "linear", f"average takes the place of method {self.method}"),
            (
                self.average and self.horizon.start_hours == self.horizon.end_hours,
                "average needs a horizon that lasts: start_hours below end_hours",
            ),
            (
                self.max_gap_minutes is not None and not self.interpolates,
                "max_gap_minutes is for interpolation: it has no effect with average, mean, nearest or kind current",
            ),
        ):
            if applies:
                raise ValueError(fault)
        return self

    @property
    def interpolates(self) -> bool:
        """Whether values are taken between rows."""
        return self.kind != "current" and not self.average and self.method == "linear"

    @property
    def label(self) -> str:
        """What people call it."""
        return self.name or self.value_column or self.file


class TimeSteps(Part):
    """The grid: numbers of steps in a window, and the distance of reference times."""

    input: _Whole = Field(ge=1, le=MAX_STEPS)
    output: _Whole = Field(ge=1, le=MAX_STEPS)
    step_minutes: _Real = Field(ge=LEAST_STEP_MINUTES, le=366 * 1440)
    offset_minutes: _Real = Field(default=0, ge=0, lt=1440)


class TimeFeature(Part):
    """One calendar feature: where it is taken, in which time, and its range."""

    local: bool = False
    at: Literal["horizon", "reference"] = "horizon"
    start_hours: _Hours = -24
    end_hours: _Hours = 0
    scale: Scale | None = None


class HolidayFeature(TimeFeature):
    """1 on public holidays: of a country, or on the dates given instead of them."""

    country: str | None = Field(default=None, max_length=10)
    subdivision: str | None = Field(default=None, max_length=20)
    dates: list[date] | None = Field(default=None, min_length=1, max_length=10_000)

    @model_validator(mode="after")
    def _says_which_days(self) -> Self:
        if self.country is None and self.dates is None:
            raise ValueError("neither country nor dates are given")
        if self.subdivision is not None and self.country is None:
            raise ValueError("subdivision needs its country")
        return self


class TimeFeatures(Part):
    """Which calendar features are appended to the inputs, always in this order."""

    year: TimeFeature | None = None
    month: TimeFeature | None = None
    week: TimeFeature | None = None
    day: TimeFeature | None = None
    holiday: HolidayFeature | None = None

    @property
    def wanted(self) -> dict[str, TimeFeature]:
        """Those that are asked for, by name, in their order."""
        features = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: feature for name, feature in features.items() if feature is not None}


class Scaling(Part):
    """How columns are scaled, and on which windows that is learned."""

    fit: Literal["train", "all"] = "train"
    kind: Literal["minmax", "standard", "none"] = "minmax"


class Split(Part):
    """Fractions of the windows."""

    train: _Fraction = Field(default=0.7, gt=0)
    validation: _Fraction = 0.2
    test: _Fraction = Field(default=0.1, gt=0)
    shuffle: bool = False
    seed: _Whole = Field(default=0, ge=0, le=2**31 - 1)
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
    season_hours: _Real | None = Field(
        default=None, gt=0, le=LONGEST_HOURS, description="None: found in the training part."
    )
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

    @model_validator(mode="after")
    def _ranges_have_an_effect(self) -> Self:
        ranged = [series.scale for series in self.series]
        ranged += [feature.scale for feature in self.time_features.wanted.values()]
        if self.scaling.kind != "minmax" and any(scale not in (None, Scale()) for scale in ranged):
            raise ValueError(f"scale.min and scale.max have no effect with scaling.kind {self.scaling.kind}")
        return self

    @property
    def inputs(self) -> list[SeriesConfiguration]:
        """The input series, in order."""
        return [series for series in self.series if series.role == "input"]

    @property
    def outputs(self) -> list[SeriesConfiguration]:
        """The target series, in order."""
        return [series for series in self.series if series.role == "output"]


def parse_configuration(document: object) -> Configuration:
    """Read a document in either spelling. Raises a problem that names the field, the value and what to do."""
    try:
        return Configuration.model_validate(
            from_older_spelling(document) if isinstance(document, Mapping) else document
        )
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
