"""Which windows a configuration gives, and in which part each of them is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shared.series.configuration import Configuration
from shared.series.maker import Blame, SeriesByPlace, WindowMaker
from shared.series.reach import reads_until, sample_span
from shared.series.series import Times
from shared.series.splits import Parts, split_windows


@dataclass(frozen=True, slots=True)
class Selection:
    """``reference_times`` (n,) in ns of the windows kept; ``missing`` are the parts that should have some."""

    maker: WindowMaker
    blame: Blame
    reference_times: Times
    parts: Parts
    missing: list[str]

    @property
    def used(self) -> int:
        """How many windows are in a part."""
        return len(self.reference_times) - self.parts.embargoed


def select_windows(configuration: Configuration, series: SeriesByPlace) -> Selection:
    """Look at every reference time. Raises RESOURCE_EXHAUSTION for sizes out of bounds."""
    maker = WindowMaker(configuration, series)
    blame = maker.blame()
    kept = maker.references.first + np.flatnonzero(blame.kept) * maker.references.step
    earliest, _ = sample_span(configuration)
    parts = split_windows(kept, configuration.split, earliest, reads_until(configuration, series))
    return Selection(maker, blame, kept, parts, missing_parts(parts, configuration))


def missing_parts(parts: Parts, configuration: Configuration) -> list[str]:
    """The parts that should have windows and have none."""
    needed = {"train": parts.train, "test": parts.test}
    if configuration.split.validation > 0:
        needed["validation"] = parts.validation
    return [name for name, indices in needed.items() if len(indices) == 0]
