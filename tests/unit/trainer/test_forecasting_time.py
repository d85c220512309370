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
    """Children that never answer; ``ended`` counts those that were cancelled."""

    def __init__(self) -> None:
        self.begun = self.ended = 0
        self.memory_bytes: list[int] = []

    async def run(self, specification: dict[str, Any]) -> dict[str, Any]:
        self.begun += 1
        self.memory_bytes.append(specification["memory_bytes"])
        try:
            return await asyncio.get_running_loop().create_future()
        finally:
            self.ended += 1


def forecasting_by(children: Endless, *, seconds: float = 0.1, slots: int = 2) -> Forecasting:
    settings = SimpleNamespace(forecast_cache_bytes=1000, forecast_seconds=seconds, forecast_slots=slots)
    service = SimpleNamespace(
        settings=settings, children=lambda _, what: children, start_last=lambda companion: None, store=None
    )
    return Forecasting(service)  # type: ignore[arg-type]


async def test_forecasts_end_with_their_time_and_no_more_run_than_there_are_slots() -> None:
    children = Endless()
    forecasting = forecasting_by(children)

    ended = await asyncio.gather(
        *(forecasting.forecast([], {}, Path("rows.json"), "json", None) for _ in range(5)), return_exceptions=True
    )

    assert (children.begun, children.ended) == (2, 2)
    assert len(ended) == 5
    for error in ended:
        assert isinstance(error, ProblemError)
        assert (error.problem.category, error.problem.status) == (Category.RESOURCE_EXHAUSTION, 503)
        assert error.headers["Retry-After"]
    assert all(0 < memory < 8 * 1024**3 for memory in children.memory_bytes)


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
