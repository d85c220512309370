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

Form = Literal["json", "csv", "files"]
Files = dict[str, dict[str, Any]]
"""A session's files by id, as :class:`services.trainer.forecasting.given.TrainedFile` takes them."""
_WAITING_PER_SLOT = 16
"""Requests; more are refused at once, for those that wait hold their rows on the disk."""
_MEMORY_BYTES = 2 * 1024**3
"""Of one child, beyond the libraries: many times what the largest body becomes, and what models take."""


class Forecasting:
    """Forecasts in children, a few at a time; the others wait, as long as a request may take."""

    def __init__(self, service: Service) -> None:
        settings = service.settings
        self.cache = ArtifactCache(service, settings.forecast_cache_bytes)
        self._children = service.children("services.trainer.serving.child", what="Forecasting")
        self._seconds = settings.forecast_seconds
        self._slots = asyncio.Semaphore(settings.forecast_slots)
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
        self,
        models: Sequence[ChosenModel],
        files: Files,
        rows: Path,
        form: Form,
        reference_time: str | None,
        outputs: dict[str, Any] | None = None,
    ) -> list[dict[str, Any]]:
        """One answer for each model, in order; see :func:`services.trainer.forecasting.work.carry_out`.

        Raises the child's problems, the store's, and one when time is over.
        """
        try:
            async with asyncio.timeout(self._seconds), self._slots:
                specification = {
                    "files": files,
                    "rows": str(rows),
                    "form": form,
                    "reference_time": reference_time,
                    "outputs": outputs,
                    "threads": 1,
                    "memory_bytes": _MEMORY_BYTES,
                }
                return await self._forecast(models, specification)
        except TimeoutError as error:
            raise _busy(
                "The forecast took too long",
                f"It had {self._seconds:g} s, the time that it waited for others included.",
            ) from error

    async def _forecast(self, models: Sequence[ChosenModel], specification: dict[str, Any]) -> list[dict[str, Any]]:
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
            found = await self._children.run({**specification, "models": given})
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


def _busy(title: str, detail: str) -> ProblemError:
    return ProblemError(
        Category.RESOURCE_EXHAUSTION,
        title=title,
        detail=detail,
        recovery=["Try again.", "Send fewer rows.", "Choose a smaller model."],
        status=503,
        headers={"Retry-After": "5"},
    )
