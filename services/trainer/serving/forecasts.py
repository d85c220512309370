"""Answers forecasts: models from the store into children, one child for each request."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from services.trainer.serving.cache import ArtifactCache
from services.trainer.serving.chosen import ChosenModel
from shared.database.pool import Transaction
from shared.problems import Category, ProblemError
from shared.runtime.service import Service

Form = Literal["json", "csv"]
Files = dict[str, dict[str, Any]]
"""A session's files by id, as :class:`services.trainer.forecasting.given.TrainedFile` takes them."""
_WAITING_PER_SLOT = 16
"""Requests; more are refused at once, for those that wait hold their rows on the disk."""
_MEMORY_BYTES = 2 * 1024**3
"""Of one child, beyond the libraries: many times what the largest body becomes, and what models take."""


class Forecasting:
    """Forecasts in children, a few at a time. Requests wait as long as they may take, jobs until it is their turn."""

    def __init__(self, service: Service) -> None:
        settings = service.settings
        self.cache = ArtifactCache(service, settings.forecast_cache_bytes)
        self._children = service.children("services.trainer.serving.child", what="Forecasting", advice=_fewer_rows)
        self._seconds = settings.forecast_seconds
        self._slots = asyncio.Semaphore(settings.forecast_slots)
        self._job_slot = asyncio.Semaphore(1)
        self._places = settings.forecast_slots * (1 + _WAITING_PER_SLOT)
        service.start_last(self.cache)

    @contextmanager
    def place(self) -> Iterator[None]:
        """Among the requests that wait or are forecast. Raises a 503 problem where there are too many."""
        if not self._places:
            raise _busy("There are too many forecasts at once", "Too many others wait for a forecast already.")
        self._places -= 1
        try:
            yield
        finally:
            self._places += 1

    async def forecast(
        self, models: Sequence[ChosenModel], files: Files, rows: Path, form: Form, reference_time: str | None
    ) -> list[dict[str, Any]]:
        """One answer for each model, in order; see :func:`services.trainer.forecasting.work.carry_out`.

        Raises the child's problems, the store's, and one when time is over, that of waiting included.
        """
        with self._in_time("It had {} s, the time that it waited for others included."):
            async with asyncio.timeout(self._seconds), self._slots:
                specification = {"form": form, "reference_time": reference_time, "outputs": None}
                return await self._forecast(models, files, rows, specification)

    async def follow(
        self, models: Sequence[ChosenModel], files: Files, rows: Path, outputs: dict[str, Any]
    ) -> list[dict[str, Any]]:
        """The same of what follows the end of the files in ``rows``, written as ``outputs`` has it.

        Jobs have a slot of their own, and nobody waits beside them: their time begins when they hold it.
        """
        with self._in_time("It had {} s."):
            async with self._job_slot, asyncio.timeout(self._seconds):
                specification = {"form": "files", "reference_time": None, "outputs": outputs}
                return await self._forecast(models, files, rows, specification)

    @contextmanager
    def _in_time(self, detail: str) -> Iterator[None]:
        try:
            yield
        except TimeoutError as error:
            raise _busy("The forecast took too long", detail.format(f"{self._seconds:g}")) from error

    async def _forecast(
        self, models: Sequence[ChosenModel], files: Files, rows: Path, specification: dict[str, Any]
    ) -> list[dict[str, Any]]:
        with tempfile.TemporaryDirectory(prefix="foretide-forecast-") as temporary:
            folder = Path(temporary)
            given = []
            for model in models:
                own = folder / str(model.job_id)
                await self.cache.lend(model.files, own)
                manifest = folder / f"{model.manifest.sha256}.json"
                if not manifest.exists():
                    await self.cache.lend({manifest.name: model.manifest}, folder)
                given.append({"folder": str(own), "manifest": str(manifest), "configuration": model.configuration})
            whole = {"models": given, "files": files, "rows": str(rows), "threads": 1, "memory_bytes": _MEMORY_BYTES}
            found = await self._children.run({**whole, **specification})
        answers: list[dict[str, Any]] = found["forecasts"]
        return [
            {**answer, "job_id": model.job_id, "run_id": model.run_id}
            for answer, model in zip(answers, models, strict=True)
        ]


async def files_of(transaction: Transaction, session_id: str) -> Files:
    """How the session's files are called and were read."""
    rows = await transaction.fetch(
        """select id, file_name, analysis ->> 'timezone' as zone,
               analysis -> 'time_candidates' -> 0 ->> 'format' as format
           from public.training_files where session_id = $1""",
        session_id,
    )
    return {
        str(row["id"]): {
            "name": row["file_name"],
            "timezone": row["zone"] or "UTC",
            "day_first": {"d": True, "m": False}.get((row["format"] or " ")[0]),
        }
        for row in rows
    }


def _fewer_rows(specification: dict[str, Any]) -> list[str]:
    """A quarter of what was sent; and, of several models, one."""
    rows, models = Path(specification["rows"]), len(specification["models"])
    fewer = [] if models == 1 else [f"Ask for one model by its jobId, instead of {models} at once."]
    if rows.is_dir():
        return [*fewer, "Upload a shorter period: forecasts need the newest rows alone."]
    size = rows.stat().st_size
    return [*fewer, f"Send fewer rows: at most {size // 4} bytes of them instead of {size}."]


def _busy(title: str, detail: str) -> ProblemError:
    return ProblemError(
        Category.RESOURCE_EXHAUSTION,
        title=title,
        detail=detail,
        recovery=["Try again.", "Send fewer rows.", "Choose a smaller model."],
        status=503,
        headers={"Retry-After": "5"},
    )
