"""What a person may decide of a forecast; all of it is optional, and what is left out is chosen."""

from __future__ import annotations

import difflib
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

import orjson
from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic.alias_generators import to_camel

from shared.series.configuration import MAX_STEPS, Split
from shared.series.configuration_fields import LONGEST_HOURS

Method = Literal["linear", "nearest"]
Cycle = Literal["year", "month", "week", "day"]
_ColumnName = Annotated[str, Field(min_length=1, max_length=10_000)]
_ZONES_OF_NO_PLACE = {"Factory", "localtime"}


class Wishes(BaseModel):
    """Each field has the name of the choice that it takes the place of. Lengths are counted in steps."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, populate_by_name=True, alias_generator=to_camel, allow_inf_nan=False
    )

    time_column: _ColumnName | None = Field(default=None, description="One of the upload's timeCandidates.")
    time_format: str | None = Field(
        default=None, min_length=1, max_length=100, description="A candidate's format, or its date part: dd/mm/yyyy."
    )
    timezone: str | None = Field(default=None, description="Of times without an offset, and of calendar features.")
    target_columns: list[_ColumnName] | None = Field(
        default=None, min_length=1, max_length=20, description="Columns of numbers to forecast."
    )
    input_columns: list[_ColumnName] | None = Field(
        default=None, max_length=50, description="Further columns of numbers whose past is known; the targets' is."
    )
    step_minutes: float | None = Field(default=None, ge=1 / 60_000, le=366 * 1440, description="Between two steps.")
    season_steps: int | None = Field(default=None, ge=1, le=1_000_000, description="After which the series repeats.")
    horizon: int | None = Field(default=None, ge=1, le=MAX_STEPS, description="How many steps are forecast.")
    input_steps: int | None = Field(default=None, ge=1, le=MAX_STEPS, description="How many steps a forecast looks at.")
    method: Method | None = Field(default=None, description="How values are taken where no row is exactly on time.")
    max_gap_minutes: float | None = Field(
        default=None, gt=0, le=LONGEST_HOURS * 60, description="Linear interpolation bridges no longer gap."
    )
    window_minutes: float | None = Field(
        default=None, ge=1 / 60_000, le=366 * 1440, description="Between the beginnings of two training windows."
    )
    time_features: list[Cycle] | None = Field(default=None, max_length=4)
    split: Split | None = Field(default=None, description="Shares of the windows to train, validate and test with.")
    models: list[dict[str, Any]] | None = Field(default=None, min_length=1, max_length=20)

    @field_validator("models")
    @classmethod
    def _can_be_written(cls, value: list[dict[str, Any]] | None) -> list[dict[str, Any]] | None:
        try:
            orjson.dumps(value)
        except TypeError as error:  # numbers too large, lists too deep, half characters
            raise ValueError(f"cannot be written as JSON: {error}") from error
        return value

    @field_validator("timezone")
    @classmethod
    def _zone_exists(cls, value: str | None) -> str | None:
        if value is None:
            return None
        zones = available_timezones() - _ZONES_OF_NO_PLACE
        if value not in zones:
            near = difflib.get_close_matches(value, zones, n=1)
            raise ValueError(f"unknown time zone{f', did you mean {near[0]!r}?' if near else ''}")
        return value
