"""Malformed chunks: their form, and what it says."""

from __future__ import annotations

import random
from typing import Any
from uuid import uuid4

from tests.integration.malformed.request import CHUNK_PATH, TRAVERSALS, Make, Malformed

NO_INTEGERS = ("", "abc", "1.5", "NaN", "1e3", "0x10", "null", "[]", "{}", "true", "1 2", "²", "--1", "9" * 5000)


def _chunk_form(fields: dict[str, str], data: bytes, *, boundary: str = "limit") -> tuple[bytes, dict[str, str]]:
    """A well-formed multipart body and its headers."""
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    parts.append(f'--{boundary}\r\nContent-Disposition: form-data; name="chunk"; filename="c"\r\n\r\n'.encode())
    parts.append(data + f"\r\n--{boundary}--\r\n".encode())
    return b"".join(parts), {"Content-Type": f"multipart/form-data; boundary={boundary}"}


def _fields(**changes: str) -> dict[str, str]:
    usual = {"uploadId": uuid4().hex, "chunkIndex": "0", "totalChunks": "3", "fileName": "load.csv"}
    return {**usual, **changes}


def _chunk(what: str, fields: dict[str, str], named: str, data: bytes = b"time;load\n", **rest: Any) -> Malformed:
    body, headers = _chunk_form(fields, data)
    return Malformed(f"chunk with {what}", "POST", CHUNK_PATH, body, headers, named, **rest)


def _no_integer(chance: random.Random) -> Malformed:
    name, value = chance.choice(("chunkIndex", "totalChunks")), chance.choice(NO_INTEGERS)
    return _chunk(f"{name}={value[:20]!r}", _fields(**{name: value}), name)


def _index_outside(chance: random.Random) -> Malformed:
    index = chance.choice((-1, -(2**31), -(10**30), 3, 4, 2**31, 2**63, 10**30))
    return _chunk(f"index {index}", _fields(chunkIndex=str(index)), str(index))


def _count_outside(chance: random.Random) -> Malformed:
    total = chance.choice((0, -1, -(2**40), 1_000_001, 2**31, 2**63, 10**18, 10**30))
    return _chunk(f"{total} chunks", _fields(totalChunks=str(total)), str(total))


def _no_identifier(chance: random.Random) -> Malformed:
    value = chance.choice((*TRAVERSALS, "", " ", "a b", "x" * 129, "ü", "a\x00b", "a;drop table", "$1", "*"))
    return _chunk(f"uploadId {value[:20]!r}", _fields(uploadId=value), "uploadId")


def _no_name(chance: random.Random) -> Malformed:
    value = chance.choice(("", "x" * 256, "a\x00.csv", "a\x1b[31m.csv", "\x7f", "line\nbreak.csv", "tab\t.csv"))
    return _chunk(f"fileName {value[:20]!r}", _fields(fileName=value), "fileName")


def _field_missing(chance: random.Random) -> Malformed:
    fields = _fields()
    name = chance.choice(list(fields))
    del fields[name]
    return _chunk(f"no {name}", fields, name)


def _wrong_checksum(chance: random.Random) -> Malformed:
    value = chance.choice(("0" * 64, "f" * 63, "", "sha256", "g" * 64, "é" * 64, "0" * 10_000))
    return _chunk("a wrong checksum", _fields(chunkSha256=value), "SHA", statuses=(422,))


def _wrong_role(chance: random.Random) -> Malformed:
    return _chunk("a wrong fileType", _fields(fileType=chance.choice(("", "both", "INPUT", "../input"))), "fileType")


def _empty_chunk(_: random.Random) -> Malformed:
    return _chunk("no bytes", _fields(), "without bytes", b"")


def _too_large_chunk(chance: random.Random) -> Malformed:
    data = b"x" * (70 * 1024 + chance.randrange(100 * 1024))
    return _chunk("too many bytes", _fields(), "65536", data, statuses=(413,))


def _truncated(chance: random.Random) -> Malformed:
    """Cut anywhere before the last boundary: no part that is not whole is taken for one."""
    body, headers = _chunk_form(_fields(), b"time;load\n" * chance.randrange(1, 50))
    cut = chance.randrange(0, len(body) - len("--limit--\r\n") - 2)
    return Malformed(f"multipart cut at {cut}", "POST", CHUNK_PATH, body[:cut], headers, "", (400, 422))


def _no_multipart(chance: random.Random) -> Malformed:
    body, _ = _chunk_form(_fields(), b"time;load\n")
    kinds = ("multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=other")
    kind = chance.choice((*kinds, "application/json", "text/csv", "application/x-www-form-urlencoded", ";", "é"))
    headers = {"Content-Type": kind}
    return Malformed(f"multipart sent as {kind!r}", "POST", CHUNK_PATH, body, headers, "", (400, 422))


def _broken_part(chance: random.Random) -> Malformed:
    disposition = "Content-Disposition: form-data"
    header = chance.choice(("", "Content-Disposition:", disposition, f"{disposition}; name", "\0: y"))
    body = f"--limit\r\n{header}\r\n\r\nx\r\n--limit--\r\n".encode()
    headers = {"Content-Type": "multipart/form-data; boundary=limit"}
    return Malformed(f"part headed {header!r}", "POST", CHUNK_PATH, body, headers, "", (400, 422))


def _crowded_form(chance: random.Random) -> Malformed:
    if chance.random() < 0.5:
        return _chunk("many fields", {**_fields(), **{f"f{n}": "x" for n in range(50)}}, "fields", statuses=(400,))
    body, headers = _chunk_form(_fields(), b"a")
    second = b'--limit\r\nContent-Disposition: form-data; name="chunk"; filename="d"\r\n\r\nb\r\n'
    return Malformed("two chunks", "POST", CHUNK_PATH, second + body, headers, "files", (400,))


CHUNKS: tuple[Make, ...] = (
    _no_integer,
    _index_outside,
    _count_outside,
    _no_identifier,
    _no_name,
    _field_missing,
    _wrong_checksum,
    _wrong_role,
    _empty_chunk,
    _too_large_chunk,
    _truncated,
    _no_multipart,
    _broken_part,
    _crowded_form,
)
