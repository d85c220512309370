"""What a search for a model's parameters is asked for: how many trials, for how long, and of which values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

MAX_TRIALS = 200
MAX_CHOICES = 50
MAX_DIMENSIONS = 20
LONGEST_SECONDS = 7 * 86400
"""Bound on every limit of time."""

Number = Annotated[int | float, Field(allow_inf_nan=False)]
Choice = str | bool | int | float | None


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Range(_Part):
    """Every value from ``low`` to ``high``, both included; with ``log`` each order of magnitude as often."""

    low: Number
    high: Number
    log: bool = False

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.low >= self.high:
            raise ValueError("low must be below high")
        if self.log and self.low <= 0:
            raise ValueError("with log, low must be above 0")
        return self

    @property
    def ends(self) -> Sequence[Choice]:
        """The values that must be right for all to be."""
        return self.low, self.high

    def holds(self, value: Any) -> bool:
        """True for a value that a search might try."""
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and self.low <= value <= self.high


class Choices(_Part):
    """One of a few values."""

    choices: list[Choice] = Field(min_length=1, max_length=MAX_CHOICES)

    @property
    def ends(self) -> Sequence[Choice]:
        """See :class:`Range`."""
        return self.choices

    def holds(self, value: Any) -> bool:
        """See :class:`Range`."""
        return any(type(value) is type(choice) and value == choice for choice in self.choices)


Dimension = Range | Choices


def _which(value: Any) -> str:
    choices = isinstance(value, Choices) or (isinstance(value, Mapping) and "choices" in value)
    return "choices" if choices else "range"


Space = dict[str, Annotated[Annotated[Range, Tag("range")] | Annotated[Choices, Tag("choices")], Discriminator(_which)]]


class Tried:
    """Annotates a parameter with what a search tries for it unless it is told otherwise."""

    def __init__(self, dimension: Dimension) -> None:
        self.dimension = dimension


def tried(low: float, high: float, *, log: bool = False) -> Tried:
    """A range."""
    return Tried(Range(low=low, high=high, log=log))


def tried_of(*choices: Choice) -> Tried:
    """A few values."""
    return Tried(Choices(choices=list(choices)))


class Search(_Part):
    """Trials on the validation part; the first one is of the parameters as they are given."""

    trials: int = Field(default=20, ge=1, le=MAX_TRIALS, description="At most so many, the given parameters included.")
    time_limit_seconds: float | None = Field(
        default=None,
        ge=1,
        le=LONGEST_SECONDS,
        description="From the first trial's begin; then the best so far is trained.",
    )
    pruning: bool = Field(
        default=True, description="Networks whose validation loss is above the median of the others' are given up."
    )
    space: Space = Field(
        default_factory=dict,
        max_length=MAX_DIMENSIONS,
        description="By parameter; for those that neither this nor the model names, the kind's own.",
    )
