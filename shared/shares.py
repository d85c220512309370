"""How much of some work is done, told by whoever does it."""

from __future__ import annotations

from collections.abc import Callable

TellShare = Callable[[float], None]
"""Gets the share of the work that is done: 0 to 1."""


def nobody(_: float) -> None:
    """Where nobody wants to know."""


def part_of(tell: TellShare, begin: float, end: float) -> TellShare:
    """For one part of the work, which leads from the one share of all of it to the other."""
    return lambda share: tell(begin + (end - begin) * share)
