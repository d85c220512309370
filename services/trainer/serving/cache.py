"""Objects of the store kept on this machine's disk, by what is in them: what was fetched once is not fetched again."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from shared.events.payloads import Reference
from shared.runtime.service import Service
from shared.storage.transfer import get_file


class ArtifactCache:
    """Verified by SHA-256 as they are fetched; those longest unused go when there are more than ``most_bytes``."""

    def __init__(self, service: Service, most_bytes: int) -> None:
        self._service = service
        self._most_bytes = most_bytes
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._fetching: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._sizes: dict[str, int] = {}
        """By hash, those longest unused first."""

    async def start(self) -> None:
        """An empty one of this process' own."""
        self._folder = tempfile.TemporaryDirectory(prefix="foretide-models-")

    async def stop(self) -> None:
        """Nothing is left on the disk."""
        if self._folder is not None:
            self._folder.cleanup()

    async def lend(self, files: Mapping[str, Reference], folder: Path) -> None:
        """Put the objects into a folder under these names, as links: what goes from the cache stays there.

        Raises what the store raises.
        """
        folder.mkdir(parents=True, exist_ok=True)
        for name, reference in files.items():
            async with self._fetching[reference.sha256]:
                await self._fetch(reference)
                os.link(self._path(reference), folder / name)
            self._trim()

    async def _fetch(self, reference: Reference) -> None:
        key, path = reference.sha256, self._path(reference)
        # Whoever clears temporary folders may have been here.
        if key not in self._sizes or not path.exists():
            store = self._service.store
            await get_file(store, reference.bucket, reference.key, path, expected_sha256=key)
        self._sizes[key] = self._sizes.pop(key, reference.bytes)

    def _trim(self) -> None:
        while len(self._sizes) > 1 and sum(self._sizes.values()) > self._most_bytes:
            oldest = next(iter(self._sizes))
            if self._fetching[oldest].locked():
                return
            del self._sizes[oldest], self._fetching[oldest]
            (self._root / oldest).unlink(missing_ok=True)

    def _path(self, reference: Reference) -> Path:
        return self._root / reference.sha256

    @property
    def _root(self) -> Path:
        if self._folder is None:
            raise RuntimeError("the service is not running")
        return Path(self._folder.name)
