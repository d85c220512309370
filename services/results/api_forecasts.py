"""HTTP: what became of a one-shot forecast job."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Request

from services.results.documents import ForecastJobDocument
from services.results.forecasts import forecast_job
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
