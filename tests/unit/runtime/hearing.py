"""Somebody who hears what is told."""

from __future__ import annotations

from typing import Any


class HearingSender:
    """In place of a sender: keeps what is told, all of it."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def send(self, _: Any, told: Any) -> None:
        """See :class:`shared.runtime.progress.ProgressSender`."""
        self.told.append(told)

    def steps(self) -> list[tuple[str, float]]:
        """The phase and the percent of each."""
        return [(one.phase, one.progress) for one in self.told]
