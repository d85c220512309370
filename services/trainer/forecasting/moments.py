"""Times as they are written in new rows, read as moments."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from shared.problems import Category, ProblemError
from shared.series.series import Times

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def moments(texts: Sequence[str], zone: str, where: str, issues: Times | None = None) -> Times:
    """ISO 8601 in ns since the epoch. Raises DATA_VALIDATION that names the place and what is there.

    Times without an offset are wall-clock times of ``zone``; of an hour that happens twice, a time's second occurrence
    is the later one. Of forecasts, that is its second one in the same of the ``issues``, which has each time once.
    """
    found = np.empty(len(texts), dtype=np.int64)
    of_issue = [0] * len(texts) if issues is None else issues.tolist()
    wall, seen = ZoneInfo(zone), set[tuple[int, datetime]]()
    for place, text in enumerate(texts):
        moment = _parse(text, f"{where}.{place}")
        if moment.tzinfo is None:
            occurrence = (of_issue[place], moment)
            moment = _localize(moment, wall, text, f"{where}.{place}", fold=int(occurrence in seen))
            seen.add(occurrence)
        found[place] = _nanoseconds(moment)
    return found


def issue_moments(texts: Sequence[str], zone: str, where: str) -> Times:
    """The same of issue times, each of which stands beside many rows: of an hour that happens twice, nothing says
    which one is meant, so there an offset is needed. Raises DATA_VALIDATION.
    """
    found, wall = dict[str, int](), ZoneInfo(zone)
    for place, text in enumerate(texts):
        if text in found:
            continue
        moment = _parse(text, f"{where}.{place}")
        if moment.tzinfo is None:
            first, second = (_localize(moment, wall, text, f"{where}.{place}", fold=fold) for fold in (0, 1))
            if first.utcoffset() != second.utcoffset():
                raise unreadable(f"{where}.{place}: {text!r} happens twice in {zone}; write it with an offset")
            moment = first
        found[text] = _nanoseconds(moment)
    return np.array([found[text] for text in texts], dtype=np.int64)


def unreadable(detail: str) -> ProblemError:
    """The problem of rows that are not what they should be."""
    return ProblemError(
        Category.DATA_VALIDATION,
        title="The rows cannot be read",
        detail=f"{detail}.",
        recovery=["Correct it and send the rows again."],
    )


def _parse(text: str, where: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise unreadable(f"{where}: {text!r} is no time in ISO 8601, like 2026-01-31T12:00:00Z") from error
    if not 1700 < moment.year < 2200:
        raise unreadable(f"{where}: {text!r} is in a year that cannot be computed with")
    return moment


def _localize(naive: datetime, wall: ZoneInfo, text: str, where: str, *, fold: int) -> datetime:
    moment = naive.replace(tzinfo=wall, fold=fold)
    if moment.astimezone(UTC).astimezone(wall).replace(tzinfo=None) != naive:
        raise unreadable(f"{where}: {text!r} does not exist in {wall.key}, where clocks skip it")
    return moment


def _nanoseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND * 1000
