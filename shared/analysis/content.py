"""Is it CSV at all? Decided by the bytes, never by the file's name."""

from __future__ import annotations

import re
from pathlib import Path

from shared.analysis.refusal import refusal
from shared.problems import ProblemError

BLOCK_BYTES = 1024 * 1024
MAX_LINE_BYTES = BLOCK_BYTES
_HEAD_BYTES = 4096

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (rb"\x89PNG", "a PNG image"),
    (rb"\xff\xd8\xff", "a JPEG image"),
    (rb"GIF8", "a GIF image"),
    (rb"%PDF", "a PDF document"),
    (rb"PK\x03\x04.*?(xl/|workbook)", "an Excel workbook"),
    (rb"PK(\x03\x04|\x05\x06)", "a ZIP archive"),
    (rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Excel or other Office document"),
    (rb"\x1f\x8b", "a GZIP archive"),
    (rb"BZh[1-9]1AY&SY", "a BZIP2 archive"),
    (rb"\xfd7zXZ\x00", "an XZ archive"),
    (rb"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (rb"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (rb"Rar!\x1a", "a RAR archive"),
    (rb"PAR1", "a Parquet file"),
    (rb"SQLite format 3\x00", "an SQLite database"),
    (rb"\x7fELF", "a program"),
    (rb"\x93NUMPY", "a NumPy array"),
    (rb"(\xef\xbb\xbf)?\s*<(!doctype\s+html|html|head|body)", "an HTML page"),
    (rb"(\xef\xbb\xbf)?\s*<(\?xml|!--|svg|\w+\s+xmlns)", "an XML document"),
    (rb"(\xef\xbb\xbf)?\s*[\[{]\s*[\[{\"]", "a JSON document"),
)
# A quote elsewhere is a mark for inches or minutes and belongs to its cell.
_OPENING_QUOTE = re.compile(rb'[,;\t|\n]"')
_SAVE_AS_CSV = ["Save or export the data as CSV and upload that file."]


def refuse_other_formats(path: Path, file_name: str) -> None:
    """Raises DATA_VALIDATION when the file is empty or its first bytes are those of another format."""
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    if not head.strip():
        raise refusal(
            file_name,
            title="The file is empty",
            found="there is nothing in it." if not head else "there is nothing in it but blanks.",
            recovery=["Check the export that made the file, then upload it again."],
        )
    for pattern, what in _SIGNATURES:
        if re.match(pattern, head, re.DOTALL | re.IGNORECASE):
            raise refusal(
                file_name,
                title=f"This is {what}, not a CSV file",
                found=f"the content begins as {what} does, whatever the name says.",
                recovery=_SAVE_AS_CSV,
            )


def has_quotes(path: Path, file_name: str) -> bool:
    """Whether any cell of a UTF-8 file is quoted; reads all of it, in blocks.

    Raises DATA_VALIDATION for NUL bytes and for a line longer than ``MAX_LINE_BYTES``, naming the line.
    """
    line_bytes = position = 0
    quoted = False
    before = b"\n"
    with path.open("rb") as file:
        while block := file.read(BLOCK_BYTES):
            if (nul := block.find(b"\0")) >= 0:
                raise _binary(file_name, _line_at(path, position + nul))
            first = block.find(b"\n")
            if line_bytes + (first if first >= 0 else len(block)) > MAX_LINE_BYTES:
                raise _line_too_long(file_name, _line_at(path, position))
            line_bytes = len(block) - block.rfind(b"\n") - 1 if first >= 0 else line_bytes + len(block)
            quoted = quoted or (b'"' in block and _OPENING_QUOTE.search(before + block) is not None)
            before = block[-1:]
            position += len(block)
    return quoted


def lines_before(path: Path, position: int) -> int:
    """How many lines end before this byte of the file."""
    lines = 0
    with path.open("rb") as file:
        while position and (block := file.read(min(BLOCK_BYTES, position))):
            lines += block.count(b"\n")
            position -= len(block)
    return lines


def _line_at(path: Path, position: int) -> int:
    return lines_before(path, position) + 1


def _binary(file_name: str, line: int) -> ProblemError:
    return refusal(
        file_name,
        title="This is binary data, not a CSV file",
        found="there is a NUL byte, which no text has.",
        line=line,
        recovery=_SAVE_AS_CSV,
    )


def _line_too_long(file_name: str, line: int) -> ProblemError:
    return refusal(
        file_name,
        title="A line of the file is too long",
        found=f"it is longer than {MAX_LINE_BYTES:,} bytes; a row of measurements never is.",
        line=line,
        recovery=["Check that the rows are separated by line breaks.", "Split very wide tables into several files."],
    )
