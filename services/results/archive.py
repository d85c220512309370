"""Many objects as one zip file, written while it is sent: memory holds one block, whatever there is."""

from __future__ import annotations

import io
import zipfile
from collections.abc import AsyncGenerator, Mapping

from shared.events.payloads import Reference
from shared.storage.port import ObjectStore

_DATE = (1980, 1, 1, 0, 0, 0)


async def zip_of(
    store: ObjectStore, objects: Mapping[str, Reference], texts: Mapping[str, bytes]
) -> AsyncGenerator[bytes, None]:
    """Members by name, in that order: texts, then objects, none compressed again. The same content, the same bytes.

    Raises the store's problems; whoever reads then has a file without its end, which no program takes for whole.
    """
    buffer = _Buffer()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, text in texts.items():
            archive.writestr(zipfile.ZipInfo(name, _DATE), text)
        for name, reference in objects.items():
            with archive.open(zipfile.ZipInfo(name, _DATE), "w", force_zip64=True) as member:
                async for block in store.get(reference.bucket, reference.key, expected_sha256=reference.sha256):
                    member.write(block)
                    yield buffer.taken()
    yield buffer.taken()


class _Buffer(io.RawIOBase):
    """What was written since it was last taken; it cannot be sought in, so zipfile puts sizes behind the data."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._parts.append(bytes(data))
        return len(data)

    def taken(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)
