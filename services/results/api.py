"""HTTP: results' metadata, comparison, deletion."""

from __future__ import annotations

import base64
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response, StreamingResponse

from services.results.documents import ResultsDocument, ResultsRemoved, Visualization
from services.results.reading import find_result, results_of
from services.results.removal import finish_removal, mark_for_removal
from shared.database.pool import Record
from shared.runtime.service import Service
from shared.sessions.rows import own_session
from shared.storage.keys import TRAINING_RESULTS
from shared.web.authentication import CurrentCaller
from shared.web.documents import Page

router = APIRouter(prefix="/api/training", tags=["results"])

SessionId = Annotated[str, Path(alias="sessionId", max_length=128)]


@router.get("/results/{sessionId}", response_model=ResultsDocument, summary="Read a session's results")
async def results(
    request: Request,
    caller: CurrentCaller,
    session_id: SessionId,
    include: Annotated[Literal["data"] | None, Query(description="The whole document, streamed.")] = None,
    job_id: Annotated[UUID | None, Query(alias="jobId", description="With include=data: which model's.")] = None,
) -> Response | ResultsDocument:
    """Metadata, metrics and comparison from the database; the stored document with ``include=data``."""
    service: Service = request.app.state.service
    async with service.database.transaction(caller.user_id) as transaction:
        await own_session(transaction, caller.user_id, session_id)
        if include is None:
            return await results_of(transaction, session_id)
        row = await find_result(transaction, session_id, job_id)
    return await _document(service, row)


async def _document(service: Service, row: Record) -> Response:
    reference = row["artifacts"]["document"]
    stream = service.store.get(reference["bucket"], reference["key"], expected_sha256=reference["sha256"])
    return StreamingResponse(
        stream,
        media_type="application/json",
        headers={
            "Content-Encoding": "gzip",
            "Content-Length": str(reference["bytes"]),
            "ETag": f'"{reference["sha256"]}"',
        },
    )


@router.get("/visualizations/{sessionId}", summary="List a session's plots")
async def visualizations(
    request: Request,
    caller: CurrentCaller,
    session_id: SessionId,
    format_: Annotated[Literal["url", "base64"], Query(alias="format")] = "url",
) -> Page[Visualization]:
    """The session's plots: names, kinds and signed URLs, or the pictures themselves."""
    service: Service = request.app.state.service
    async with service.database.transaction(caller.user_id) as transaction:
        await own_session(transaction, caller.user_id, session_id)
        rows = await transaction.fetch(
            "select * from public.training_visualizations where session_id = $1 order by plot_name, created_at, id",
            session_id,
        )
    return Page[Visualization](items=[await _visualization(service, row, format_) for row in rows], next_cursor=None)


async def _visualization(service: Service, row: Record, form: str) -> Visualization:
    shown = Visualization(
        plot_name=row["plot_name"],
        plot_type=row["plot_type"],
        job_id=row["job_id"],
        created_at=row["created_at"],
    )
    if row["storage_path"] is None:
        # Old rows carry the picture themselves.
        return shown.model_copy(update={"data_base64": row["plot_data_base64"]})
    if form == "base64":
        data = b"".join([block async for block in service.store.get(TRAINING_RESULTS, row["storage_path"])])
        return shown.model_copy(update={"data_base64": base64.b64encode(data).decode()})
    signed = await service.store.signed_url(TRAINING_RESULTS, row["storage_path"])
    return shown.model_copy(update={"url": signed.url, "expires_at": signed.expires_at})


@router.delete("/results/{sessionId}", summary="Delete a session's results")
async def delete(request: Request, caller: CurrentCaller, session_id: SessionId) -> ResultsRemoved:
    """Remove the session's stored results, objects and rows together; its models and datasets stay."""
    service: Service = request.app.state.service
    async with service.database.transaction(caller.user_id) as transaction:
        await mark_for_removal(transaction, caller.user_id, session_id)
    return await finish_removal(service.database, service.store, session_id)
