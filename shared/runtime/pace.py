"""When a job will be done, from how far it was when."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from statistics import median

_LEAST_SECONDS = 0.5
_STEPS = 20
_ENOUGH = 2


class Pace:
    """The speed of one job's progress: the median of its newest steps, so that neither a stall nor a jump changes much.

    ``percent``: where it begins; an attempt that goes on where another one stopped has not done that in no time.
    A step is what was done in at least half a second: what is heard late and at once is one step. ``clock``: seconds.
    """

    def __init__(self, percent: float = 0.0, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._percent = percent
        self._step_began = clock(), percent
        self._steps: deque[tuple[float, float]] = deque(maxlen=_STEPS)

    def see(self, percent: float) -> None:
        """It is so far now; what is less than before is nothing new."""
        if percent <= self._percent:
            return
        self._percent = percent
        now, (began, before) = self._clock(), self._step_began
        if now - began >= _LEAST_SECONDS:
            self._steps.append((now - began, percent - before))
            self._step_began = now, percent

    @property
    def seconds_left(self) -> float | None:
        """Until 100 percent; None before there are two steps, and while a stall is longer than what was expected.

        Between two steps it runs down, by what a step usually takes at most.
        """
        if self._percent >= 100.0:
            return 0.0
        if len(self._steps) < _ENOUGH:
            return None
        began, percent = self._step_began
        expected = (100.0 - percent) * median(seconds / share for seconds, share in self._steps)
        since = self._clock() - began
        if since > expected + _LEAST_SECONDS:
            return None
        return max(0.0, expected - min(since, median(seconds for seconds, _ in self._steps)))
