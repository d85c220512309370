"""HTTP: announcing files, receiving their chunks, telling what is there."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, File, Form, Path, Request, UploadFile

from services.upload.assembly import complete_if_whole
from services.upload.chunks import (
    check_announced_size,
    check_belongs,
    create_upload,
    find_upload,
    receive_chunk,
    state_of,
)
from services.upload.documents import CreateUpload, FileType, UploadCreated, UploadId, UploadState
from shared.problems import Category, Problem, ProblemError
from shared.runtime.service import Service
from shared.web.authentication import CurrentCaller

router = APIRouter(prefix="/api/training", tags=["upload"])


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


@router.post("/uploads", status_code=201, summary="Announce a file to upload")
async def announce(request: Request, caller: CurrentCaller, asked: CreateUpload) -> UploadCreated:
    """Announce one file; the answer's uploadId names it from here on."""
    service = _service(request)
    check_announced_size(asked, service.settings.max_file_bytes)
    expiry_seconds = service.settings.upload_expiry_hours * 3600
    upload_id = await create_upload(
        service.database, caller.user_id, asked, upload_id=None, expiry_seconds=expiry_seconds
    )
    return UploadCreated(upload_id=upload_id)


@router.post("/upload-chunk", summary="Send one chunk of a file")
async def upload_chunk(
    request: Request,
    caller: CurrentCaller,
    chunk: Annotated[UploadFile, File()],
    chunk_index: Annotated[int, Form(alias="chunkIndex")],
    total_chunks: Annotated[int, Form(alias="totalChunks", ge=1, le=1_000_000)],
    upload_id: Annotated[str, Form(alias="uploadId", pattern=UploadId)],
    file_name: Annotated[str, Form(alias="fileName", min_length=1, max_length=255)],
    chunk_sha256: Annotated[str | None, Form(alias="chunkSha256")] = None,
    file_type: Annotated[FileType, Form(alias="fileType")] = "input",
) -> UploadState:
    """One chunk, in any order, any number of times; the last missing one completes the file."""
    service = _service(request)
    data = await chunk.read(service.settings.max_chunk_bytes + 1)
    if len(data) > service.settings.max_chunk_bytes:
        raise ProblemError(
            Category.DATA_VALIDATION,
            title="The chunk is too large",
            detail=f"Chunk {chunk_index} has more than {service.settings.max_chunk_bytes} bytes.",
            recovery=["Send smaller chunks; 1 MB is usual."],
            status=413,
        )
    announced = CreateUpload(file_name=file_name, size=0, total_chunks=total_chunks, file_type=file_type)
    async with service.database.transaction(caller.user_id) as transaction:
        try:
            upload = await find_upload(transaction, caller.user_id, upload_id)
        except ProblemError:
            upload = None
    if upload is None:
        await create_upload(
            service.database,
            caller.user_id,
            announced,
            upload_id=upload_id,
            expiry_seconds=service.settings.upload_expiry_hours * 3600,
        )
        async with service.database.transaction(caller.user_id) as transaction:
            upload = await find_upload(transaction, caller.user_id, upload_id)
    check_belongs(upload, announced)
    if upload["status"] in ("open", "assembling"):
        await receive_chunk(
            service.database,
            service.store,
            upload,
            chunk_index,
            data,
            chunk_sha256,
            max_bytes=service.settings.max_file_bytes,
        )
    upload = await complete_if_whole(service.database, service.store, upload)
    async with service.database.transaction(caller.user_id) as transaction:
        return await state_of(transaction, upload)


@router.get("/upload-status/{uploadId}", summary="See which chunks of a file are there")
async def upload_status(
    request: Request, caller: CurrentCaller, upload_id: Annotated[str, Path(alias="uploadId")]
) -> UploadState:
    """Which chunks are there, so that a client can resume; of a file that was rejected the reason."""
    service = _service(request)
    async with service.database.transaction(caller.user_id) as transaction:
        upload = await find_upload(transaction, caller.user_id, upload_id)
        if upload["status"] == "rejected":
            raise ProblemError.of(Problem.model_validate(upload["problem"]))
        return await state_of(transaction, upload)
