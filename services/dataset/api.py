"""HTTP: asking for datasets and reading what came of it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body, Path, Query, Request

from services.dataset.documents import DatasetDocument, GenerationAccepted
from services.dataset.generation import latest_dataset
from shared.jobs.datasets import ask_for_dataset
from shared.problems import not_found
from shared.runtime.service import Service
from shared.series.holiday_countries import check_holidays
from shared.sessions.rows import own_session
from shared.web.authentication import CurrentCaller
from shared.web.idempotency import OnceOnly

router = APIRouter(prefix="/api/training", tags=["datasets"])

SessionId = Annotated[str, Path(alias="sessionId", max_length=128)]


@router.post("/generate-datasets/{sessionId}", status_code=202, summary="Generate a session's datasets")
async def generate(
    request: Request,
    caller: CurrentCaller,
    session_id: SessionId,
    once: OnceOnly,
    configuration: Annotated[dict[str, Any] | None, Body(description="Configuration, or nothing.")] = None,
    train: Annotated[bool, Query(description="Train the configured models as soon as the datasets are there.")] = False,
) -> GenerationAccepted:
    """Make training windows from the configuration sent, or from the session's own."""
    service: Service = request.app.state.service
    async with service.database.transaction(caller.user_id) as transaction:
        session = await own_session(transaction, caller.user_id, session_id)
        async with transaction.as_service():

            async def work() -> GenerationAccepted:
                run_id = await ask_for_dataset(
                    transaction,
                    caller.user_id,
                    session,
                    configuration,
                    run_after=train,
                    source="dataset",
                    check=check_holidays,
                )
                return GenerationAccepted(run_id=run_id)

            return await once.answer(transaction, GenerationAccepted, work)


@router.get("/datasets/{sessionId}", summary="Read a session's newest dataset")
async def datasets(request: Request, caller: CurrentCaller, session_id: SessionId) -> DatasetDocument:
    """The session's newest dataset: windows counted, dropped and why, features, splits, scalers."""
    service: Service = request.app.state.service
    async with service.database.transaction(caller.user_id) as transaction:
        await own_session(transaction, caller.user_id, session_id)
        found = await latest_dataset(transaction, session_id)
    if found is None:
        raise not_found("Dataset of session", session_id)
    return found
