"""One trial of a search, as the study and the trials' table see it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

State = Literal["queued", "running", "trained", "pruned", "failed", "cancelled"]


@dataclass(frozen=True, slots=True)
class Trial:
    """``asked``: the values tried, none before it begins. ``curve``: the validation loss after each epoch.

    ``value``: the validation loss (scaled mean square) of the model that it ended with; none of one that was pruned:
    given up as hopeless, or because the search's time was over.
    """

    number: int
    state: State
    asked: dict[str, Any] | None = None
    curve: Sequence[float] = ()
    value: float | None = None
    seconds: float | None = None
    problem: str | None = None

    @property
    def has_ended(self) -> bool:
        """True where nothing will be added to it."""
        return self.state not in ("queued", "running")

    @property
    def loss(self) -> float | None:
        """The validation loss that it got to."""
        return self.value if self.value is not None else min(self.curve, default=None)

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
    begun = [trial for trial in trials if trial.state == "pruned" and trial.curve]
    return min(ended or begun, key=_rank, default=None)


def _rank(trial: Trial) -> tuple[float, int]:
    assert trial.loss is not None
    return trial.loss, trial.number


def found_by(trials: Sequence[Trial], seconds: float) -> dict[str, Any]:
    """What the event, the summary and the model's card tell of a search that is over; the first trial is as given."""
    best = best_of(trials)
    by_state: Counter[str] = Counter(trial.state for trial in trials)
    return {
        "parameters": (best.asked if best else None) or {},
        "trial": best.number if best else None,
        "val_loss": best.loss if best else None,
        "val_loss_as_given": trials[0].loss,
        "trials": len(trials),
        **{name: by_state[name] for name in ("trained", "pruned", "failed")},
        "not_begun": by_state["cancelled"],
        "seconds": round(seconds, 3),
    }


def warnings_of(found: dict[str, Any]) -> list[str]:
    """What the user should know of a search that is over."""
    warnings = []
    if found["not_begun"]:
        warnings.append(f"The search's time was over: {found['not_begun']} of {found['trials']} trials were not made.")
    if found["trial"] is None:
        warnings.append("No trial of the search came to an end: the parameters are those that were given.")
    if found["failed"]:
        warnings.append(f"{found['failed']} of {found['trials']} trials failed; trials.json says why.")
    return warnings
