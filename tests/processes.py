"""What tests of processes need: waiting for a condition with a deadline, and whether a process is there."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import psutil


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 20.0) -> None:
    """Return as soon as ``condition`` holds; fails the test with ``what`` when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.01)


def living(process_ids: Iterable[int]) -> list[int]:
    """Those that still run; a process that ended and was not waited for yet does not."""
    return [process for process in process_ids if _runs(process)]


def _runs(process: int) -> bool:
    try:
        return psutil.Process(process).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
