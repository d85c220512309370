"""HTTP: announcing files, receiving their chunks, telling what is there."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request

from services.upload.assembly import complete_if_whole
from services.upload.chunk_form import REQUEST_BODY, ChunkForm, read_chunk
from services.upload.chunks import (
    check_belongs,
    check_same,
    create_upload,
    find_upload,
    receive_chunk,
    state_of,
    state_with,
)
from services.upload.documents import CreateUpload, PendingUpload, UploadCreated, UploadState, UsageDocument
from services.upload.limits import Limits
from services.upload.pending import give_up, list_uploads, usage_of
from shared.database.pool import Record
from shared.problems import Problem, ProblemError
from shared.runtime.service import Service
from shared.web.authentication import CurrentCaller, SendingCaller
from shared.web.documents import Page
from shared.web.idempotency import OnceOnly

router = APIRouter(prefix="/api/training", tags=["upload"])

UploadInPath = Annotated[str, Path(alias="uploadId", max_length=128)]


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


@router.post("/uploads", status_code=201, summary="Announce a file to upload")
async def announce(request: Request, caller: CurrentCaller, asked: CreateUpload, once: OnceOnly) -> UploadCreated:
    """Announce one file; the answer's uploadId names it from here on."""
    service = _service(request)
    limits = Limits.of(service.settings)
    async with service.database.transaction() as transaction:

        async def work() -> UploadCreated:
            upload_id = await create_upload(transaction, caller.user_id, asked, limits, upload_id=None)
            return UploadCreated(upload_id=upload_id)

        return await once.answer(transaction, UploadCreated, work)


@router.post("/upload-chunk", summary="Send one chunk of a file", openapi_extra=REQUEST_BODY)
async def upload_chunk(request: Request, caller: SendingCaller) -> UploadState:
    """One chunk, in any order, any number of times; the last missing one completes the file."""
    service = _service(request)
    limits = Limits.of(service.settings)
    chunk = await read_chunk(request, limits.chunk_bytes)
    upload = await _begun(service, caller.user_id, chunk.form, limits)
    check_belongs(upload, chunk.form.file_name, chunk.form.total_chunks)
    if upload["status"] in ("open", "assembling"):
        received = await receive_chunk(
            service.database, service.store, upload, chunk.form.chunk_index, chunk.data, chunk.sha256, limits
        )
        if received is not None and len(received) < upload["total_chunks"]:
            return state_with(upload, received)
    upload = await complete_if_whole(service.database, request.app.state.reader, upload)
    async with service.database.transaction(caller.user_id) as transaction:
        if upload["status"] in ("completed", "consumed"):
            await check_same(transaction, upload, chunk.form.chunk_index, chunk.sha256)
        return await state_of(transaction, upload)


async def _begun(service: Service, user_id: UUID, form: ChunkForm, limits: Limits) -> Record:
    """The chunk's upload; with the first chunk under a client's own id it begins."""
    async with service.database.transaction(user_id) as transaction:
        try:
            return await find_upload(transaction, user_id, form.upload_id)
        except ProblemError:
            asked = CreateUpload(
                file_name=form.file_name, size=0, total_chunks=form.total_chunks, file_type=form.file_type
            )
            async with transaction.as_service():
                await create_upload(transaction, user_id, asked, limits, upload_id=form.upload_id)
            return await find_upload(transaction, user_id, form.upload_id)


@router.get("/upload-status/{uploadId}", summary="See which chunks of a file are there")
async def upload_status(request: Request, caller: CurrentCaller, upload_id: UploadInPath) -> UploadState:
    """Which chunks are there, so that a client can resume; of a file that was rejected the reason."""
    service = _service(request)
    async with service.database.transaction(caller.user_id) as transaction:
        upload = await find_upload(transaction, caller.user_id, upload_id)
        if upload["status"] == "rejected":
            raise ProblemError.of(Problem.model_validate(upload["problem"]))
        return await state_of(transaction, upload)


@router.get("/uploads", summary="List my uploads without a session")
async def uploads(
    request: Request,
    caller: CurrentCaller,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=2000, description="The nextCursor of the page before.")] = None,
) -> Page[PendingUpload]:
    """What I have begun and no session has taken, newest first: to resume it, or to give it up."""
    async with _service(request).database.transaction(caller.user_id) as transaction:
        return await list_uploads(transaction, caller.user_id, limit=limit, cursor=cursor)


@router.delete("/uploads/{uploadId}", status_code=204, summary="Give an upload up")
async def abandon(request: Request, caller: CurrentCaller, upload_id: UploadInPath) -> None:
    """Its bytes are removed, and count no more."""
    async with _service(request).database.transaction(caller.user_id) as transaction, transaction.as_service():
        await give_up(transaction, caller.user_id, upload_id)


@router.get("/usage", summary="Read my storage use")
async def usage(request: Request, caller: CurrentCaller) -> UsageDocument:
    """Bytes of my files, datasets, models and results, and my quota."""
    service = _service(request)
    async with service.database.transaction() as transaction:
        return await usage_of(transaction, caller.user_id, service.settings.storage_quota_bytes)
