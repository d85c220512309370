"""A process that must not outlive its owner holds the end of a pipe that only the owner can keep open.

However the owner ends, by ``kill -9`` too, the system closes its end, and the process that waits at the other
one goes as well.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping

LIFELINE_VARIABLE = "FORETIDE_LIFELINE_FD"
GRACE_SECONDS = 10.0
_PR_SET_PDEATHSIG = 1


class Lifeline:
    """The owner's side: give ``read_end`` and ``variables`` to a child, keep this object while it may live."""

    def __init__(self) -> None:
        self.read_end, self._write_end = os.pipe()

    @property
    def variables(self) -> Mapping[str, str]:
        """What tells the child where its end is."""
        return {LIFELINE_VARIABLE: str(self.read_end)}

    def close(self) -> None:
        """Let go: every child that still lives ends."""
        os.close(self.read_end)
        os.close(self._write_end)


def hold_lifeline(grace_seconds: float = GRACE_SECONDS) -> None:
    """The child's side, first thing in its main thread; without an owner nothing happens.

    When the owner has gone the process gets SIGTERM, as if it were asked to end, and after ``grace_seconds``
    it ends in any case.
    """
    number = os.environ.pop(LIFELINE_VARIABLE, None)
    if number is None:
        return
    lifeline = int(number)
    os.set_inheritable(lifeline, False)
    if sys.platform == "linux":
        # For the case that a copy of the owner's end has slipped into some other process.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    threading.Thread(target=_end_with_owner, args=(lifeline, grace_seconds), name="lifeline", daemon=True).start()


def _end_with_owner(lifeline: int, grace_seconds: float) -> None:
    while os.read(lifeline, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(grace_seconds)
    os._exit(1)
