"""What was chosen, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

Value = TypeVar("Value")

ASKED = "You asked for it."


class Choice(BaseModel):
    """One choice as it is reported: ``name`` is the field with which another can be asked for."""

    model_config = ConfigDict(frozen=True)

    name: str
    value: Any
    reason: str


@dataclass(frozen=True, slots=True)
class Chosen(Generic[Value]):
    """A value that goes into the configuration, and its reason, a sentence."""

    value: Value
    reason: str

    def named(self, name: str, shown: Any = None) -> Choice:
        """As it is reported; ``shown`` where the value itself is not what people read."""
        return Choice(name=name, value=self.value if shown is None else shown, reason=self.reason)
