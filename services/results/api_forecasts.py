"""HTTP: what became of a one-shot forecast job."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response, StreamingResponse

from services.results.api_downloads import send_object
from services.results.documents import ForecastJobDocument
from services.results.forecasts import forecast_job, output_of
from shared.runtime.service import Service
from shared.web.authentication import CurrentCaller

router = APIRouter(prefix="/api/forecast", tags=["forecast jobs"])


@router.get("/{jobId}", summary="See where a forecast job stands")
async def read(
    request: Request, caller: CurrentCaller, job_id: Annotated[UUID, Path(alias="jobId")]
) -> ForecastJobDocument:
    """Its state, what was chosen for it and why, the model used and its metrics, or why it failed."""
    service: Service = request.app.state.service
    return await forecast_job(service.database, service.store, caller.user_id, job_id)


_TYPES = {"output.json": "application/json", "forecast.csv": "text/csv; charset=utf-8", "forecast.png": "image/png"}


@router.get("/{jobId}/{fileName}", response_class=StreamingResponse, summary="Download what a forecast job made")
async def file(
    request: Request,
    caller: CurrentCaller,
    job_id: Annotated[UUID, Path(alias="jobId")],
    file_name: Annotated[Literal["output.json", "forecast.csv", "forecast.png"], Path(alias="fileName")],
) -> Response:
    """The forecast beyond the end of the data: as JSON with all intervals, as a table, or drawn."""
    service: Service = request.app.state.service
    reference = await output_of(service.database, caller.user_id, job_id, file_name)
    return await send_object(request, service.store, reference, file_name, content_type=_TYPES[file_name])
