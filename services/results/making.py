"""Files that are made when they are asked for: a CSV file of forecasts, a plot as picture or data."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiofiles
import aiofiles.os
import anyio

from shared.database.pool import Record
from shared.events.payloads import Reference
from shared.problems import Category, ProblemError, not_found
from shared.runtime.child import Children
from shared.runtime.service import Service
from shared.storage.transfer import get_file

_BLOCK = 1024 * 1024
_FILES = {
    "loss_curve": ("history",),
    "error_by_step": ("evaluation",),
    "predictions": ("evaluation", "scalers", "forecasts"),
    "residuals": ("evaluation", "scalers", "forecasts"),
}
_NAMES = {"model": "model_type", "target": "target"}
_AT_ONCE = 2
_SECONDS = 120.0
_MEMORY_BYTES = 2 * 1024**3


def artifact(row: Record, name: str) -> Reference:
    """Where a result keeps it. Raises a 404 problem."""
    if name not in row["artifacts"]:
        raise not_found("Artifact", name)
    return Reference.model_validate(row["artifacts"][name])


def table_of(row: Record) -> Reference:
    """Where a result's Parquet table is. Raises a 404 problem for results that were stored before there were tables."""
    if "table" in row["artifacts"]:
        return artifact(row, "table")
    raise ProblemError(
        Category.NOT_FOUND,
        title="This result has no table",
        detail="It was stored before results were kept as Parquet tables.",
        recovery=["Ask for format=json.gz, which every result has.", "Or train again."],
    )


class Maker:
    """Makes files in children, two at a time; whoever asks for more waits."""

    def __init__(self, service: Service, children: Children) -> None:
        self._service = service
        self._children = children
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def forecasts_csv(self, row: Record) -> AsyncGenerator[bytes, None]:
        """The forecasts of the test part, in blocks. Raises a 404 problem where the result has no table."""
        reference = table_of(row)
        with tempfile.TemporaryDirectory(prefix="foretide-export-") as name:
            folder = Path(name)
            async with self._slot():
                await self._fetch(reference, folder / "table.parquet")
                await self._children.run({"work": "csv", "folder": name, "memory_bytes": _MEMORY_BYTES})
                # Whoever reads slowly keeps the one file for long, and need not keep two.
                await aiofiles.os.remove(folder / "table.parquet")
            async with aiofiles.open(folder / "forecasts.csv", "rb") as file:
                while block := await file.read(_BLOCK):
                    yield block

    async def plot(self, rows: list[Record], kind: str, form: str, options: dict[str, Any]) -> bytes:
        """One plot of these models' results: PNG, or the JSON that it is drawn from.

        Raises a 404 problem, or one for windows that are not there.
        """
        with tempfile.TemporaryDirectory(prefix="foretide-export-") as name:
            folder = Path(name)
            models = [{name: row["results_metadata"][key] for name, key in _NAMES.items()} for row in rows]
            asked = {"plot": kind, "format": form, "models": models, "options": options, "memory_bytes": _MEMORY_BYTES}
            async with self._slot():
                for place, row in enumerate(rows):
                    await self._fetch_artifacts(row, _FILES[kind], folder / str(place))
                await self._children.run({"work": "plot", "folder": name, **asked})
            return await anyio.Path(folder / f"plot.{form}").read_bytes()

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        """One's turn, and a limit of time from asking for it. Raises a 503 problem when that is over."""
        try:
            async with asyncio.timeout(_SECONDS), self._slots:
                yield
        except TimeoutError as error:
            raise ProblemError(
                Category.RESOURCE_EXHAUSTION,
                title="Making the file took too long",
                detail=f"It had {_SECONDS:g} s, the time that it waited for others included.",
                recovery=["Try again.", "Ask for less at once, or for what is stored: json.gz, parquet."],
                status=503,
                headers={"Retry-After": "10"},
            ) from error

    async def _fetch_artifacts(self, row: Record, names: tuple[str, ...], folder: Path) -> None:
        folder.mkdir()
        for name in names:
            reference = artifact(row, name)
            await self._fetch(reference, folder / Path(reference.key).name)

    async def _fetch(self, reference: Reference, path: Path) -> None:
        await get_file(self._service.store, reference.bucket, reference.key, path, expected_sha256=reference.sha256)
