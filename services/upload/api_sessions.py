"""HTTP: sessions, their files and their configuration."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Path, Query, Request

from services.upload.assembly import complete_if_whole
from services.upload.chunks import find_upload
from services.upload.configuration import store_configuration
from services.upload.deletion import begin_all_deletions, begin_deletion, deletion_of
from services.upload.documents import (
    CreateSession,
    Deleted,
    DeletionDocument,
    FileDocument,
    RenameSession,
    SessionCreatedAnswer,
    SessionDocument,
)
from services.upload.sessions import (
    Order,
    SessionSort,
    asked_uploads,
    create_session,
    list_files,
    list_sessions,
    session_document,
)
from shared.problems import not_found
from shared.runtime.service import Service
from shared.sessions.configuration import checked_configuration
from shared.sessions.rows import own_session
from shared.web.authentication import CurrentCaller
from shared.web.documents import Page
from shared.web.idempotency import OnceOnly

router = APIRouter(prefix="/api/training", tags=["sessions"])

SessionId = Annotated[str, Path(alias="sessionId", max_length=128)]


def _service(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


@router.post("/create-database-session", status_code=201, summary="Create a session from completed uploads")
async def create(request: Request, caller: CurrentCaller, asked: CreateSession, once: OnceOnly) -> SessionCreatedAnswer:
    """Make a session of completed uploads; its files are announced to every service."""
    service = _service(request)
    async with service.database.transaction() as transaction:
        if before := await once.given(transaction, SessionCreatedAnswer):
            return before
    for upload_id in asked_uploads(asked):
        async with service.database.transaction(caller.user_id) as transaction:
            upload = await find_upload(transaction, caller.user_id, upload_id)
        await complete_if_whole(service.database, request.app.state.reader, upload)
    async with service.database.transaction(caller.user_id) as transaction, transaction.as_service():

        async def work() -> SessionCreatedAnswer:
            return SessionCreatedAnswer(session_id=await create_session(transaction, caller.user_id, asked))

        return await once.answer(transaction, SessionCreatedAnswer, work)


@router.get("/sessions", summary="List my sessions")
async def sessions(
    request: Request,
    caller: CurrentCaller,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(max_length=2000, description="The nextCursor of the page before.")] = None,
    sort: SessionSort = "createdAt",
    order: Order = "desc",
) -> Page[SessionDocument]:
    """My sessions, newest first unless another order is asked for."""
    async with _service(request).database.transaction(caller.user_id) as transaction:
        return await list_sessions(transaction, caller.user_id, limit=limit, cursor=cursor, sort=sort, order=order)


@router.delete("/sessions", status_code=202, summary="Delete all of my sessions")
async def delete_all(request: Request, caller: CurrentCaller) -> Deleted:
    """Delete all of mine, and nobody else's: out of sight at once, their bytes as soon as their jobs have stopped."""
    return Deleted(session_ids=await begin_all_deletions(_service(request).database, caller.user_id))


@router.get("/sessions/{sessionId}", summary="Read a session")
async def read(request: Request, caller: CurrentCaller, session_id: SessionId) -> SessionDocument:
    """One session."""
    async with _service(request).database.transaction(caller.user_id) as transaction:
        return session_document(await own_session(transaction, caller.user_id, session_id))


@router.patch("/sessions/{sessionId}", summary="Rename a session")
async def rename(
    request: Request, caller: CurrentCaller, session_id: SessionId, asked: RenameSession
) -> SessionDocument:
    """Give a session another name."""
    async with _service(request).database.transaction(caller.user_id) as transaction:
        await own_session(transaction, caller.user_id, session_id)
        async with transaction.as_service():
            await transaction.execute(
                "update public.training_sessions set name = $3 where session_id = $1 and user_id = $2",
                session_id,
                caller.user_id,
                asked.name,
            )
        return session_document(await own_session(transaction, caller.user_id, session_id))


@router.delete("/sessions/{sessionId}", status_code=202, summary="Delete a session and everything of it")
async def delete(request: Request, caller: CurrentCaller, session_id: SessionId) -> Deleted:
    """Delete one session everywhere: out of sight at once, its bytes as soon as its jobs have stopped.

    When nothing is left, `session_purged` is heard on the socket and `session.purged` on the bus.
    """
    async with _service(request).database.transaction(caller.user_id) as transaction:
        await own_session(transaction, caller.user_id, session_id)
        async with transaction.as_service():
            await begin_deletion(transaction, caller.user_id, session_id)
    return Deleted(session_ids=[session_id])


@router.get("/sessions/{sessionId}/deletion", summary="See whether a deleted session is gone")
async def deletion(request: Request, caller: CurrentCaller, session_id: SessionId) -> DeletionDocument:
    """What is left of a session that I deleted, and since when nothing is; for a month."""
    async with _service(request).database.transaction(caller.user_id) as transaction:
        return await deletion_of(transaction, caller.user_id, session_id)


@router.get("/sessions/{sessionId}/files", summary="List a session's files")
async def files(request: Request, caller: CurrentCaller, session_id: SessionId) -> Page[FileDocument]:
    """The session's files (at most a hundred, so one page)."""
    async with _service(request).database.transaction(caller.user_id) as transaction:
        await own_session(transaction, caller.user_id, session_id)
        return Page[FileDocument](items=await list_files(transaction, session_id), next_cursor=None)


@router.get("/sessions/{sessionId}/configuration", summary="Read a session's configuration")
async def read_configuration(request: Request, caller: CurrentCaller, session_id: SessionId) -> dict[str, Any]:
    """The session's configuration as it is stored."""
    async with _service(request).database.transaction(caller.user_id) as transaction:
        session = await own_session(transaction, caller.user_id, session_id)
    if session["configuration"] is None:
        raise not_found("Configuration of session", session_id)
    stored: dict[str, Any] = session["configuration"]
    return stored


@router.put("/sessions/{sessionId}/configuration", summary="Check and store a session's configuration")
async def write_configuration(
    request: Request,
    caller: CurrentCaller,
    session_id: SessionId,
    document: Annotated[dict[str, Any], Body()],
) -> dict[str, Any]:
    """Check the whole document against the session's files, and keep it; answers it as stored."""
    async with _service(request).database.transaction(caller.user_id) as transaction:
        session = await own_session(transaction, caller.user_id, session_id)
        configuration = await checked_configuration(transaction, session_id, document)
        async with transaction.as_service():
            await store_configuration(transaction, caller.user_id, session, configuration)
    return configuration.model_dump(mode="json")
