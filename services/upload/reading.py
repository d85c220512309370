"""Stored files are read in child processes, a few at a time: what is in them, and their canonical copies."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from services.upload.scanning import VirusScanner
from services.upload.smaller import shorter_period, smaller_file
from services.upload.telling import FilesTold
from shared.events.payloads import Reference
from shared.runtime.service import Service
from shared.shares import TellShare, nobody, part_of
from shared.storage.port import ObjectStore
from shared.storage.transfer import get_file, put_file

_AT_ONCE = 2
"""Files that one process reads at a time; each may take a few hundred megabytes of memory."""

_FETCHED, _CLEAN, _ANALYSED = 0.1, 0.2, 0.95
"""Shares of the reading that are done when the file is here, found clean, and known with its copy written."""


class FileReader:
    """Reads what the service has stored; ``told``: to whom it is told how far files are."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self.told = FilesTold(service.progress_sender("upload"))
        self._turns = asyncio.Semaphore(_AT_ONCE)
        url = service.settings.clamav_url
        self._analyses = service.children("services.upload.analyse_child", what="Reading the file", advice=smaller_file)
        self._choices = service.children(
            "services.upload.choose_child", what="Choosing how to forecast", advice=shorter_period
        )
        self._scanner = VirusScanner(url) if url else None

    @property
    def store(self) -> ObjectStore:
        """Where the files are."""
        return self._service.store

    async def read(
        self,
        raw: Reference,
        *,
        file_name: str,
        overrides: dict[str, Any],
        canonical_key: str,
        tell: TellShare = nobody,
    ) -> tuple[Reference, dict[str, Any]]:
        """Write the canonical copy of ``raw`` into its bucket; the copy's reference and the analysis.

        Raises DATA_VALIDATION for a file that is infected or cannot be read, and what the store raises.
        """
        tell(0.0)
        async with self._turns:
            with tempfile.TemporaryDirectory(prefix="foretide-") as folder:
                csv_path, parquet_path = Path(folder, "raw.csv"), Path(folder, "canonical.parquet")
                await get_file(self.store, raw.bucket, raw.key, csv_path, expected_sha256=raw.sha256)
                tell(_FETCHED)
                if self._scanner is not None:
                    await self._scanner.refuse_infected(csv_path, file_name)
                analysis = await self._analyses.run(
                    {
                        "csv": str(csv_path),
                        "file_name": file_name,
                        "parquet": str(parquet_path),
                        "overrides": overrides,
                    },
                    on_progress=lambda message: part_of(tell, _CLEAN, _ANALYSED)(message["share"]),
                )
                stored = await put_file(
                    self.store,
                    raw.bucket,
                    canonical_key,
                    parquet_path,
                    content_type="application/vnd.apache.parquet",
                )
        tell(1.0)
        return stored.reference, analysis

    async def choose(
        self, canonical: Reference, *, file_id: str, analysis: dict[str, Any], wishes: dict[str, Any]
    ) -> dict[str, Any]:
        """How to forecast a file that was read: ``configuration`` and ``choices``. Raises what cannot be met."""
        with tempfile.TemporaryDirectory(prefix="foretide-") as folder:
            path = Path(folder, "canonical.parquet")
            await get_file(self.store, canonical.bucket, canonical.key, path, expected_sha256=canonical.sha256)
            return await self._choices.run(
                {"analysis": analysis, "parquet": str(path), "wishes": wishes, "file_id": file_id}
            )
