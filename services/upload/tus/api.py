"""HTTP: tus 1.0.0. What arrived is an upload like one in chunks: a session is made of its id, the URL's last part."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Request, Response

from services.upload.assembly import complete_if_whole
from services.upload.chunks import create_upload
from services.upload.limits import Limits
from services.upload.tus.body import Body
from services.upload.tus.headers import (
    BODY_TYPE,
    CHECKSUM_ALGORITHMS,
    EXTENSIONS,
    VERSION,
    Checksum,
    bytes_in,
    check_body_type,
    check_version,
    checksum_in,
    file_in,
    http_date,
)
from services.upload.tus.protocol import PATH
from services.upload.tus.receiving import (
    broken_off,
    find_tus_upload,
    receive,
    take_turn,
    terminate,
    too_many_bytes,
)
from shared.database.pool import Record
from shared.problems import ProblemError
from shared.runtime.service import Service
from shared.web.authentication import CurrentCaller, SendingCaller, VerifiedCaller

router = APIRouter(prefix=PATH, tags=["upload"])

UploadId = Annotated[str, Path(alias="uploadId", max_length=128)]
ContentType = Annotated[str | None, Header(alias="Content-Type", description=f"With a body: {BODY_TYPE}.")]
UploadChecksum = Annotated[
    str | None,
    Header(alias="Upload-Checksum", description="Optional: `sha1`, `sha256` or `md5`, a space, base64 of the digest."),
]


async def _service(
    request: Request,
    _: VerifiedCaller,
    version: Annotated[str | None, Header(alias="Tus-Resumable", description="1.0.0")] = None,
) -> Service:
    """The service, for a caller who is known and speaks our version."""
    check_version(version)
    service: Service = request.app.state.service
    return service


TusService = Annotated[Service, Depends(_service)]


@router.options("", include_in_schema=False)
@router.options("/", status_code=204, summary="Ask what tus can do here")
@router.options("/{uploadId}", include_in_schema=False)
async def capabilities(request: Request, _: CurrentCaller) -> Response:
    """What this server can do: version, extensions, checksums, largest file in bytes."""
    service: Service = request.app.state.service
    return Response(
        status_code=204,
        headers={
            "Tus-Version": VERSION,
            "Tus-Extension": ",".join(EXTENSIONS),
            "Tus-Checksum-Algorithm": ",".join(CHECKSUM_ALGORITHMS),
            "Tus-Max-Size": str(service.settings.max_file_bytes),
        },
    )


@router.post("", include_in_schema=False)
@router.post("/", status_code=201, summary="Begin a tus upload")
async def create(
    request: Request,
    caller: SendingCaller,
    service: TusService,
    length: Annotated[str | None, Header(alias="Upload-Length", description="Bytes of the whole file.")] = None,
    metadata: Annotated[
        str | None,
        Header(alias="Upload-Metadata", description="`filename`, and optionally `filetype` (input/output), `sha256`."),
    ] = None,
    content_type: ContentType = None,
    upload_checksum: UploadChecksum = None,
) -> Response:
    """Begin an upload, and take the first bytes of it where the request has some."""
    size = bytes_in("Upload-Length", length)
    file = file_in(metadata, size)
    checksum = checksum_in(upload_checksum)
    has_body = request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers
    if has_body:
        check_body_type(content_type)
    async with service.database.transaction() as transaction:
        limits = Limits.of(service.settings)
        upload_id = await create_upload(transaction, caller.user_id, file, limits, upload_id=None)
    upload = await take_turn(service.database, caller.user_id, upload_id, 0)
    body = Body(request.stream())
    try:
        offset = await _take(request, service, upload, body, checksum)
        if body.broken_off and offset < size:
            raise broken_off()
    except ProblemError:
        # Its URL was not told: nobody could continue it.
        await terminate(service.database, service.store, caller.user_id, upload_id)
        raise
    return await _answer(request, upload, offset, 201, {"Location": f"{PATH}/{upload_id}"})


@router.head("/{uploadId}", summary="Ask where to continue a tus upload")
async def offset_of(caller: CurrentCaller, service: TusService, upload_id: UploadId) -> Response:
    """How many bytes are there: where to continue."""
    async with service.database.transaction(caller.user_id) as transaction:
        upload = await find_tus_upload(transaction, caller.user_id, upload_id)
    headers = {"Cache-Control": "no-store", "Upload-Length": str(upload["size"])}
    if upload["metadata"]:
        headers["Upload-Metadata"] = upload["metadata"]
    return Response(headers={**headers, **_progress(upload, upload["received"])})


@router.patch("/{uploadId}", status_code=204, summary="Continue a tus upload")
async def append(
    request: Request,
    caller: SendingCaller,
    service: TusService,
    upload_id: UploadId,
    offset: Annotated[
        str | None, Header(alias="Upload-Offset", description="Where the body begins in the file, in bytes.")
    ] = None,
    content_type: ContentType = None,
    upload_checksum: UploadChecksum = None,
) -> Response:
    """Continue at an offset. The last byte completes the file; what is no CSV file is refused with that answer."""
    check_body_type(content_type)
    checksum = checksum_in(upload_checksum)
    begins_at = bytes_in("Upload-Offset", offset)
    upload = await take_turn(service.database, caller.user_id, upload_id, begins_at)
    reached = await _take(request, service, upload, Body(request.stream()), checksum)
    return await _answer(request, upload, reached, 204, {})


@router.delete("/{uploadId}", status_code=204, summary="Give a tus upload up")
async def delete(caller: CurrentCaller, service: TusService, upload_id: UploadId) -> Response:
    """Give an upload up; its bytes are removed."""
    await terminate(service.database, service.store, caller.user_id, upload_id)
    return Response(status_code=204)


async def _take(request: Request, service: Service, upload: Record, body: Body, checksum: Checksum | None) -> int:
    declared = int(request.headers.get("content-length", "0"))
    if upload["received"] + declared > upload["size"]:
        raise too_many_bytes(upload, upload["received"] + declared)
    return await receive(service.database, service.store, upload, body, checksum)


async def _answer(request: Request, upload: Record, offset: int, status: int, headers: dict[str, str]) -> Response:
    """Says how far the upload is, once a whole file was read; raises the problem of one that was rejected."""
    if offset == upload["size"]:
        state = request.app.state
        await complete_if_whole(state.service.database, state.reader, upload)
    return Response(status_code=status, headers={**headers, **_progress(upload, offset)})


def _progress(upload: Record, offset: int) -> dict[str, str]:
    return {"Upload-Offset": str(offset), "Upload-Expires": http_date(upload["expires_at"])}
