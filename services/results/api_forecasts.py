"""HTTP: what became of a one-shot forecast job."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response, StreamingResponse

from services.results.documents import ForecastJobDocument
from services.results.forecasts import forecast_job, output_of
from services.results.sending import send_object
from shared.identity.verifier import Caller
from shared.runtime.service import Service
from shared.web.authentication import CurrentCaller

router = APIRouter(prefix="/api/forecast", tags=["forecast jobs"])

JobId = Annotated[UUID, Path(alias="jobId")]


@router.get("/{jobId}", summary="See where a forecast job stands")
async def read(request: Request, caller: CurrentCaller, job_id: JobId) -> ForecastJobDocument:
    """Its state, what was chosen for it and why, the model used and its metrics, or why it failed."""
    service: Service = request.app.state.service
    return await forecast_job(service.database, service.store, caller.user_id, job_id)


@router.get("/{jobId}/output.json", response_class=StreamingResponse, summary="Download a job's whole forecast")
async def as_json(request: Request, caller: CurrentCaller, job_id: JobId) -> Response:
    """What follows the end of the data, for every target: times, values, all intervals, and the model."""
    return await _send(request, caller, job_id, "output.json", "application/json")


@router.get("/{jobId}/forecast.csv", response_class=StreamingResponse, summary="Download a job's forecast as a table")
async def as_table(request: Request, caller: CurrentCaller, job_id: JobId) -> Response:
    """A row for each time; a spreadsheet computes nothing in it."""
    return await _send(request, caller, job_id, "forecast.csv", "text/csv; charset=utf-8")


@router.get("/{jobId}/forecast.png", response_class=StreamingResponse, summary="Download a job's forecast as a picture")
async def as_picture(request: Request, caller: CurrentCaller, job_id: JobId) -> Response:
    """What was measured last, and what follows with its widest interval."""
    return await _send(request, caller, job_id, "forecast.png", "image/png")


async def _send(request: Request, caller: Caller, job_id: UUID, name: str, content_type: str) -> Response:
    service: Service = request.app.state.service
    reference = await output_of(service.database, caller.user_id, job_id, name)
    return await send_object(request, service.store, reference, name, content_type=content_type)
