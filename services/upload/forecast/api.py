"""HTTP: one CSV in, a forecast started. What became of it is read from the results service."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Request

from services.upload.choices.wishes import Wishes
from services.upload.forecast.documents import ForecastStarted, ForecastUploaded
from services.upload.forecast.file_part import REQUEST_BODY, FilePart, check_declared, declared_bytes
from services.upload.forecast.receiving import receive_file
from services.upload.forecast.starting import start_forecast
from services.upload.limits import Limits
from shared.runtime.service import Service
from shared.web.authentication import CurrentCaller, SendingCaller
from shared.web.idempotency import OnceOnly, OnceStreamed

router = APIRouter(prefix="/api/forecast", tags=["forecast jobs"])


@router.post("/upload", status_code=201, summary="Upload a file to forecast", openapi_extra=REQUEST_BODY)
async def upload(request: Request, caller: SendingCaller, once: OnceStreamed) -> ForecastUploaded:
    """Keep the file and say what is in it; the job waits a day to be started."""
    service: Service = request.app.state.service
    limits = Limits.of(service.settings)
    check_declared(request, limits)
    part = FilePart(request, limits)
    reader = request.app.state.reader
    return await receive_file(service.database, reader, caller.user_id, part, declared_bytes(request), limits, once)


@router.post("/{jobId}", status_code=202, summary="Start a forecast job")
async def start(
    request: Request,
    caller: CurrentCaller,
    job_id: Annotated[UUID, Path(alias="jobId")],
    once: OnceOnly,
    wishes: Wishes | None = None,
) -> ForecastStarted:
    """Train on the file and compare: with sensible choices, all of them told, for whatever is not asked for."""
    service: Service = request.app.state.service
    reader = request.app.state.reader
    return await start_forecast(service.database, reader, caller.user_id, job_id, wishes or Wishes(), once)
