"""Which windows a configuration gives, and in which part each of them is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shared.series.configuration import Configuration
from shared.series.maker import DEFAULT_MEMORY_BYTES, Blame, SeriesByPlace, WindowMaker
from shared.series.reach import reach_of_windows
from shared.series.series import Times
from shared.series.splits import Parts, Reach, split_windows
from shared.shares import TellShare, nobody


@dataclass(frozen=True, slots=True)
class Selection:
    """``reference_times`` (n,) in ns of the windows kept; ``missing`` are the parts that should have some."""

    maker: WindowMaker
    blame: Blame
    reference_times: Times
    parts: Parts
    reach: Reach
    missing: list[str]

    @property
    def used(self) -> int:
        """How many windows are in a part."""
        return len(self.reference_times) - self.parts.embargoed


def select_windows(
    configuration: Configuration,
    series: SeriesByPlace,
    memory_bytes: int = DEFAULT_MEMORY_BYTES,
    tell: TellShare = nobody,
) -> Selection:
    """Look at every reference time. Raises RESOURCE_EXHAUSTION for sizes out of bounds."""
    maker = WindowMaker(configuration, series, memory_bytes)
    blame = maker.blame(tell)
    kept = maker.references.first + np.flatnonzero(blame.kept) * maker.references.step
    reach = reach_of_windows(configuration, series)
    parts = split_windows(kept, configuration.split, reach)
    return Selection(maker, blame, kept, parts, reach, missing_parts(parts, configuration))


def missing_parts(parts: Parts, configuration: Configuration) -> list[str]:
    """The parts that should have windows and have none."""
    needed = {"train": parts.train, "test": parts.test}
    if configuration.split.validation > 0:
        needed["validation"] = parts.validation
    return [name for name, indices in needed.items() if len(indices) == 0]
