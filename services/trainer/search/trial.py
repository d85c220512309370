"""One trial of a search, as the study and the trials' table see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

State = Literal["queued", "running", "trained", "pruned", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class Trial:
    """``asked``: the values tried, none before it begins. ``curve``: the validation loss after each epoch.

    ``value``: the validation loss (scaled mean square) of the model that it ended with; none of one that was pruned.
    ``over``: true where it was the search's time that ended it.
    """

    number: int
    state: State
    asked: dict[str, Any] | None = None
    curve: Sequence[float] = ()
    value: float | None = None
    over: bool = False
    seconds: float | None = None
    problem: str | None = None

    @property
    def has_ended(self) -> bool:
        """True where nothing will be added to it."""
        return self.state not in ("queued", "running")

    def document(self) -> dict[str, Any]:
        """Its line in the table of trials."""
        return {
            "number": self.number,
            "state": self.state,
            "parameters": self.asked,
            "val_loss": self.value,
            "epochs": list(self.curve),
            "seconds": self.seconds,
            "problem": self.problem,
        }


def best_of(trials: Sequence[Trial]) -> Trial | None:
    """The least validation loss; of trials that did not get to their end only where none did. None without any.

    Of equal ones the first: the given parameters stay where nothing is better.
    """
    ended = [trial for trial in trials if trial.state == "trained" and trial.value is not None]
    if ended:
        return min(ended, key=lambda trial: (trial.value, trial.number))
    begun = [trial for trial in trials if trial.state == "pruned" and trial.curve]
    return min(begun, key=lambda trial: (min(trial.curve), trial.number), default=None)
