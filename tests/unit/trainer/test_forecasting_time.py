"""A forecast that takes too long is ended, and one that waits too long is told so."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from services.trainer.serving.forecasts import Forecasting
from shared.problems import Category, ProblemError


class Endless:
    """Children that never answer; ``ended`` counts those that were cancelled, ``most`` those that ran at once."""

    def __init__(self) -> None:
        self.begun = self.ended = self.most = 0
        self.given: list[dict[str, Any]] = []

    async def run(self, specification: dict[str, Any]) -> dict[str, Any]:
        self.begun += 1
        self.most = max(self.most, self.begun - self.ended)
        self.given.append(specification)
        try:
            return await asyncio.get_running_loop().create_future()
        finally:
            self.ended += 1


def forecasting_by(children: Endless, *, seconds: float = 0.1, slots: int = 2) -> Forecasting:
    settings = SimpleNamespace(forecast_cache_bytes=1000, forecast_seconds=seconds, forecast_slots=slots)
    service = SimpleNamespace(
        settings=settings, children=lambda _, **words: children, start_last=lambda companion: None, store=None
    )
    return Forecasting(service)  # type: ignore[arg-type]


async def test_forecasts_end_with_their_time_and_no_more_run_than_there_are_slots() -> None:
    children = Endless()
    forecasting = forecasting_by(children)

    ended = await asyncio.gather(
        *(forecasting.forecast([], {}, Path("rows.json"), "json", None) for _ in range(5)), return_exceptions=True
    )

    # On a busy machine one may still have time left when another's is up, and take its slot.
    assert children.most == 2
    assert children.begun == children.ended
    assert len(ended) == 5
    for error in ended:
        assert isinstance(error, ProblemError)
        assert (error.problem.category, error.problem.status) == (Category.RESOURCE_EXHAUSTION, 503)
        assert error.headers["Retry-After"]
    assert all(0 < given["memory_bytes"] < 8 * 1024**3 for given in children.given)


async def test_a_job_s_time_begins_with_its_turn_and_requests_take_nothing_of_it() -> None:
    children = Endless()
    forecasting = forecasting_by(children, seconds=0.1, slots=1)
    requests = [asyncio.create_task(forecasting.forecast([], {}, Path("rows.json"), "json", None)) for _ in range(3)]

    jobs = await asyncio.gather(
        *(forecasting.follow([], {}, Path("rows"), {"folder": "out"}) for _ in range(3)), return_exceptions=True
    )

    # One after the other, and each of them had its turn, however long it waited.
    assert [spec["form"] for spec in children.given].count("files") == 3
    assert all(isinstance(error, ProblemError) for error in jobs)
    await asyncio.gather(*requests, return_exceptions=True)


async def test_when_too_many_wait_the_next_is_refused_at_once_until_one_has_left() -> None:
    forecasting = forecasting_by(Endless(), slots=1)

    with ExitStack() as others:
        refused = [error for _ in range(1000) if (error := entered(forecasting, others)) is not None]
        assert refused
        assert refused[0].problem.status == 503
        assert refused[0].headers["Retry-After"]

    with forecasting.place():
        pass


def entered(forecasting: Forecasting, others: ExitStack) -> ProblemError | None:
    try:
        others.enter_context(forecasting.place())
    except ProblemError as error:
        return error
    return None
