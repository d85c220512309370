"""A trial in its worker: what becomes of one whose run is over before it could be trained."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from services.trainer.limits import run_is_over
from services.trainer.search import execution
from services.trainer.search.ending import Ended
from services.trainer.search.execution import TrialExecution
from services.trainer.search.starting import Begun
from shared.jobs.lease import Claim
from shared.jobs.worker import Job
from shared.series.parameters.search import Search


async def test_a_trial_whose_run_ends_while_its_data_are_fetched_is_cancelled_and_has_not_failed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ends: list[Ended] = []

    @asynccontextmanager
    async def transaction() -> AsyncIterator[None]:
        yield

    async def begins(*_: Any) -> Begun:
        return Begun({"kind": "Linear"}, Search(), [], seconds_left=1.0)

    async def fetches(*_: Any) -> tuple[Path, Path]:
        return Path("dataset"), Path("manifest")

    async def finds_no_time(*_: Any) -> float:
        raise run_is_over("Linear")

    async def ends_so(_: Any, claim: Any, row: Any, ended: Ended) -> bool:
        ends.append(ended)
        return True

    for name, replaced in (
        ("begin_trial", begins),
        ("fetch_dataset", fetches),
        ("seconds_left", finds_no_time),
        ("end_trial", ends_so),
    ):
        monkeypatch.setattr(execution, name, replaced)
    service: Any = SimpleNamespace(database=SimpleNamespace(transaction=transaction))
    nothing: Any = None
    row: Any = {"target": "load", "trial": 0, "search_of": uuid4()}

    await TrialExecution(service, nothing, nothing, threads=1, device="auto").execute(
        Job(Claim("training_jobs", uuid4(), 1), row)
    )

    assert ends == [Ended("cancelled")]
