"""What a reconciliation found and did: counts, bytes and a few examples, however much there is."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import timedelta
from typing import Any

_EXAMPLES = 5


@dataclass(slots=True)
class Tally:
    """Objects or references of one kind, and the names of the first few."""

    count: int = 0
    bytes: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, name: str, size: int = 0) -> None:
        """One more."""
        self.count += 1
        self.bytes += size
        if len(self.examples) < _EXAMPLES:
            self.examples.append(name)


Tallies = dict[str, Tally]


@dataclass(slots=True)
class Report:
    """By bucket what is in the store and nobody's, by table what rows name and the store does not have.

    ``orphaned`` have been nobody's for longer than the grace, and ``removed`` are those of them that are gone now.
    ``recent`` are nobody's, too, and are left alone until their grace is over. ``foreign`` are not named as Foretide
    names objects, and are always left alone. ``unrelated``: not one object that a row names is in this store, so it is
    hardly this database's, and nothing is changed. ``refused`` is where the store would not do what it was asked.
    """

    dry_run: bool
    grace: timedelta
    unrelated: bool = False
    seconds: float = 0.0
    objects: Tallies = field(default_factory=dict)
    orphaned: Tallies = field(default_factory=dict)
    removed: Tallies = field(default_factory=dict)
    recent: Tallies = field(default_factory=dict)
    foreign: Tallies = field(default_factory=dict)
    references: Tallies = field(default_factory=dict)
    missing: Tallies = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    results_marked: int = 0
    results_restored: int = 0

    @property
    def changes(self) -> bool:
        """Whether anything may be removed or marked."""
        return not self.dry_run and not self.unrelated

    @property
    def consistent(self) -> bool:
        """Whether rows and objects agree now: nothing orphaned is left, and nothing is missing."""
        left = _count(self.orphaned) - _count(self.removed)
        return left == 0 and _count(self.missing) == 0 and not self.refused

    def document(self) -> dict[str, Any]:
        """As JSON: what there is of each kind, without those of which there is nothing."""
        told = asdict(self)
        told["grace_hours"] = told.pop("grace").total_seconds() / 3600
        for kind in ("objects", "references"):
            for tally in told[kind].values():
                del tally["examples"]
        for kind in ("references", "missing"):
            for tally in told[kind].values():
                del tally["bytes"]
        return {**told, "consistent": self.consistent}

    def totals(self) -> dict[str, int]:
        """For a log line."""
        kinds = ("objects", "orphaned", "removed", "recent", "foreign", "references", "missing")
        return {kind: _count(getattr(self, kind)) for kind in kinds}


def add(tallies: Tallies, kind: str, name: str, size: int = 0) -> None:
    """Count one of this kind."""
    tallies.setdefault(kind, Tally()).add(name, size)


def _count(tallies: Tallies) -> int:
    return sum(tally.count for tally in tallies.values())
