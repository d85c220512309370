"""Reference times: the regular grid from which windows are taken (algorithms section 2)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shared.problems import Category, ProblemError
from shared.series.advice import Remedy, Setting, described, rounded_up, sentence
from shared.series.configuration import MAX_REFERENCES, TimeSteps
from shared.series.series import NANOSECONDS_PER_HOUR, NANOSECONDS_PER_MINUTE, Series, Times


@dataclass(frozen=True, slots=True)
class References:
    """``count`` times in ns: ``first``, ``first + step``, … Nothing is allocated before it is asked for."""

    first: int
    step: int
    count: int

    def times(self) -> Times:
        """All of them, (count,)."""
        return self.first + np.arange(self.count, dtype=np.int64) * self.step

    def part(self, start: int, stop: int) -> References:
        """The references number ``start`` to ``stop - 1``."""
        return References(self.first + start * self.step, self.step, stop - start)


def reference_times(inputs: Sequence[Series], steps: TimeSteps) -> References:
    """From the earliest first to the earliest last timestamp among the inputs, never before a first one (F73).

    Raises RESOURCE_EXHAUSTION, before anything is allocated, for more than ``MAX_REFERENCES`` (F22).
    """
    start = min(series.first for series in inputs)
    end = min(series.last for series in inputs)
    step = round(steps.step_minutes * NANOSECONDS_PER_MINUTE)
    first = start - start % NANOSECONDS_PER_HOUR - NANOSECONDS_PER_HOUR
    first += round(steps.offset_minutes * NANOSECONDS_PER_MINUTE)
    if first < start:
        first += -(-(start - first) // step) * step
    count = max(0, (end - first) // step + 1)
    if count > MAX_REFERENCES:
        wanted = wider_step(steps.step_minutes, count, MAX_REFERENCES)
        raise ProblemError(
            Category.RESOURCE_EXHAUSTION,
            title="There would be too many windows",
            detail=f"One window every {steps.step_minutes:g} minutes makes {count} of them; "
            f"at most {MAX_REFERENCES} are taken.",
            recovery=[sentence(wanted), "Or upload a shorter period."],
            technical_details={"windows": count, "most_windows": MAX_REFERENCES, "changes": described([wanted])},
            status=422,
        )
    return References(first, step, count)


def wider_step(step_minutes: float, count: int, most: int) -> Remedy:
    """So many times the step that ``count`` windows become at most ``most``."""
    # Windows begin at the step's own places: one at each end may be more.
    times = math.ceil(count / max(1, most - 2))
    return [Setting("time_steps.step_minutes", float(step_minutes), rounded_up(step_minutes * times))]
