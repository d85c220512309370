"""Where the file's columns have values on the grid, and what of them windows can be made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from services.upload.choices.choice import ASKED, Chosen
from services.upload.choices.columns import possible_inputs
from services.upload.choices.excerpt import Excerpt
from services.upload.choices.grid import Grid, Presence
from services.upload.choices.lengths import Room
from services.upload.choices.refusals import listed
from services.upload.choices.steps import Steps, describe
from services.upload.choices.windows import Lengths, Windows
from services.upload.choices.wishes import Wishes
from shared.analysis.document import Analysis
from shared.problems import Category, ProblemError
from shared.series.advice import Remedy, Setting, described, greatest, sentence

_MOST_INPUTS = 8
_MOST_COLUMN_STEPS = 2000
"""Bound on input columns times steps: what a linear model solves in seconds."""
_MOST_VALUES = 20_000_000
"""Bound on the numbers of a dataset that was not configured by hand: 160 MB of float64."""
_KEPT_SHARE = 0.9
"""A further input that costs more windows than that is not worth them."""


@dataclass(frozen=True, slots=True)
class Lay:
    """The grid, and for each column where it has values (m,)."""

    grid: Grid
    presence: dict[str, Presence]

    @classmethod
    def of(cls, excerpt: Excerpt, steps: Steps) -> Lay:
        """Look at every column of the excerpt."""
        grid = Grid.over(excerpt, steps)
        return cls(grid, {name: grid.presence(excerpt.times, values) for name, values in excerpt.values.items()})

    def windows(self, targets: Sequence[str], inputs: Sequence[str], lengths: Lengths, every: int = 1) -> Windows:
        """Those that have all their samples, one every so many steps."""
        own, others = [self.presence[name] for name in targets], [self.presence[name] for name in inputs]
        return self.grid.windows([*own, *others], own, lengths.input, lengths.horizon, every)

    def room(self, analysis: Analysis, columns: Sequence[str]) -> Room:
        """How much there is of these columns together."""
        there = np.logical_and.reduce([self.presence[name] for name in columns])
        return Room(
            columns=listed([repr(name) for name in columns]),
            step_minutes=self.grid.steps.minutes,
            steps=int(there.sum()),
            first=analysis.first_time,
            last=analysis.last_time,
        )


def choose_inputs(
    analysis: Analysis, excerpt: Excerpt, lay: Lay, targets: Sequence[str], lengths: Lengths
) -> Chosen[list[str]]:
    """Further columns, in the file's order, that have values where the targets have."""
    alone = len(lay.windows(targets, [], lengths).numbers)
    room = min(_MOST_INPUTS, _MOST_COLUMN_STEPS // lengths.input - len(targets))
    possible = possible_inputs(analysis, excerpt, targets)
    chosen: list[str] = []
    sparse: list[str] = []
    for name in possible:
        kept = lay.windows(targets, [*chosen, name], lengths)
        if len(kept.numbers) < _KEPT_SHARE * alone or not kept.suffice(lengths):
            sparse.append(name)
        elif len(chosen) < room:
            chosen.append(name)
    words = "The past of further columns may help." if chosen else "No further column helps."
    if sparse:
        words += f" Left out, for their gaps would cost too many windows: {listed(sparse)}."
    if left := [name for name in possible if name not in chosen and name not in sparse]:
        words += f" Left out, to keep the models small: {listed(left)}."
    return Chosen(chosen, words)


def choose_distance(
    excerpt: Excerpt,
    lay: Lay,
    targets: Sequence[str],
    inputs: Sequence[str],
    features: int,
    lengths: Lengths,
    wishes: Wishes,
) -> Chosen[int]:
    """How many steps from one window to the next: one, unless the dataset would be very large.

    Raises DATA_VALIDATION for a distance that is no whole number of steps, INSUFFICIENT_DATA for one that is too long.
    """
    steps = lay.grid.steps
    if wishes.window_minutes is not None:
        every = round(wishes.window_minutes / steps.minutes)
        if every < 1 or abs(every * steps.minutes - wishes.window_minutes) > 1e-6 * wishes.window_minutes:
            raise _no_whole_steps(wishes.window_minutes, steps.minutes)
        suffices = partial(_suffices, lay, targets, inputs, lengths)
        if not suffices(every):
            raise _too_far_apart(wishes.window_minutes, steps.minutes, greatest(1, every, suffices))
        return Chosen(every, ASKED)
    columns = len(targets) + len(inputs) + features
    values = (excerpt.last - excerpt.first) // steps.step * (lengths.input * columns + lengths.horizon * len(targets))
    every = max(1, -(-values // _MOST_VALUES))
    while every > 1 and not lay.windows(targets, inputs, lengths, every).suffice(lengths):
        every //= 2
    if every == 1:
        return Chosen(1, "A window begins at every step.")
    return Chosen(every, f"A window at every step would make {values:.1e} numbers; every {every} steps are plenty.")


def _suffices(lay: Lay, targets: Sequence[str], inputs: Sequence[str], lengths: Lengths, every: int) -> bool:
    return lay.windows(targets, inputs, lengths, every).suffice(lengths)


def _no_whole_steps(minutes: float, step: float) -> ProblemError:
    return ProblemError(
        Category.DATA_VALIDATION,
        title="Windows begin at steps",
        detail=f"windowMinutes: {describe(minutes)} is no whole number of steps of {describe(step)}.",
        recovery=[f"Ask for a multiple of {step:.6g} minutes.", "Or leave windowMinutes out."],
    )


def _too_far_apart(minutes: float, step: float, most: int | None) -> ProblemError:
    """``most``: with at most so many steps from one window to the next there are enough."""
    ways: list[Remedy] = [] if most is None else [[Setting("windowMinutes", float(minutes), most * step)]]
    return ProblemError(
        Category.INSUFFICIENT_DATA,
        title="Not enough data points",
        detail=f"windowMinutes: one window every {describe(minutes)} leaves too few of them.",
        recovery=[*(sentence(way) for way in ways), "Leave windowMinutes out.", "Upload a longer period."],
        technical_details={"changes": described(ways)},
    )
