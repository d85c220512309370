"""Malformed calls but for chunks: documents, paths, queries, methods, headers."""

from __future__ import annotations

import json
import random
from typing import Any
from uuid import uuid4

from tests.integration.malformed.request import (
    ANNOUNCE_PATH,
    CHUNK_PATH,
    CREATE_PATH,
    JSON,
    SESSIONS_PATH,
    TRAVERSALS,
    Make,
    Malformed,
)


def _announcement(chance: random.Random) -> Malformed:
    usual = {"fileName": "load.csv", "size": 10, "totalChunks": 1}
    wrong: dict[str, tuple[Any, ...]] = {
        "size": (-1, -(10**30), "10", "ten", 1.5, None, True, [], {}, [10]),
        "totalChunks": (0, -3, 10**9, 10**30, "1", 0.5, None, False, {}),
        "fileName": ("", "x" * 256, None, 5, ["a.csv"], {"name": "a.csv"}, "a\0", "a\r\nb"),
        "fileType": ("both", "", 1, None, []),
        "sha256": ("", "0" * 63, "0" * 65, "z" * 64, 5, []),
    }
    name = chance.choice(list(wrong))
    value = chance.choice(wrong[name])
    # More chunks than any file needs are named by their number.
    named = str(value) if value in (10**9, 10**30) else name
    return _json(f"announcement with {name}={value!r}"[:60], ANNOUNCE_PATH, json.dumps({**usual, name: value}), named)


def _too_large_file(chance: random.Random) -> Malformed:
    size = chance.choice((2**31, 10**12, 2**63, 10**30, 10**300))
    body = json.dumps({"fileName": "load.csv", "size": size, "totalChunks": 1}).encode()
    return Malformed("a file that is too large", "POST", ANNOUNCE_PATH, body, JSON, str(size)[:50], (413,))


def _no_json(chance: random.Random) -> Malformed:
    body = chance.choice(
        (
            *(b"", b"{", b"]", b"nul", b'{"size": 1', b"\xff\xfe{\x00}\x00", b'{"fileName": "\xfc"}', b"[" * 50_000),
            *(b'{"size": NaN}', b'{"size": 1}{}', b"'a'", b"{a: 1}", b'{"size": ' + b"9" * 10_000 + b"}", b"\x00"),
            *(b"null", b"[]", b'"text"', b"42", b"true"),
        )
    )
    path = chance.choice((ANNOUNCE_PATH, CREATE_PATH))
    return Malformed(f"JSON {body[:20]!r}", "POST", path, body, JSON, "", (400, 422))


def _creation(chance: random.Random) -> Malformed:
    somewhere, unknown = chance.choice(TRAVERSALS), uuid4().hex
    ids_that_are_none: list[Any] = [[somewhere], [str(n) for n in range(101)], [None, 3, {}]]
    files_that_are_none: list[Any] = [[{"uploadId": {}}], "all", [{"uploadId": "a"}] * 101]
    wrong: list[tuple[dict[str, Any], str]] = [
        *(({}, "uploadId"), ({"uploadId": somewhere}, "uploadId"), ({"uploadIds": somewhere}, "uploadIds")),
        *(({"uploadIds": ids}, "uploadIds") for ids in ids_that_are_none),
        *(({"files": files}, "files") for files in files_that_are_none),
        *(({"uploadId": "a", "name": name}, "name") for name in ("", "x" * 256, "a\0", {"de": "a"})),
        ({"files": [{"uploadId": "a", "fileType": "both"}]}, "fileType"),
    ]
    absent: list[tuple[dict[str, Any], str]] = [({"uploadId": unknown}, unknown), ({"uploadIds": [unknown]}, unknown)]
    body, named = chance.choice(wrong + absent)
    statuses = (404,) if named == unknown else (422,)
    return _json(f"session of {body}"[:50], CREATE_PATH, json.dumps(body), named, statuses)


def _listing(chance: random.Random) -> Malformed:
    wrong = {
        "limit": ("0", "-1", "201", "1e9", "many", "", "9" * 5000),
        "cursor": ("x", "%00", "AAAA", "W10", "bnVsbA", "%F0%9F%92%A9", "WyJhIl0=", "a" * 3000),
        "sort": ("created_at", "name;drop table", "", "password"),
        "order": ("up", "DESC", "", "desc,name"),
    }
    name = chance.choice(list(wrong))
    value = chance.choice(wrong[name])
    return Malformed(f"list by {name}={value[:20]}", "GET", f"{SESSIONS_PATH}?{name}={value}", named=name)


def _no_session(chance: random.Random) -> Malformed:
    name = chance.choice(("%00", "..%2f..", "%2e%2e", "x" * 129, "%ff%fe", "'%20or%201=1", uuid4().hex, "%F0%9F%92%A9"))
    method, end = chance.choice(
        [
            *(("GET", ""), ("DELETE", ""), ("GET", "/files"), ("GET", "/deletion"), ("GET", "/configuration")),
            *(("GET", f"/files/{file_id}/analysis") for file_id in (str(uuid4()), "1", "%00")),
        ]
    )
    return Malformed(f"{method} session {name[:20]}{end}", method, f"{SESSIONS_PATH}/{name}{end}", statuses=(404, 422))


def _renaming(chance: random.Random) -> Malformed:
    wrong: list[Any] = [{}, {"name": ""}, {"name": None}, {"name": 5}, {"name": "x" * 256}, {"name": "\0"}, []]
    value = chance.choice(wrong)
    path = f"{SESSIONS_PATH}/{uuid4()}"
    return Malformed(f"renamed to {value}"[:50], "PATCH", path, json.dumps(value).encode(), JSON, "", (422,))


def _configuration(chance: random.Random) -> Malformed:
    wrong: list[Any] = [[], "text", 5, None, True, [[[]]]]
    value = chance.choice(wrong)
    path = f"{SESSIONS_PATH}/{uuid4()}/configuration"
    return Malformed(f"configuration {value}", "PUT", path, json.dumps(value).encode(), JSON, "", (404, 422))


def _wrong_method(chance: random.Random) -> Malformed:
    method, path = chance.choice(
        [
            *(("GET", CHUNK_PATH), ("PUT", ANNOUNCE_PATH), ("DELETE", CREATE_PATH), ("TRACE", SESSIONS_PATH)),
            *(("PATCH", SESSIONS_PATH), ("POST", f"{SESSIONS_PATH}/{uuid4()}")),
        ]
    )
    return Malformed(f"{method} {path}", method, path, named=method, statuses=(405,))


def _upload_of_nobody(chance: random.Random) -> Malformed:
    method, path = chance.choice(
        [("GET", "/api/training/upload-status/"), ("DELETE", f"{ANNOUNCE_PATH}/"), ("GET", f"{ANNOUNCE_PATH}/")]
    )
    name = chance.choice((uuid4().hex, "%00", "x" * 200, "..%2f..%2fx", "%ff"))
    return Malformed(f"{method} upload {name[:20]}", method, path + name, statuses=(404, 405, 422))


def _no_key(chance: random.Random) -> Malformed:
    headers = {**JSON, "Idempotency-Key": chance.choice(("", "x" * 256, "a\tb", "é"))}
    body = json.dumps({"fileName": "load.csv", "size": 10, "totalChunks": 1}).encode()
    return Malformed("a malformed key", "POST", ANNOUNCE_PATH, body, headers, "Idempotency-Key")


def _no_token(chance: random.Random) -> Malformed:
    token = chance.choice(("", "Bearer", "Bearer x", "Basic eDp5", "Bearer a.b.c", "Bearer " + "x" * 20_000))
    return Malformed(f"token {token[:12]!r}", "GET", SESSIONS_PATH, headers={"Authorization": token}, statuses=(401,))


def _json(what: str, path: str, body: str, named: str, statuses: tuple[int, ...] = (422,)) -> Malformed:
    return Malformed(what, "POST", path, body.encode(), JSON, named, statuses)


CALLS: tuple[Make, ...] = (
    _announcement,
    _too_large_file,
    _no_json,
    _creation,
    _listing,
    _no_session,
    _renaming,
    _configuration,
    _wrong_method,
    _upload_of_nobody,
    _no_key,
    _no_token,
)
