"""What services copy for each piece of work can be copied: no library has started a thread, whose locks would stay."""

from __future__ import annotations

import psutil
import pytest

from shared.problems import Category, ProblemError
from shared.runtime.child import Children
from shared.runtime.nursery import Nursery
from tests.waiting import until


@pytest.mark.parametrize(
    "module",
    [
        "services.upload.analyse_child",
        "services.upload.choose_child",
        "services.dataset.build_child",
        "services.results.child",
    ],
)
async def test_nothing_that_is_copied_has_threads(module: str) -> None:
    nursery = Nursery(("-m", module))
    earlier = {process.pid for process in psutil.Process().children()}
    child = await nursery.child()
    [copied] = [process for process in psutil.Process().children() if process.pid not in earlier]

    threads = copied.num_threads()
    await child.end()
    await nursery.stop()

    assert threads == 1


async def test_a_child_that_breaks_is_a_problem_and_nothing_of_it_is_left(tmp_path: object) -> None:
    children = Children("services.results.child", what="Writing the results")
    earlier = {process.pid for process in psutil.Process().children()}

    with pytest.raises(ProblemError) as raised:
        await children.run({"folder": str(tmp_path), "event": {}})

    # A fault of ours, and not of anybody's memory.
    assert raised.value.problem.category is Category.INTERNAL
    await children.stop()
    await until(
        lambda: {process.pid for process in psutil.Process().children()} <= earlier, what="no process is left over"
    )
