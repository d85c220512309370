"""The bound on a process' memory."""

from __future__ import annotations

import sys
import threading

import pytest

from shared.runtime.memory_watch import watch_memory

MEGABYTE = 1 << 20
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the kernel is asked through /proc")


def test_f74_what_takes_more_than_its_bound_is_told_of() -> None:
    exceeded = threading.Event()
    watch_memory(20 * MEGABYTE, exceeded.set)
    taken = bytearray(b"x") * (60 * MEGABYTE)
    assert exceeded.wait(20)
    assert len(taken) == 60 * MEGABYTE
