"""The headers of tus 1.0.0 (https://tus.io/protocols/resumable-upload): read strictly, written plainly."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import TYPE_CHECKING, get_args

from services.upload.documents import FileType, TusFile
from shared.problems import Category, ProblemError

if TYPE_CHECKING:
    from hashlib import _Hash

VERSION = "1.0.0"
EXTENSIONS = ("creation", "creation-with-upload", "expiration", "checksum", "termination")
CHECKSUM_ALGORITHMS = ("sha1", "sha256", "md5")
BODY_TYPE = "application/offset+octet-stream"

_NUMBER = re.compile(r"[0-9]{1,18}")
_METADATA_KEY = re.compile(r"[!-+\--~]{1,64}")
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_LONGEST_METADATA = 8192
_LONGEST_NAME = 255
_UNNAMED = "upload.csv"


@dataclass(frozen=True, slots=True)
class Checksum:
    """What the bytes of one request's body must hash to."""

    algorithm: str
    expected: bytes

    def begin(self) -> _Hash:
        """A hash without any bytes in it."""
        return hashlib.new(self.algorithm, usedforsecurity=False)


def check_version(value: str | None) -> None:
    """Raises a 412 problem unless the client speaks the version that we do."""
    if value != VERSION:
        raise ProblemError(
            Category.DATA_VALIDATION,
            title="This version of tus is not spoken here",
            detail=f"The Tus-Resumable header is {value!r}; it must be {VERSION!r}.",
            recovery=[f"Use a client of tus {VERSION}."],
            status=412,
            headers={"Tus-Version": VERSION},
        )


def check_body_type(value: str | None) -> None:
    """Raises a 415 problem unless the body is declared to be bytes of a file."""
    if value != BODY_TYPE:
        raise ProblemError(
            Category.DATA_VALIDATION,
            title="The body has another content type",
            detail=f"The Content-Type header is {value!r}; it must be {BODY_TYPE!r}.",
            recovery=[f"Send the file's bytes as {BODY_TYPE}."],
            status=415,
        )


def bytes_in(name: str, value: str | None) -> int:
    """A number of bytes out of the header ``name``. Raises a 400 problem when it is none, or negative."""
    if value is None or not _NUMBER.fullmatch(value):
        raise _bad_header(name, value, "must be a number of bytes, written with digits alone")
    return int(value)


def checksum_in(value: str | None) -> Checksum | None:
    """``Upload-Checksum``: an algorithm and the base64 of its digest. Raises a 400 problem for anything else."""
    if value is None:
        return None
    algorithm, _, encoded = value.partition(" ")
    if algorithm not in CHECKSUM_ALGORITHMS:
        raise _bad_header("Upload-Checksum", value, f"must begin with one of {', '.join(CHECKSUM_ALGORITHMS)}")
    expected = _decoded(encoded)
    if expected is None or len(expected) != hashlib.new(algorithm, usedforsecurity=False).digest_size:
        raise _bad_header("Upload-Checksum", value, f"must have the base64 of a {algorithm} digest after a space")
    return Checksum(algorithm, expected)


def file_in(metadata: str | None, size: int) -> TusFile:
    """The file that ``Upload-Metadata`` describes. Raises a 400 problem for a header that is not as tus has it.

    Taken are ``filename`` (or ``name``, as Uppy has it, too), ``filetype`` where it is a role (``input`` or
    ``output``; browsers put a content type there, which says nothing that the content does not) and ``sha256`` of
    the whole file in hexadecimal. Other keys are kept and given back.
    """
    raw = (metadata or "").strip()
    values = _metadata(raw)
    name = _text(values, "filename") or _text(values, "name") or _UNNAMED
    if len(name) > _LONGEST_NAME:
        raise _bad_header("Upload-Metadata", name, f"has a filename of more than {_LONGEST_NAME} characters")
    if not name.isprintable():
        raise _bad_header("Upload-Metadata", repr(name), "has a filename with control characters")
    role = _text(values, "fileType") or _text(values, "filetype")
    sha256 = _text(values, "sha256")
    if sha256 and not _SHA256.fullmatch(sha256):
        raise _bad_header("Upload-Metadata", sha256, "has a sha256 that is not 64 hexadecimal digits")
    return TusFile(
        file_name=name,
        size=size,
        file_type=role if role in get_args(FileType) else "input",
        sha256=sha256 or None,
        metadata=raw,
    )


def http_date(moment: datetime) -> str:
    """As RFC 9110 section 5.6.7 writes it."""
    return format_datetime(moment.astimezone(UTC), usegmt=True)


def _metadata(raw: str) -> dict[str, bytes]:
    if len(raw) > _LONGEST_METADATA:
        raise _bad_header("Upload-Metadata", raw[:100], f"is longer than {_LONGEST_METADATA} characters")
    values: dict[str, bytes] = {}
    for pair in filter(None, raw.split(",")):
        key, _, encoded = pair.strip().partition(" ")
        if not _METADATA_KEY.fullmatch(key) or key in values:
            raise _bad_header("Upload-Metadata", pair, "must have different keys, of visible ASCII without commas")
        value = _decoded(encoded)
        if value is None:
            raise _bad_header("Upload-Metadata", pair, "must have base64 after each key and a space")
        values[key] = value
    return values


def _text(values: dict[str, bytes], key: str) -> str:
    try:
        return values.get(key, b"").decode()
    except UnicodeDecodeError as error:
        raise _bad_header("Upload-Metadata", repr(values[key]), f"must have UTF-8 text as {key}") from error


def _decoded(encoded: str) -> bytes | None:
    try:
        return base64.b64decode(encoded.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return None


def _bad_header(name: str, value: str | None, rule: str) -> ProblemError:
    return ProblemError(
        Category.DATA_VALIDATION,
        title=f"The {name} header is not as tus has it",
        detail=f"{name} {'is missing' if value is None else f'is {value!r}'}; it {rule}.",
        recovery=["Use a client of tus 1.0.0, such as tus-js-client, Uppy or tuspy."],
        status=400,
    )
