"""A forecast that takes too long is ended, and one that waits too long is told so."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from services.trainer.serving.forecasts import Forecasting
from shared.problems import Category, ProblemError


class Endless:
    """Children that never answer; ``ended`` counts those that were cancelled."""

    def __init__(self) -> None:
        self.begun = self.ended = 0

    async def run(self, _: dict[str, Any]) -> dict[str, Any]:
        self.begun += 1
        try:
            return await asyncio.get_running_loop().create_future()
        finally:
            self.ended += 1


async def test_forecasts_end_with_their_time_and_no_more_run_than_there_are_slots() -> None:
    children = Endless()
    settings = SimpleNamespace(forecast_cache_bytes=1000, forecast_seconds=0.1, forecast_slots=2)
    service = SimpleNamespace(
        settings=settings, children=lambda _, what: children, start_last=lambda companion: None, store=None
    )
    forecasting = Forecasting(service)  # type: ignore[arg-type]

    ended = await asyncio.gather(
        *(forecasting.forecast([], {}, Path("rows.json"), "json", None) for _ in range(5)), return_exceptions=True
    )

    assert (children.begun, children.ended) == (2, 2)
    assert len(ended) == 5
    for error in ended:
        assert isinstance(error, ProblemError)
        assert (error.problem.category, error.problem.status) == (Category.RESOURCE_EXHAUSTION, 503)
        assert error.headers["Retry-After"]
