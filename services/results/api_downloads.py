"""HTTP: downloads. Everything is streamed from the store; ranges are answered."""

from __future__ import annotations

import re
from typing import Annotated, Literal
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response, StreamingResponse

from services.results.reading import find_result
from shared.events.payloads import Reference
from shared.problems import Category, ProblemError, not_found
from shared.runtime.service import Service
from shared.sessions.rows import own_session
from shared.storage.port import ObjectStore
from shared.storage.signing import FILES_PATH, verify_signature
from shared.web.authentication import CurrentCaller

router = APIRouter(tags=["downloads"])

SessionId = Annotated[str, Path(alias="sessionId", max_length=128)]
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


@router.get(
    "/api/training/results/{sessionId}/download",
    response_class=StreamingResponse,
    summary="Download a results document",
)
async def download(
    request: Request,
    caller: CurrentCaller,
    session_id: SessionId,
    format_: Annotated[Literal["json.gz"], Query(alias="format")] = "json.gz",
    job_id: Annotated[UUID | None, Query(alias="jobId", description="Which model's; else the best one's.")] = None,
) -> Response:
    """The results document as a file."""
    service: Service = request.app.state.service
    async with service.database.transaction(caller.user_id) as transaction:
        await own_session(transaction, caller.user_id, session_id)
        row = await find_result(transaction, session_id, job_id)
    reference = Reference.model_validate(row["artifacts"]["document"])
    return await send_object(request, service.store, reference, f"training_results_{session_id}.{format_}")


@router.get(
    "/api/training/results/{sessionId}/models/{jobId}",
    response_class=StreamingResponse,
    summary="Download a model or its scalers",
)
async def model(
    request: Request,
    caller: CurrentCaller,
    session_id: SessionId,
    job_id: Annotated[UUID, Path(alias="jobId")],
    format_: Annotated[Literal["keras", "skops", "json", "scalers"] | None, Query(alias="format")] = None,
) -> Response:
    """The model in the format that its kind is kept in, or its scalers as JSON."""
    service: Service = request.app.state.service
    async with service.database.transaction(caller.user_id) as transaction:
        await own_session(transaction, caller.user_id, session_id)
        row = await find_result(transaction, session_id, job_id)
    name = "scalers" if format_ == "scalers" else "model"
    if name not in row["artifacts"]:
        raise not_found("Artifact", name)
    reference = Reference.model_validate(row["artifacts"][name])
    kept_as = reference.key.rpartition(".")[2]
    if format_ not in (None, "scalers", kept_as):
        raise ProblemError(
            Category.DATA_VALIDATION,
            title="The model is not kept in that format",
            detail=f"This model is kept as {kept_as!r}; {format_!r} was asked for.",
            recovery=[f"Ask for format={kept_as}."],
        )
    return await send_object(request, service.store, reference, f"{name}_{job_id}.{kept_as}")


@router.api_route(f"{FILES_PATH}/{{bucket}}/{{key:path}}", methods=["GET", "HEAD"], include_in_schema=False)
async def signed_file(
    request: Request,
    bucket: str,
    key: str,
    expires: Annotated[str, Query()] = "",
    signature: Annotated[str, Query()] = "",
    download_name: Annotated[str | None, Query(alias="download")] = None,
) -> Response:
    """What a signed URL of the folder store points to; the signature is the permission."""
    service: Service = request.app.state.service
    verify_signature(
        service.settings.signing_secret.get_secret_value(),
        method=request.method,
        bucket=bucket,
        key=key,
        expires=expires,
        signature=signature,
        download_name=download_name,
    )
    info = await service.store.stat(bucket, key)
    reference = Reference(bucket=bucket, key=key, sha256=info.sha256 or "", bytes=info.size)
    return await send_object(request, service.store, reference, download_name, content_type=info.content_type)


async def send_object(
    request: Request,
    store: ObjectStore,
    reference: Reference,
    download_name: str | None,
    *,
    content_type: str | None = None,
) -> Response:
    """Stream an object, or the range of it that was asked for (RFC 9110 section 14, one range)."""
    start, end = _asked_range(request.headers.get("range"), reference.bytes)
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Length": str(end - start),
        "X-Content-Type-Options": "nosniff",
    }
    if reference.sha256:
        headers["ETag"] = f'"{reference.sha256}"'
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers={"ETag": headers["ETag"]})
    if download_name:
        headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(download_name)}"
    partial = (start, end) != (0, reference.bytes)
    if partial:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{reference.bytes}"
    media_type = content_type or "application/octet-stream"
    if request.method == "HEAD":
        return Response(status_code=200, headers=headers, media_type=media_type)
    stream = (
        store.get(reference.bucket, reference.key, start=start, end=end)
        if partial
        else store.get(reference.bucket, reference.key, expected_sha256=reference.sha256 or None)
    )
    return StreamingResponse(stream, status_code=206 if partial else 200, headers=headers, media_type=media_type)


def _asked_range(header: str | None, size: int) -> tuple[int, int]:
    """``(start, end)`` in bytes, end excluded. Raises a 416 problem for a range outside the object."""
    match = _RANGE.fullmatch(header or "")
    if not match or match.groups() == ("", ""):
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
