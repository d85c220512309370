"""The configuration document: what is to be predicted from what (contracts section 6)."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from functools import cache
from typing import Any, Literal, Self
from zoneinfo import available_timezones

from pydantic import Field, ValidationError, field_validator, model_validator

from shared.problems import Category, ProblemError
from shared.series.configuration_calendar import TimeFeatures
from shared.series.configuration_fields import LONGEST_HOURS, Fraction, Horizon, Name, Part, Real, Scale, Whole
from shared.series.configuration_older import from_older_spelling
from shared.series.model_parameters import parse_model
from shared.series.parameters.search import LONGEST_SECONDS

MAX_VALUES = 2_000_000_000
"""Bound on windows times steps times features of one dataset (lesson F22): 8 GB of float32."""
MAX_STEPS = 4096
MAX_REFERENCES = 50_000_000
"""Bound on the reference times that are looked at, kept or not."""
LEAST_STEP_MINUTES = 1 / 60_000
_ZONES_OF_NO_PLACE = {"Factory", "localtime"}


@cache
def _zones() -> frozenset[str]:
    # Listing them reads hundreds of files.
    return frozenset(available_timezones() - _ZONES_OF_NO_PLACE)


class SeriesConfiguration(Part):
    """One series: a column of a file, and how its windows are taken."""

    file: Name
    role: Literal["input", "output"]
    time_column: Name | None = None
    value_column: Name | None = Field(default=None, description="None: the file's only number column.")
    issue_column: Name | None = Field(default=None, description="For kind forecast: when each row was known.")
    name: Name | None = None
    unit: str | None = Field(default=None, max_length=50)
    kind: Literal["historical", "current", "forecast"] = "historical"
    horizon: Horizon
    method: Literal["linear", "mean", "nearest"] = "linear"
    average: bool = False
    max_gap_minutes: Real | None = Field(default=None, gt=0, le=LONGEST_HOURS * 60)
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

    input: Whole = Field(ge=1, le=MAX_STEPS)
    output: Whole = Field(ge=1, le=MAX_STEPS)
    step_minutes: Real = Field(ge=LEAST_STEP_MINUTES, le=366 * 1440)
    offset_minutes: Real = Field(default=0, ge=0, lt=1440)


class Scaling(Part):
    """How columns are scaled, and on which windows that is learned."""

    fit: Literal["train", "all"] = "train"
    kind: Literal["minmax", "standard", "robust", "none"] = "minmax"


class Backtest(Part):
    """Rolling-origin folds at the end of the windows, each trained on all that is before it."""

    folds: Whole = Field(ge=1, le=100)
    windows: Whole | None = Field(
        default=None, ge=1, le=MAX_REFERENCES, description="In each fold's test; None: as in the test part."
    )


class Split(Part):
    """Fractions of the windows, and folds for back-tests."""

    train: Fraction = Field(default=0.7, gt=0)
    validation: Fraction = 0.2
    test: Fraction = Field(default=0.1, gt=0)
    shuffle: bool = False
    seed: Whole = Field(default=0, ge=0, le=2**31 - 1)
    embargo: bool = True
    backtest: Backtest | None = None

    @model_validator(mode="after")
    def _backtests_are_in_order_of_time(self) -> Self:
        if self.backtest is not None and self.shuffle:
            raise ValueError("backtest needs windows in the order of time: leave out shuffle")
        return self

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
    season_hours: Real | None = Field(
        default=None, gt=0, le=LONGEST_HOURS, description="None: found in the training part."
    )
    models: list[dict[str, Any]] = Field(default_factory=list, max_length=50)
    time_limit_seconds: Real | None = Field(
        default=None, ge=1, le=LONGEST_SECONDS, description="Of a run, all its models and targets together."
    )

    @field_validator("timezone")
    @classmethod
    def _zone_exists(cls, value: str) -> str:
        if value not in _zones():
            near = difflib.get_close_matches(value, _zones(), n=1)
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
            detail=f"{where}: {_said(fault['type'], fault['msg'])} (got {fault.get('input')!r:.200}).",
            recovery=[f"Correct {where} and send the configuration again."],
            technical_details={
                "faults": [
                    {
                        "field": ".".join(str(part) for part in entry["loc"]),
                        "message": _said(entry["type"], entry["msg"]),
                    }
                    for entry in error.errors()[:50]
                ]
            },
        ) from error


def _said(kind: str, message: str) -> str:
    return "there is no such field" if kind == "extra_forbidden" else message.removeprefix("Value error, ")
