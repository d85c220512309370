"""Objects and bytes as HTTP answers: ranges, entity tags, names (RFC 9110)."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator

from fastapi import Request
from fastapi.responses import Response, StreamingResponse

from shared.events.payloads import Reference
from shared.problems import Category, ProblemError
from shared.storage.disposition import content_disposition
from shared.storage.port import DEFAULT_CONTENT_TYPE, ObjectStore

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


async def send_object(
    request: Request,
    store: ObjectStore,
    reference: Reference,
    download_name: str | None,
    *,
    content_type: str = DEFAULT_CONTENT_TYPE,
    encoding: str | None = None,
) -> Response:
    """Stream an object, or the one range of it that was asked for.

    Raises the store's problems before anything is sent: nobody gets a 200 for what cannot be read.
    """
    tag = f'"{reference.sha256}"' if reference.sha256 else None
    headers = {"Accept-Ranges": "bytes", "X-Content-Type-Options": "nosniff"}
    if tag:
        headers["ETag"] = tag
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
    if encoding:
        headers["Content-Encoding"] = encoding
    if download_name:
        headers["Content-Disposition"] = content_disposition(download_name)
    start, end = _asked_range(request, reference.bytes, tag)
    partial = (start, end) != (0, reference.bytes)
    headers["Content-Length"] = str(end - start)
    if partial:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{reference.bytes}"
    if request.method == "HEAD":
        return Response(headers=headers, media_type=content_type)
    stream = (
        store.get(reference.bucket, reference.key, start=start, end=end)
        if partial
        else store.get(reference.bucket, reference.key, expected_sha256=reference.sha256 or None)
    )
    return StreamingResponse(
        await begun(stream), status_code=206 if partial else 200, headers=headers, media_type=content_type
    )


async def begun(stream: AsyncGenerator[bytes, None]) -> AsyncIterator[bytes]:
    """The same stream, whose first part is there already; what prevents it is raised now."""
    first = await anext(stream, b"")

    async def whole() -> AsyncIterator[bytes]:
        try:
            yield first
            async for block in stream:
                yield block
        finally:
            await stream.aclose()

    return whole()


def _asked_range(request: Request, size: int, tag: str | None) -> tuple[int, int]:
    """``(start, end)`` in bytes, end excluded. Raises a 416 problem for a range outside the object."""
    header = request.headers.get("range")
    match = _RANGE.fullmatch(header or "")
    # A range of another version (RFC 9110 section 13.1.5) would be glued to the wrong bytes.
    if not match or match.groups() == ("", "") or request.headers.get("if-range", tag) != tag:
        return 0, size
    first, last = match.groups()
    if first == "":
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(int(last) + 1, size) if last else size
    if start >= size or end <= start:
        raise ProblemError(
            Category.DATA_VALIDATION,
            title="The range is outside the file",
            detail=f"The file has {size} bytes; {header} was asked for.",
            recovery=["Ask for bytes that exist, or for the whole file."],
            status=416,
            headers={"Content-Range": f"bytes */{size}"},
        )
    return start, end
