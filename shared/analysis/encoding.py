"""Which characters the bytes mean: decided on the whole file, reported, and never by dropping what does not fit."""

from __future__ import annotations

import codecs
import io
import re
import shutil
from pathlib import Path

from shared.analysis.content import BLOCK_BYTES
from shared.analysis.document import Encoding
from shared.analysis.refusal import refusal
from shared.problems import ProblemError

_ESCAPED = re.compile("[\udc80-\udcff]")
_BEYOND_ASCII = re.compile("[^\x00-\x7f\udc80-\udcff]")
_NOT_IN_WINDOWS_1252 = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")
_HEAD_BYTES = 4096
_SAVE_AS_UTF8 = ["Save the file as CSV with encoding UTF-8, then upload it again."]


def detect_encoding(path: Path, file_name: str) -> Encoding:
    """UTF-8 if every byte fits, UTF-16 by its mark or its pattern of NUL bytes, Windows-1252 before ISO 8859-1.

    Raises DATA_VALIDATION, with the line, for a file that is UTF-8 but for some broken places.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16-le" if head.startswith(codecs.BOM_UTF16_LE) else "utf-16-be"
    nul_high, nul_low = head[0::2].count(0), head[1::2].count(0)
    if nul_low > len(head) // 4 and not nul_high:
        return "utf-16-le"
    if nul_high > len(head) // 4 and not nul_low:
        return "utf-16-be"
    return _detect_single_bytes(path, file_name, marked=head.startswith(codecs.BOM_UTF8))


def _detect_single_bytes(path: Path, file_name: str, *, marked: bool) -> Encoding:
    if _is_utf8(path):
        return "utf-8-sig" if marked else "utf-8"
    # Bytes that are no UTF-8 come out as lone surrogates, so both kinds can be counted in one pass.
    decoder = codecs.getincrementaldecoder("utf-8")(errors="surrogateescape")
    fitting = broken = lines = first_broken_line = 0
    windows = True
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            text = decoder.decode(block)
            if not text.isascii():
                fitting += len(_BEYOND_ASCII.findall(text))
                escaped = [match.start() for match in _ESCAPED.finditer(text)]
                if escaped and not broken:
                    first_broken_line = lines + text.count("\n", 0, escaped[0]) + 1
                broken += len(escaped)
                windows = windows and not _NOT_IN_WINDOWS_1252.search(block)
            lines += text.count("\n")
        broken += len(decoder.decode(b"", final=True))
    if marked or fitting >= broken:
        raise refusal(
            file_name,
            title="The file is damaged or mixes encodings",
            found=f"the file is UTF-8 but for {broken:,} bytes; the first of them is on this line.",
            line=first_broken_line or lines + 1,
            recovery=_SAVE_AS_UTF8,
        )
    return "windows-1252" if windows else "iso-8859-1"


def _is_utf8(path: Path) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    begun = b""
    with path.open("rb") as file:
        try:
            while block := file.read(BLOCK_BYTES):
                # Most files are ASCII, and to find that out is much cheaper than to decode them.
                if begun or not block.isascii():
                    decoder.decode(block)
                    begun = decoder.getstate()[0]
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def as_utf8(path: Path, encoding: Encoding, copy: Path, *, file_name: str, verified: bool) -> Path:
    """The file as plain UTF-8 with line feeds: ``path`` itself where it is that, else written to ``copy``.

    Works block by block. ``verified``: the whole file is known to fit the encoding. Raises DATA_VALIDATION, with the
    line, where the bytes do not fit.
    """
    as_it_stands = verified and not _ends_lines_with_returns(path)
    if encoding == "utf-8" and as_it_stands:
        return path
    if encoding == "utf-8-sig" and as_it_stands:
        with path.open("rb") as marked, copy.open("wb") as plain:
            marked.seek(len(codecs.BOM_UTF8))
            shutil.copyfileobj(marked, plain, BLOCK_BYTES)
        return copy
    _transcode(path, encoding, copy, file_name)
    return copy


def _transcode(path: Path, encoding: Encoding, copy: Path, file_name: str) -> None:
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(encoding)(), translate=True)
    lines = 0
    with path.open("rb") as source, copy.open("w", encoding="utf-8", newline="") as target:
        try:
            while block := source.read(BLOCK_BYTES):
                text = decoder.decode(block)
                target.write(text if target.tell() else text.removeprefix("\ufeff"))
                lines += text.count("\n")
            target.write(decoder.decode(b"", final=True))
        except UnicodeDecodeError as error:
            before = error.object[: error.start].decode(encoding)
            raise _does_not_fit(file_name, encoding, lines + before.count("\n") + 1) from error


def _ends_lines_with_returns(path: Path) -> bool:
    with path.open("rb") as file:
        block = file.read(BLOCK_BYTES)
    return b"\r" in block and b"\n" not in block


def _does_not_fit(file_name: str, encoding: Encoding, line: int) -> ProblemError:
    return refusal(
        file_name,
        title=f"The file is not valid {encoding.upper()}",
        found=f"it reads as {encoding.upper()}, but from here on the bytes do not fit.",
        line=line,
        recovery=_SAVE_AS_UTF8,
    )
