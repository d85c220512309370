"""Formats of times: which ones fit a cell, what they are called, and how Polars reads them.

A cell may fit several: 01/02/2024 is a day in January or in February.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_CLOCK = (
    r"(?P<hour>\d{1,2}):\d{2}(?P<seconds>:\d{2}(?P<fraction>\.\d{1,9})?)?(?P<half> ?[AaPp][Mm])?"
    r"(?P<offset> ?(?:Z|[+-]\d{2}(?::?\d{2})?))?"
)
_CLOCK_WITHOUT_COLONS = r"(?P<digits>\d{4}(?:\d{2})?)(?P<basic_offset>Z|[+-]\d{2}(?::?\d{2})?)?"
_TIME = re.compile(
    r"(?:(?P<compact>(?:19|20|21)\d{6})"
    r"|(?P<year>\d{4})(?P<separator>[-/.])\d{1,2}(?P=separator)\d{1,2}"
    r"|(?P<first>\d{1,2})(?P<sep>[-/.])(?P<second>\d{1,2})(?P=sep)(?P<last>\d{4}|\d{2}))"
    rf"(?:(?P<gap>[ T]|, )(?:{_CLOCK}|{_CLOCK_WITHOUT_COLONS}))?"
)
_CLOCK_ALONE = re.compile(_CLOCK)

EPOCH_SECONDS = "epoch seconds"
EPOCH_MILLISECONDS = "epoch milliseconds"

_EPOCH = re.compile(r"(\d{9,13})(\.\d+)?")
# 1973 to 2100; below and above, counters are likelier than times.
_EPOCH_SECONDS = range(100_000_000, 4_102_444_800)


@dataclass(frozen=True)
class TimeFormat:
    """One exact spelling. ``order`` is its date part, ``name`` all of it as people write formats."""

    order: str
    name: str
    pattern: str
    has_offset: bool


def time_formats(cell: str) -> list[TimeFormat]:
    """The spellings that this cell fits, day before month first; empty when it is no time."""
    match = _TIME.fullmatch(cell.strip())
    if match is None:
        return []
    clock_name, clock_pattern = _clock(match)
    has_offset = bool(match["offset"] or match["basic_offset"])
    return [
        TimeFormat(order, order + clock_name, pattern + clock_pattern, has_offset)
        for order, pattern in _date_orders(match)
    ]


def is_time(cell: str) -> bool:
    """Whether the cell is a date, with or without a time of day, that could not be a number as well."""
    match = _TIME.fullmatch(cell.strip())
    return match is not None and (match["compact"] is None or match["gap"] is not None)


def is_compact_date(cell: str) -> bool:
    """Whether the cell is a date in eight digits, which may be a number as well."""
    match = _TIME.fullmatch(cell.strip())
    return match is not None and match["compact"] is not None and match["gap"] is None


def is_date_alone(cell: str) -> bool:
    """Whether the cell is a date without a time of day."""
    match = _TIME.fullmatch(cell.strip())
    return match is not None and match["gap"] is None


def is_clock(cell: str) -> bool:
    """Whether the cell is a time of day without a date."""
    return _CLOCK_ALONE.fullmatch(cell.strip()) is not None


def epoch_unit(cell: str) -> str | None:
    """Seconds or milliseconds since 1970, when the number is of that size."""
    match = _EPOCH.fullmatch(cell.strip())
    if match is None:
        return None
    if int(match[1]) in _EPOCH_SECONDS:
        return EPOCH_SECONDS
    return EPOCH_MILLISECONDS if int(match[1]) // 1000 in _EPOCH_SECONDS else None


def _date_orders(match: re.Match[str]) -> list[tuple[str, str]]:
    if match["compact"]:
        return [("yyyymmdd", "%Y%m%d")]
    if match["year"]:
        separator = match["separator"]
        return [(separator.join(("yyyy", "mm", "dd")), separator.join(("%Y", "%m", "%d")))]
    separator, year = match["sep"], "%Y" if len(match["last"]) == 4 else "%y"
    written_year = "y" * len(match["last"])
    orders = []
    if int(match["second"]) <= 12:
        orders.append((separator.join(("dd", "mm", written_year)), separator.join(("%d", "%m", year))))
    if int(match["first"]) <= 12:
        orders.append((separator.join(("mm", "dd", written_year)), separator.join(("%m", "%d", year))))
    return orders


def _clock(match: re.Match[str]) -> tuple[str, str]:
    if match["gap"] is None:
        return "", ""
    if match["digits"]:
        seconds, offset = len(match["digits"]) == 6, match["basic_offset"] is not None
        name = match["gap"] + "hhmm" + "ss" * seconds + "+hh:mm" * offset
        return name, match["gap"] + "%H%M" + "%S" * seconds + "%#z" * offset
    name, pattern = match["gap"] + "hh:mm", match["gap"] + ("%I:%M" if match["half"] else "%H:%M")
    if match["seconds"]:
        name, pattern = name + ":ss", pattern + ":%S"
    if match["fraction"]:
        name, pattern = name + ".f", pattern + "%.f"
    if match["half"]:
        name, pattern = name + " AM", pattern + " %p"
    if match["offset"]:
        name, pattern = name + "+hh:mm", pattern + "%#z"
    return name, pattern


def other_order(order: str) -> str:
    """The same date part with day and month exchanged: dd/mm/yyyy gives mm/dd/yyyy."""
    return order.translate(str.maketrans("dm", "md")) if order[0] in "dm" else order
