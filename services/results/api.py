"""HTTP: results' metadata and documents, deletion."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from services.results.documents import ResultsDocument, ResultsRemoved
from services.results.reading import find_result, results_of
from services.results.removal import finish_removal, mark_for_removal
from services.results.stored_document import send_document
from shared.runtime.service import Service
from shared.sessions.rows import own_session
from shared.web.authentication import CurrentCaller

router = APIRouter(prefix="/api/training", tags=["results"])

SessionId = Annotated[str, Path(alias="sessionId", max_length=128)]


@router.get("/results/{sessionId}", response_model=ResultsDocument, summary="Read a session's results")
async def results(
    request: Request,
    caller: CurrentCaller,
    session_id: SessionId,
    include: Annotated[Literal["data"] | None, Query(description="The whole document, streamed.")] = None,
    job_id: Annotated[UUID | None, Query(alias="jobId", description="With include=data: which model's.")] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    cursor: Annotated[str | None, Query(max_length=2000, description="The nextCursor of the page before.")] = None,
) -> Response | ResultsDocument:
    """Metadata, metrics and comparison from the database; the stored document with ``include=data``."""
    service: Service = request.app.state.service
    # Only metadata say so: whoever wants data finds out.
    available = include is None and await request.app.state.store_watch.available(service.store)
    async with service.database.transaction(caller.user_id) as transaction:
        await own_session(transaction, caller.user_id, session_id)
        if include is None:
            return await results_of(transaction, session_id, limit=limit, cursor=cursor, data_available=available)
        row = await find_result(transaction, session_id, job_id)
    return await send_document(request, service.database, service.store, row, None)


@router.delete("/results/{sessionId}", summary="Delete a session's results")
async def delete(request: Request, caller: CurrentCaller, session_id: SessionId) -> ResultsRemoved:
    """Remove the session's stored results, objects and rows together; its models and datasets stay."""
    service: Service = request.app.state.service
    async with service.database.transaction(caller.user_id) as transaction:
        await mark_for_removal(transaction, caller.user_id, session_id)
    return await finish_removal(service.database, service.store, session_id)
