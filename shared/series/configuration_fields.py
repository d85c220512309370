"""What the configuration's parts are made of: numbers with bounds, names, ranges, horizons."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Self

from pydantic import AliasGenerator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

LONGEST_HOURS = 20 * 8784
_LARGEST = 1e15


def _no_flag(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("must be a number, not true or false")
    return value


Real = Annotated[float, BeforeValidator(_no_flag), Field(allow_inf_nan=False)]
Whole = Annotated[int, BeforeValidator(_no_flag)]
Hours = Annotated[Real, Field(ge=-LONGEST_HOURS, le=LONGEST_HOURS)]
Bound = Annotated[Real, Field(ge=-_LARGEST, le=_LARGEST)]
Fraction = Annotated[Real, Field(ge=0, lt=1)]
Days = Annotated[list[date], Field(min_length=1, max_length=10_000)]
Name = Annotated[str, Field(min_length=1, max_length=200)]


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

    min: Bound = 0.0
    max: Bound = 1.0

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.min >= self.max:
            raise ValueError("min must be below max")
        return self


class Horizon(Part):
    """From when to when, in hours relative to the reference time."""

    start_hours: Hours
    end_hours: Hours

    @model_validator(mode="after")
    def _is_forward(self) -> Self:
        if self.start_hours > self.end_hours:
            raise ValueError("start_hours must not be after end_hours")
        return self
