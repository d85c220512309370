"""HTTP: starting, cancelling and watching runs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request

from services.trainer.documents import CancelAccepted, JobStatus, StatusDocument, TrainingAccepted, TrainModels
from services.trainer.runs import cancel, start_run
from shared.runtime.service import Service
from shared.sessions.rows import own_session
from shared.sessions.status import status_of
from shared.web.authentication import CurrentCaller
from shared.web.idempotency import OnceOnly

router = APIRouter(prefix="/api/training", tags=["training"])

SessionId = Annotated[str, Path(alias="sessionId", max_length=128)]


@router.post("/train-models/{sessionId}", status_code=202, summary="Train a session's models")
async def train_models(
    request: Request,
    caller: CurrentCaller,
    session_id: SessionId,
    once: OnceOnly,
    asked: TrainModels | None = None,
) -> TrainingAccepted:
    """Train these models, or the configured ones, on the session's newest dataset."""
    service: Service = request.app.state.service
    async with service.database.transaction(caller.user_id) as transaction:
        session = await own_session(transaction, caller.user_id, session_id)
        async with transaction.as_service():

            async def work() -> TrainingAccepted:
                wanted = asked or TrainModels()
                run_id = await start_run(
                    transaction,
                    caller.user_id,
                    session,
                    wanted.models,
                    time_limit_seconds=wanted.time_limit_seconds,
                )
                return TrainingAccepted(run_id=run_id)

            return await once.answer(transaction, TrainingAccepted, work)


@router.post("/cancel/{sessionId}", status_code=202, summary="Cancel what a session is doing")
async def cancel_session(
    request: Request, caller: CurrentCaller, session_id: SessionId, once: OnceOnly
) -> CancelAccepted:
    """End what the session is at; running jobs stop within 5 s."""
    service: Service = request.app.state.service
    async with service.database.transaction(caller.user_id) as transaction:
        session = await own_session(transaction, caller.user_id, session_id)
        async with transaction.as_service():

            async def work() -> CancelAccepted:
                await cancel(transaction, caller.user_id, session)
                return CancelAccepted(session_id=session_id)

            return await once.answer(transaction, CancelAccepted, work)


@router.get("/status/{sessionId}", summary="See where a session stands")
async def status(request: Request, caller: CurrentCaller, session_id: SessionId) -> StatusDocument:
    """Phase, jobs, progress, ETA and the last event's number."""
    service: Service = request.app.state.service
    async with service.database.transaction(caller.user_id) as transaction:
        session = await own_session(transaction, caller.user_id, session_id)
        standing, jobs = await status_of(transaction, session)
    return StatusDocument(**dict(standing), jobs=[JobStatus(**dict(job)) for job in jobs])
