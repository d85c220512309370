"""Python's garbage collector, set for a process that holds many connections.

Each is hundreds of objects that live as long as it does. To look through those of thousands takes a second, in which
nothing else is done, and with the interpreter's own numbers that comes every few seconds though it finds nothing: what
ends with a message is freed by counting references. What ends with a connection partly is not.
"""

from __future__ import annotations

import gc

_YOUNG = 10_000
"""More new objects than this, and the young ones are looked through: some milliseconds."""
_PER_OLDER = 10
_PER_ALL = 4
"""Everything is looked through after half a million new objects, never before a quarter of all are new (Python's own
rule): when as many connections have come or gone."""


def collect_seldom() -> None:
    """What is loaded is never looked through again; the rest seldom."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _PER_OLDER, _PER_ALL)
