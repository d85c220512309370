"""Objects as files in a folder: what the folder adapter does to the disk. Blocking; called in threads.

    <root>/<bucket>/<key>                       the object's bytes, nothing else
    <root>/.meta/<bucket>/<key>%<version>       JSON: content type and SHA-256
    <root>/.partial/<uuid>                      being written

A version is a file's size and modification time, so a description belongs to exactly one state of the file.
It is there before the file is moved into place: readers and writers need no lock, and nobody reads one state
with the description of another. No key has '%' and no bucket begins with '.', so nothing here collides.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO
from uuid import uuid4

from shared.storage.errors import InvalidKey, ObjectNotFound
from shared.storage.partial_file import PartialFile


@dataclass(frozen=True, slots=True)
class Description:
    """What a file cannot say of itself."""

    content_type: str
    sha256: str


@dataclass(frozen=True, slots=True)
class OpenObject:
    """An object opened for reading. ``description`` is None if it was lost, or replaced this moment."""

    file: BinaryIO
    size: int
    modified: float
    description: Description | None


class Folder:
    """The files below one root. Buckets and keys are checked before they come here."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._partial = root / ".partial"
        self._meta = root / ".meta"

    def create(self) -> None:
        """Make the folder, if it is not there. Raises OSError."""
        for folder in (self._root, self._partial, self._meta):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def writable(self) -> bool:
        """True while files can be written."""
        return os.access(self._partial, os.W_OK | os.X_OK)

    def begin(self) -> PartialFile:
        """A file that is not an object yet. Raises OSError."""
        return PartialFile(self._partial / uuid4().hex)

    def commit(self, partial: PartialFile, bucket: str, key: str, content_type: str) -> None:
        """Make a written partial file the object. Raises InvalidKey and OSError."""
        version = _version(partial.finish())
        path = self._root / bucket / key
        replaced = self._version_at(path)
        described = self._described(bucket, key, version)
        self._describe(described, Description(content_type, partial.tally.sha256))
        try:
            partial.move(path)
        except (IsADirectoryError, NotADirectoryError, FileExistsError) as error:
            described.unlink()
            raise InvalidKey(key, "is a folder of other objects, or lies below an object") from error
        if replaced is not None:
            self._described(bucket, key, replaced).unlink(missing_ok=True)

    def open(self, bucket: str, key: str) -> OpenObject:
        """Open an object, whichever state of it is there now. Raises ObjectNotFound and OSError."""
        try:
            file = (self._root / bucket / key).open("rb")
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
            raise ObjectNotFound(bucket, key) from error
        try:
            status = os.fstat(file.fileno())
            description = self._description(bucket, key, _version(status))
        except BaseException:
            file.close()
            raise
        return OpenObject(file, status.st_size, status.st_mtime, description)

    def walk(self, bucket: str, folder: str) -> Iterator[tuple[str, os.stat_result]]:
        """Key and status of every object whose key begins with ``folder`` (empty, or ending in '/')."""
        try:
            entries = os.scandir(self._root / bucket / folder)
        except (FileNotFoundError, NotADirectoryError):
            return
        with entries:
            # One by one: a folder may have a million.
            for entry in entries:
                key = f"{folder}{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    yield from self.walk(bucket, f"{key}/")
                    continue
                with suppress(FileNotFoundError):  # deleted since
                    yield key, entry.stat(follow_symlinks=False)

    def delete(self, bucket: str, key: str) -> None:
        """Remove an object and the folders that it leaves empty; a missing one is fine. Raises OSError."""
        path = self._root / bucket / key
        version = self._version_at(path)
        if version is None:
            return
        described = self._described(bucket, key, version)
        path.unlink(missing_ok=True)
        described.unlink(missing_ok=True)
        _prune(path.parent, self._root)
        _prune(described.parent, self._meta)

    def sweep(self, before: float) -> int:
        """Remove partial files and lost descriptions last changed before that Unix time; how many."""
        removed = 0
        for path in [*self._partial.iterdir(), *self._lost_descriptions()]:
            with suppress(FileNotFoundError):  # finished, or swept by another process
                if path.stat().st_mtime < before:
                    path.unlink()
                    removed += 1
        return removed

    def _describe(self, path: Path, description: Description) -> None:
        partial = self.begin()
        try:
            partial.write(json.dumps(asdict(description)).encode())
            partial.finish()
            partial.move(path)
        finally:
            partial.discard()

    def _description(self, bucket: str, key: str, version: str) -> Description | None:
        try:
            return Description(**json.loads(self._described(bucket, key, version).read_bytes()))
        except FileNotFoundError:
            return None

    def _described(self, bucket: str, key: str, version: str) -> Path:
        return self._meta / bucket / f"{key}%{version}"

    def _lost_descriptions(self) -> Iterator[Path]:
        for parent, _, names in os.walk(self._meta):
            for name in names:
                described = Path(parent, name)
                key, _, version = str(described.relative_to(self._meta)).rpartition("%")
                if self._version_at(self._root / key) != version:
                    yield described

    def _version_at(self, path: Path) -> str | None:
        try:
            status = path.lstat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        return _version(status) if S_ISREG(status.st_mode) else None


def _version(status: os.stat_result) -> str:
    return f"{status.st_size:x}-{status.st_mtime_ns:x}"


def _prune(folder: Path, root: Path) -> None:
    while folder != root:
        try:
            folder.rmdir()
        except OSError:  # not empty, or gone already
            return
        folder = folder.parent
