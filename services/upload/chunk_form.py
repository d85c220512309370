"""The multipart form of one chunk: read by the route itself, once it is known who calls, and no further than needed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import Field, ValidationError
from starlette.datastructures import FormData, UploadFile
from starlette.requests import ClientDisconnect
from starlette.types import Message

from services.upload.documents import FileName, FileType, UploadIdentifier
from shared.problems import Category, ProblemError
from shared.web.documents import Document

_FIELDS_BYTES = 64 * 1024
_MOST_FIELDS = 20


class ChunkForm(Document):
    """What is said of a chunk beside its bytes."""

    chunk_index: int = Field(ge=0, description="Counted from 0.")
    total_chunks: int = Field(ge=1)
    upload_id: UploadIdentifier
    file_name: FileName
    chunk_sha256: str | None = Field(default=None, pattern=r"^[0-9a-fA-F]{64}$")
    file_type: FileType = "input"


def _schema() -> dict[str, Any]:
    schema = ChunkForm.model_json_schema()
    schema["properties"] = {"chunk": {"type": "string", "format": "binary"}, **schema["properties"]}
    schema["required"] = ["chunk", *schema["required"]]
    return schema


REQUEST_BODY = {"requestBody": {"required": True, "content": {"multipart/form-data": {"schema": _schema()}}}}
"""For the route's OpenAPI, since FastAPI does not see the form."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A chunk that is what was said of it."""

    form: ChunkForm
    data: bytes
    sha256: str


async def read_chunk(request: Request, largest: int) -> Chunk:
    """The fields and the bytes, of which there are at most ``largest``.

    Raises a 413 problem as soon as there are more, a 400 one for what is no multipart body, the validation error of a
    field that is missing or wrong, and a problem for a chunk that is empty or has another checksum than announced.
    """
    try:
        async with _limited(request, largest + _FIELDS_BYTES).form(
            max_files=1, max_fields=_MOST_FIELDS, max_part_size=_FIELDS_BYTES
        ) as parts:
            form = _fields(parts)
            chunk = parts.get("chunk")
            if not isinstance(chunk, UploadFile):
                raise RequestValidationError([_missing("chunk", "a part with a file name")])
            data = await chunk.read(largest + 1)
    except ClientDisconnect as error:
        raise ProblemError(
            Category.CANCELLED,
            title="The request broke off",
            detail="The connection ended before the chunk did.",
            recovery=["Send this chunk again."],
        ) from error
    if len(data) > largest:
        raise _too_large(largest)
    return _checked(form, data)


def _checked(form: ChunkForm, data: bytes) -> Chunk:
    index = form.chunk_index
    if index >= form.total_chunks:
        raise _refused(
            "There is no such chunk",
            f"Chunk index {index} is outside 0 to {form.total_chunks - 1}, as this upload was announced.",
            "Count chunks from 0.",
        )
    if not data and form.total_chunks > 1:
        raise _refused(
            "The chunk is empty",
            f"Chunk {index} of {form.file_name!r} arrived without bytes.",
            "Send this chunk again; the others are kept.",
        )
    sha256 = hashlib.sha256(data).hexdigest()
    declared = (form.chunk_sha256 or sha256).lower()
    if declared != sha256:
        raise _refused(
            "The chunk's checksum is wrong",
            f"Chunk {index} arrived with SHA-256 {sha256}, announced was {declared}.",
            "Send this chunk again; the others are kept.",
        )
    return Chunk(form, data, sha256)


def _refused(title: str, detail: str, recovery: str) -> ProblemError:
    return ProblemError(Category.DATA_VALIDATION, title=title, detail=detail, recovery=[recovery])


def _fields(form: FormData) -> ChunkForm:
    said = {name: value for name, value in form.multi_items() if isinstance(value, str)}
    try:
        return ChunkForm.model_validate(said)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False)
        raise RequestValidationError([{**fault, "loc": ("body", *fault["loc"])} for fault in faults]) from error


def _missing(field: str, wanted: str) -> dict[str, Any]:
    return {"type": "missing", "loc": ("body", field), "msg": f"Field required: {wanted}", "input": None}


def _limited(request: Request, largest: int) -> Request:
    """The same request, whose body ends in a 413 problem when it is larger than that."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > largest:
        raise _too_large(largest - _FIELDS_BYTES)
    count = 0

    async def receive() -> Message:
        nonlocal count
        message = await request.receive()
        count += len(message.get("body", b""))
        if count > largest:
            raise _too_large(largest - _FIELDS_BYTES)
        return message

    return Request(request.scope, receive)


def _too_large(largest: int) -> ProblemError:
    return ProblemError(
        Category.DATA_VALIDATION,
        title="The chunk is too large",
        detail=f"A chunk may have {largest} bytes at most.",
        recovery=["Send smaller chunks; 1 MB is usual."],
        status=413,
    )
