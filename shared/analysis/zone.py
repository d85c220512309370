"""Which time zone the times of a file are in, and who says so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from shared.analysis.document import AnalysisOverrides
from shared.analysis.readings import Reading


@dataclass(frozen=True)
class Zone:
    """A name of the time zone database, and where it comes from."""

    name: str
    source: Literal["given", "assumed", "offset"]


def zone_of(reading: Reading, overrides: AnalysisOverrides) -> Zone:
    """UTC for times that say their offset, else the zone that a person gave, else UTC for want of a better guess."""
    if reading.has_offset:
        return Zone("UTC", "offset")
    return Zone("UTC", "assumed") if overrides.timezone is None else Zone(overrides.timezone, "given")
