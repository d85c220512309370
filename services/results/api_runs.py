"""HTTP: runs side by side, and which model is served."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request

from services.results.documents import ChooseServed, RunComparison, ServedModel
from services.results.runs import MOST_RUNS, compare_runs
from services.results.served import pin, served_models, unpin
from shared.runtime.service import Service
from shared.sessions.rows import own_session
from shared.web.authentication import CurrentCaller

router = APIRouter(prefix="/api/training/results", tags=["results"])

SessionId = Annotated[str, Path(alias="sessionId", max_length=128)]


@router.get("/{sessionId}/comparison", summary="Compare a session's runs")
async def comparison(
    request: Request,
    caller: CurrentCaller,
    session_id: SessionId,
    run: Annotated[
        list[Annotated[int, Query(ge=1, le=2**31 - 1)]] | None,
        Query(max_length=MOST_RUNS, description="Numbers of runs, once for each; unless given, the newest ones."),
    ] = None,
) -> RunComparison:
    """Every run is kept as it was, with its models, best first."""
    service: Service = request.app.state.service
    async with service.database.transaction(caller.user_id) as transaction:
        await own_session(transaction, caller.user_id, session_id)
        return await compare_runs(transaction, session_id, run)


@router.put("/{sessionId}/served", summary="Choose the model that is served")
async def choose(
    request: Request, caller: CurrentCaller, session_id: SessionId, asked: ChooseServed
) -> list[ServedModel]:
    """Let one model answer its target's forecasts until this is changed; or the best of the newest run again."""
    service: Service = request.app.state.service
    async with service.database.transaction(caller.user_id) as transaction:
        await own_session(transaction, caller.user_id, session_id)
        async with transaction.as_service():
            if asked.job_id is None:
                await unpin(transaction, session_id)
            else:
                await pin(transaction, session_id, asked.job_id)
        return [ServedModel(**row) for row in await served_models(transaction, session_id)]
