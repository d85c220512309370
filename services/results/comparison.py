"""Which model is best: the lowest mean rank over the targets, ties by training time (algorithms section 7)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Entry:
    """One stored model of a run. ``value`` is the chosen metric (lower is better) or None where undefined.

    ``candidate`` names the configured model (its place in the list), which has one entry for each target.
    """

    job_id: str
    candidate: int
    model: str
    target: str
    value: float | None
    seconds: float
    metrics: Mapping[str, Any]


def leaderboard(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """One row for each candidate, best first: mean rank over targets, then total training seconds.

    An undefined metric ranks last; equal values share the better rank. A candidate that lacks a target, because its
    job failed, comes after all that have every target: it could not serve them all.
    """
    targets = {entry.target for entry in entries}
    ranks: dict[int, list[int]] = defaultdict(list)
    for target in targets:
        competing = [entry for entry in entries if entry.target == target]
        for entry in competing:
            ranks[entry.candidate].append(1 + sum(_better(other, entry) for other in competing))
    rows = [_row(candidate, [e for e in entries if e.candidate == candidate], ranks[candidate]) for candidate in ranks]

    def place(row: dict[str, Any]) -> tuple[int, float, float, int]:
        return len(targets) - len(row["targets"]), row["mean_rank"], row["duration_seconds"], row["candidate"]

    return sorted(rows, key=place)


def _better(one: Entry, other: Entry) -> bool:
    if one.value is None:
        return False
    return other.value is None or one.value < other.value


def _row(candidate: int, entries: Sequence[Entry], ranks: Sequence[int]) -> dict[str, Any]:
    return {
        "candidate": candidate,
        "model": entries[0].model,
        "mean_rank": sum(ranks) / len(ranks),
        "duration_seconds": sum(entry.seconds for entry in entries),
        "targets": {entry.target: {"job_id": entry.job_id, **entry.metrics} for entry in entries},
    }
