"""An attempt in the same process goes on where the last one was told to be."""

from __future__ import annotations

from shared.runtime.interrupted import Interrupted


def test_f78_what_broke_off_goes_on_there_once() -> None:
    interrupted = Interrupted()
    interrupted.keep("job", 60.0)
    assert interrupted.take("job") == 60.0
    assert interrupted.take("job", 5.0) == 5.0


def test_it_does_not_grow_without_end_and_forgets_the_oldest() -> None:
    interrupted = Interrupted()
    for job in range(1500):
        interrupted.keep(job, 50.0)
    interrupted.keep(600, 70.0)
    interrupted.keep("new", 80.0)
    assert len(interrupted) <= 1001
    assert [interrupted.take(job) for job in (0, 600, "new")] == [0.0, 70.0, 80.0]
