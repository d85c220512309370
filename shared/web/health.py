"""What probes and Prometheus ask for."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

router = APIRouter(include_in_schema=False)


@router.get("/healthz")
async def alive() -> dict[str, str]:
    """The process runs and its event loop turns."""
    return {"status": "alive"}


@router.get("/readyz")
async def ready(request: Request, response: Response) -> dict[str, Any]:
    """Database, bus and store answer; 503 with the one that does not."""
    parts: dict[str, bool] = await request.app.state.service.readiness()
    if not all(parts.values()):
        response.status_code = 503
    return {"status": "ready" if all(parts.values()) else "not ready", "parts": parts}


@router.get("/metrics")
async def metrics() -> Response:
    """Prometheus text; inside only, never through the gateway."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
