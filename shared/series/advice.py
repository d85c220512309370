"""What to change from what to what, as a sentence for people and as values for programs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

Remedy = Sequence["Setting"]
"""Settings to change together."""


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting by its path, as it is and as it should be."""

    name: str
    given: Any
    wanted: Any

    @property
    def words(self) -> str:
        """``batch_size from 512 to 128``."""
        return f"{self.name} from {_shown(self.given)} to {_shown(self.wanted)}"


def sentence(remedy: Remedy) -> str:
    """``Lower units from 4096 to 256 and layers from 16 to 8.``"""
    return f"{_verb(remedy)} {' and '.join(setting.words for setting in remedy)}."


def described(remedies: Sequence[Remedy]) -> list[dict[str, Any]]:
    """For ``changes`` in ``technical_details``: alternatives, each with all that it sets and what that was."""
    return [
        {
            "change": sentence(remedy),
            "set": {one.name: one.wanted for one in remedy},
            "was": {one.name: one.given for one in remedy},
        }
        for remedy in remedies
    ]


def greatest(least: int, below: int, suffices: Callable[[int], bool]) -> int | None:
    """The greatest number from ``least`` on and below ``below`` that suffices; None where none does.

    Whatever is smaller than one that suffices has to suffice, too.
    """
    if below <= least or not suffices(least):
        return None
    enough, too_many = least, below
    while too_many - enough > 1:
        middle = (enough + too_many) // 2
        enough, too_many = (middle, too_many) if suffices(middle) else (enough, middle)
    return enough


def rounded_down(number: int) -> int:
    """A number that people would choose, not above this one: a power of two, from 1024 on two digits."""
    if number < 1:
        return number
    if number < 1024:
        return int(2 ** (number.bit_length() - 1))
    digits = int(10 ** (len(str(number)) - 2))
    return number // digits * digits


def rounded_up(number: float) -> float:
    """A number that people would choose, not below this one: whole from 1 on, two digits below."""
    if number >= 1:
        return float(math.ceil(number))
    digits = 10 ** (1 - math.floor(math.log10(number)))
    return float(math.ceil(number * digits) / digits)


def _verb(remedy: Remedy) -> str:
    first = remedy[0]
    if isinstance(first.given, int | float) and isinstance(first.wanted, int | float):
        return "Lower" if first.wanted < first.given else "Raise"
    return "Change"


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
