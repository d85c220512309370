"""HTTP: forecasts from new rows, and keys for the machines that ask for them."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path as File
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request

from services.trainer.forecasting.question import make_wish, read_wish
from services.trainer.serving.asking import AskingUser
from services.trainer.serving.body import REQUEST_BODY, read_body
from services.trainer.serving.chosen import choose_models
from services.trainer.serving.documents import ForecastAnswer, KeyList, MadeKey, NewKey
from services.trainer.serving.forecasts import Forecasting, Form, files_of
from services.trainer.serving.keys import keys_of, make_key, revoke_key
from shared.problems import Category, ProblemError
from shared.runtime.service import Service
from shared.sessions.rows import own_session
from shared.web.authentication import CurrentCaller
from shared.web.idempotency import OnceOnly

router = APIRouter(prefix="/api/training", tags=["forecasts"])

SessionId = Annotated[str, Path(alias="sessionId", max_length=128)]
KeyId = Annotated[UUID, Path(alias="keyId")]


@router.post("/forecast/{sessionId}", summary="Forecast from new rows", openapi_extra=REQUEST_BODY)
async def forecast(
    request: Request,
    user_id: AskingUser,
    session_id: SessionId,
    reference_time: Annotated[str | None, Query(alias="referenceTime", max_length=200)] = None,
    target: Annotated[str | None, Query(max_length=200)] = None,
    job_id: Annotated[UUID | None, Query(alias="jobId")] = None,
    run_id: Annotated[UUID | None, Query(alias="runId")] = None,
) -> ForecastAnswer:
    """By the served model of each target, or a named one: with times, in original units, with intervals.

    JSON has everything in its body; beside a CSV body, the query has what else is asked.
    """
    service: Service = request.app.state.service
    forecasting: Forecasting = request.app.state.forecasting
    async with service.database.transaction(user_id) as transaction:
        await own_session(transaction, user_id, session_id)
    form = _form(request)
    asked = {"reference_time": reference_time, "target": target, "job_id": job_id, "run_id": run_id}
    if form == "json" and any(value is not None for value in asked.values()):
        raise _said_twice()
    body = await read_body(request, service.settings.max_forecast_bytes)
    with forecasting.place(), tempfile.TemporaryDirectory(prefix="foretide-rows-") as folder:
        wish = make_wish(asked) if form == "csv" else await asyncio.to_thread(read_wish, body)
        rows = File(folder) / f"rows.{form}"
        await asyncio.to_thread(rows.write_bytes, body)
        # Whoever waits for a slot holds nothing large meanwhile.
        del body
        async with service.database.transaction(user_id) as transaction:
            await own_session(transaction, user_id, session_id)
            async with transaction.as_service():
                models = await choose_models(
                    transaction, session_id, job_id=wish.job_id, run_id=wish.run_id, target=wish.target
                )
                files = await files_of(transaction, session_id)
        found = await forecasting.forecast(models, files, rows, form, wish.reference_time)
    return ForecastAnswer.model_validate({"session_id": session_id, "forecasts": found})


@router.post("/api-keys/{sessionId}", status_code=201, summary="Make a key for machines")
async def make(
    request: Request, caller: CurrentCaller, session_id: SessionId, once: OnceOnly, wanted: NewKey | None = None
) -> MadeKey:
    """A key that opens this session's forecasts and nothing else. It is shown now and never again."""
    service: Service = request.app.state.service
    made: list[str | None] = []
    async with service.database.transaction(caller.user_id) as transaction:
        await own_session(transaction, caller.user_id, session_id)
        async with transaction.as_service():

            async def work() -> MadeKey:
                answer = await make_key(transaction, caller.user_id, session_id, wanted or NewKey())
                made.append(answer.key)
                # What is kept to be answered again must not have the key in it.
                return answer.model_copy(update={"key": None})

            answer = await once.answer(transaction, MadeKey, work)
    return answer.model_copy(update={"key": made[0] if made else None})


@router.get("/api-keys/{sessionId}", summary="List a session's keys")
async def keys(request: Request, caller: CurrentCaller, session_id: SessionId) -> KeyList:
    """All of them, those revoked and expired included; how they begin, and when they were last used."""
    service: Service = request.app.state.service
    async with service.database.transaction(caller.user_id) as transaction:
        await own_session(transaction, caller.user_id, session_id)
        return KeyList(keys=await keys_of(transaction, session_id))


@router.delete("/api-keys/{sessionId}/{keyId}", status_code=204, summary="Revoke a key for machines")
async def revoke(request: Request, caller: CurrentCaller, session_id: SessionId, key_id: KeyId) -> None:
    """It opens nothing any more, at once; revoking it again changes nothing."""
    service: Service = request.app.state.service
    async with service.database.transaction(caller.user_id) as transaction:
        await own_session(transaction, caller.user_id, session_id)
        async with transaction.as_service():
            await revoke_key(transaction, session_id, key_id)


def _form(request: Request) -> Form:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == "text/csv":
        return "csv"
    if kind in ("application/json", ""):
        return "json"
    raise ProblemError(
        Category.DATA_VALIDATION,
        title="The rows are in no form that is read",
        detail=f"The content type is {kind[:100]!r}.",
        recovery=["Send application/json or text/csv."],
        status=415,
    )


def _said_twice() -> ProblemError:
    return ProblemError(
        Category.DATA_VALIDATION,
        title="The query belongs to CSV",
        detail="referenceTime, target, jobId and runId are in the query beside a CSV body; JSON has them in itself.",
        recovery=["Put them into the JSON body."],
    )
