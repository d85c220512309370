"""HTTP: the same events for clients without a socket."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request

from services.notifier.events import LARGEST_SEQUENCE, REPLAY_LIMIT, events_after
from shared.runtime.service import Service
from shared.sessions.rows import own_session
from shared.web.authentication import CurrentCaller
from shared.web.documents import Document

router = APIRouter(prefix="/api/training", tags=["events"])


class EventsDocument(Document):
    """Events after a number, oldest first; ask again after ``lastSequence`` while ``more`` is true."""

    items: list[dict[str, Any]]
    last_sequence: int
    more: bool


@router.get("/events/{sessionId}", summary="Read a session's events")
async def events(
    request: Request,
    caller: CurrentCaller,
    session_id: Annotated[str, Path(alias="sessionId", max_length=128)],
    after: Annotated[int, Query(ge=0, le=LARGEST_SEQUENCE)] = 0,
    limit: Annotated[int, Query(ge=1, le=REPLAY_LIMIT)] = 200,
) -> EventsDocument:
    """The session's events (CloudEvents envelopes) with a number above ``after``."""
    service: Service = request.app.state.service
    async with service.database.transaction(caller.user_id) as transaction:
        await own_session(transaction, caller.user_id, session_id)
        found = await events_after(transaction, session_id, after, limit=limit + 1)
    shown = found[:limit]
    last = shown[-1].sequence_number if shown else None
    return EventsDocument(
        items=[envelope.model_dump(mode="json", exclude_none=True) for envelope in shown],
        last_sequence=last if last is not None else after,
        more=len(found) > limit,
    )
