"""Messages stay small: what is large is read over HTTP (lesson F81).

A connection that carries megabytes for one client holds up its own later messages, and the gateway cuts it; a client
that then comes back for the same message is cut again.
"""

from __future__ import annotations

from typing import Any

import orjson

LARGEST_BYTES = 32 * 1024
"""Of one message's JSON."""
_LONGEST_LIST = 50
_LONGEST_TEXT = 2000


def small(data: dict[str, Any], kept: set[str], details: str, *, largest: int = LARGEST_BYTES) -> dict[str, Any]:
    """The message, or what fits of it: then ``omitted`` names the fields that are cut or gone, ``details`` a path.

    First long lists and texts are cut, then fields go, the largest first; those of ``kept`` stay as they are.
    """
    if _size(data) <= largest:
        return data
    shorter = {name: value if name in kept else _shorter(value) for name, value in data.items()}
    omitted = [name for name, value in data.items() if value != shorter[name]]
    while _size(shorter) > largest:
        heaviest = max((name for name in shorter if name not in kept), key=lambda name: _size(shorter[name]))
        del shorter[heaviest]
        omitted = sorted({*omitted, heaviest})
    return {**shorter, "omitted": omitted, "details": details}


def _size(value: Any) -> int:
    return len(orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS))


def _shorter(value: Any) -> Any:
    match value:
        case str():
            return value if len(value) <= _LONGEST_TEXT else f"{value[:_LONGEST_TEXT]}…"
        case list():
            return [_shorter(entry) for entry in value[:_LONGEST_LIST]]
        case dict():
            return {name: _shorter(entry) for name, entry in value.items()}
        case _:
            return value
