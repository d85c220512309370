"""What became of the reference times: how many windows were dropped, because of what, and the longest runs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.series.configuration import SeriesConfiguration
from shared.series.maker import KEPT, Blame
from shared.series.references import References
from shared.series.sampling import Drop
from shared.series.series import moment_text

_LISTED = 5


def drop_report(blame: Blame, entries: list[SeriesConfiguration], references: References) -> dict[str, Any]:
    """JSON-able: ``reference_times`` looked at, ``dropped`` by series and cause, and the longest ``stretches``.

    A window counts once: for the first series, inputs before outputs, that it could not be filled from.
    """
    return {
        "reference_times": references.count,
        "dropped": _counts(blame, entries),
        "stretches": {"kept": _kept(blame, references), "dropped": _dropped(blame, entries, references)},
    }


def _counts(blame: Blame, entries: list[SeriesConfiguration]) -> list[dict[str, Any]]:
    found = []
    for place, entry in enumerate(entries):
        counts = np.bincount(blame.causes[blame.series == place], minlength=max(Drop) + 1)
        found += [
            {"series": entry.label, "role": entry.role, "cause": cause.name.lower(), "windows": int(counts[cause])}
            for cause in Drop
            if counts[cause]
        ]
    return found


def _kept(blame: Blame, references: References) -> list[dict[str, Any]]:
    starts, lengths = _runs(blame.kept)
    chosen = blame.kept[starts]
    return [_stretch(start, length, references) for start, length in _longest(starts[chosen], lengths[chosen])]


def _dropped(blame: Blame, entries: list[SeriesConfiguration], references: References) -> list[dict[str, Any]]:
    """Runs of the same cause in the same series."""
    starts, lengths = _runs(blame.series.astype(np.int32) * (max(Drop) + 1) + np.where(blame.kept, 0, blame.causes))
    chosen = blame.series[starts] != KEPT
    return [
        {
            **_stretch(start, length, references),
            "series": entries[blame.series[start]].label,
            "cause": Drop(blame.causes[start]).name.lower(),
        }
        for start, length in _longest(starts[chosen], lengths[chosen])
    ]


def _runs(codes: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where runs of equal values begin, and how long they are."""
    if len(codes) == 0:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    starts = np.concatenate([[0], np.flatnonzero(codes[1:] != codes[:-1]) + 1]).astype(np.int64)
    return starts, np.diff(np.append(starts, len(codes)))


def _longest(starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> list[tuple[int, int]]:
    """The longest runs, longest first, of equally long ones the earlier."""
    order = np.argsort(-lengths, kind="stable")[:_LISTED]
    return list(zip(starts[order].tolist(), lengths[order].tolist(), strict=True))


def _stretch(start: int, length: int, references: References) -> dict[str, Any]:
    first = references.first + start * references.step
    last = first + (length - 1) * references.step
    return {"from": moment_text(first), "to": moment_text(last), "windows": length}
