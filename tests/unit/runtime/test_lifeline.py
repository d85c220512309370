"""The lifeline: a service ends when its owner has gone, politely first."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from shared.runtime.lifeline import LIFELINE_VARIABLE, Lifeline, hold_lifeline

_SERVICE = """
import os, signal, sys, time
sys.path.insert(0, {project!r})
from shared.runtime.lifeline import hold_lifeline
signal.signal(signal.SIGTERM, {handler})
hold_lifeline(grace_seconds=0.2)
print("holds", os.environ.get("FORETIDE_LIFELINE_FD"), flush=True)
time.sleep(600)
"""
Start = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture
def lifeline() -> Lifeline:
    return Lifeline()


@pytest.fixture
def start(lifeline: Lifeline) -> Start:
    """Starts a service with this handler of SIGTERM; returns once it holds its lifeline."""

    def start(handler: str) -> subprocess.Popen[str]:
        service = subprocess.Popen(
            [sys.executable, "-c", _SERVICE.format(project=os.getcwd(), handler=handler)],
            env={**os.environ, **lifeline.variables},
            pass_fds=[lifeline.read_end],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert service.stdout is not None
        assert service.stdout.readline() == "holds None\n"
        return service

    return start


def test_a_service_is_asked_to_end_when_its_owner_has_gone(lifeline: Lifeline, start: Start) -> None:
    service = start("lambda *_: sys.exit(3)")

    lifeline.close()

    assert service.wait(timeout=10) == 3


def test_a_service_that_does_not_end_when_asked_ends_all_the_same(lifeline: Lifeline, start: Start) -> None:
    service = start("lambda *_: print('asked', flush=True)")

    lifeline.close()

    assert service.wait(timeout=10) == 1
    assert service.stdout is not None
    assert service.stdout.read() == "asked\n"


def test_without_an_owner_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(LIFELINE_VARIABLE, raising=False)

    hold_lifeline()
