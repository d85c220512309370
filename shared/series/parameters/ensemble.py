"""Several models whose forecasts are averaged (algorithms section 6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from pydantic import Field, SerializeAsAny, ValidationInfo, field_validator

from shared.problems import ProblemError
from shared.series.parameters.base import ModelParameters

_KIND: Final = "Ensemble"


def _default_members() -> list[Any]:
    """Different in kind, and seconds rather than minutes each."""
    return [
        {"kind": "Linear"},
        {"kind": "NLinear"},
        {"kind": "DLinear"},
        {"kind": "LightGBM", "trees": 100, "learning_rate": 0.1},
        {"kind": "Dense", "layers": 2, "units": 64},
    ]


class EnsembleParameters(ModelParameters):
    """A weighted mean of those members that forecast the validation part best.

    A member without a seed has the ensemble's.
    """

    kind: Literal["Ensemble"] = _KIND
    members: list[SerializeAsAny[ModelParameters]] = Field(
        default_factory=_default_members,
        validate_default=True,
        min_length=2,
        max_length=12,
        description="Models of any other kind with their parameters; those that cannot work on the data are left out.",
    )
    size: int = Field(default=3, ge=1, le=8, description="At most so many members are kept.")

    @field_validator("members", mode="before")
    @classmethod
    def _members_are_known(cls, value: Any, info: ValidationInfo) -> Any:
        if not isinstance(value, list):
            raise ValueError("members is a list of models")
        seed = info.data.get("seed", 0)
        members = [_parsed(number, member, seed) for number, member in enumerate(value, 1)]
        for number, member in enumerate(members, 1):
            if member in members[: number - 1]:
                raise ValueError(f"member {number} is there already, as member {members.index(member) + 1}")
        return members

    def alternatives(self) -> Sequence[ModelParameters]:
        """See :class:`ModelParameters`."""
        return self.members

    @property
    def ends_early(self) -> bool:
        """See :class:`ModelParameters`."""
        return all(member.ends_early for member in self.members)

    @property
    def held_together(self) -> int:
        """See :class:`ModelParameters`."""
        return self.size


def _parsed(number: int, member: Any, seed: int) -> ModelParameters:
    # Not above: the list of all kinds names this one too.
    from shared.series.model_parameters import parse_model

    if isinstance(member, ModelParameters):
        member = member.model_dump()
    if not isinstance(member, Mapping):
        raise ValueError(f"member {number} is no model, but {member!r:.100}")
    if member.get("kind") == _KIND:
        raise ValueError(f"member {number} is an ensemble itself")
    if member.get("search") is not None:
        raise ValueError(f"member {number}: a member cannot be searched, but the ensemble itself")
    try:
        return parse_model({"seed": seed, **member})
    except ProblemError as error:
        raise ValueError(f"member {number}: {error.problem.detail}") from error
