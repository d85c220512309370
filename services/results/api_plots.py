"""HTTP: plots, those that are stored and those that are drawn when they are asked for; each as data, too."""

from __future__ import annotations

import base64
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from services.results.documents import Visualization
from services.results.reading import results_for
from shared.database.pool import Record
from shared.problems import Category, ProblemError
from shared.runtime.service import Service
from shared.sessions.rows import own_session
from shared.storage.keys import TRAINING_RESULTS
from shared.web.authentication import CurrentCaller
from shared.web.documents import Page, decode_cursor, encode_cursor

router = APIRouter(prefix="/api/training/visualizations", tags=["results"])

SessionId = Annotated[str, Path(alias="sessionId", max_length=128)]
_LIST = "visualizations"


@router.get("/{sessionId}", summary="List a session's plots")
async def visualizations(
    request: Request,
    caller: CurrentCaller,
    session_id: SessionId,
    format_: Annotated[Literal["url", "base64"], Query(alias="format")] = "url",
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
    cursor: Annotated[str | None, Query(max_length=2000, description="The nextCursor of the page before.")] = None,
) -> Page[Visualization]:
    """The session's stored plots: names, kinds and signed URLs, or the pictures themselves."""
    service: Service = request.app.state.service
    after = decode_cursor(cursor, _LIST, str) if cursor else None
    async with service.database.transaction(caller.user_id) as transaction:
        await own_session(transaction, caller.user_id, session_id)
        rows = await transaction.fetch(
            """select * from public.training_visualizations where session_id = $1
                   and ($2::text is null or (plot_name, id::text) > ($2, $3))
               order by plot_name, id::text limit $4""",
            session_id,
            *(after or (None, None)),
            limit + 1,
        )
    last = rows[limit - 1] if len(rows) > limit else None
    return Page[Visualization](
        items=[await _visualization(service, row, format_) for row in rows[:limit]],
        next_cursor=encode_cursor(_LIST, last["plot_name"], str(last["id"])) if last else None,
    )


async def _visualization(service: Service, row: Record, form: str) -> Visualization:
    shown = Visualization(
        plot_name=row["plot_name"],
        plot_type=row["plot_type"],
        job_id=row["job_id"],
        created_at=row["created_at"],
    )
    if row["storage_path"] is None:
        # Old rows carry the picture themselves.
        return shown.model_copy(update={"data_base64": row["plot_data_base64"]})
    if form == "base64":
        data = b"".join([block async for block in service.store.get(TRAINING_RESULTS, row["storage_path"])])
        return shown.model_copy(update={"data_base64": base64.b64encode(data).decode()})
    signed = await service.store.signed_url(TRAINING_RESULTS, row["storage_path"])
    return shown.model_copy(update={"url": signed.url, "expires_at": signed.expires_at})


@router.get(
    "/{sessionId}/{plot}",
    summary="Draw a plot",
    response_class=Response,
    responses={200: {"content": {"image/png": {}, "application/json": {}}}},
)
async def drawn(
    request: Request,
    caller: CurrentCaller,
    session_id: SessionId,
    kind: Annotated[Literal["loss_curve", "predictions", "residuals", "error_by_step"], Path(alias="plot")],
    job_id: Annotated[
        list[UUID] | None,
        Query(alias="jobId", max_length=8, description="Whose; else the best model's. Predictions take several."),
    ] = None,
    format_: Annotated[
        Literal["png", "json"], Query(alias="format", description="json: what it shows, to draw it oneself.")
    ] = "png",
    window: Annotated[
        list[Annotated[int, Query(ge=0, le=2**31 - 1)]] | None,
        Query(max_length=16, description="Predictions: which test windows, from 0; else four, evenly chosen."),
    ] = None,
    axis: Annotated[Literal["utc", "step"], Query(description="Predictions: times, or steps from 1.")] = "utc",
    scale: Annotated[
        Literal["original", "scaled"], Query(description="Predictions: in original units, or as the model sees them.")
    ] = "original",
    axes: Annotated[
        Literal["common", "separate"],
        Query(description="Predictions: all models of a window in one panel, of one scale, or each in its own."),
    ] = "common",
) -> Response:
    """A plot of stored models: as a picture, or as the data that it is drawn from."""
    service: Service = request.app.state.service
    if kind != "predictions" and len(job_id or ()) > 1:
        raise _one_model_only(kind)
    async with service.database.transaction(caller.user_id) as transaction:
        await own_session(transaction, caller.user_id, session_id)
        rows = await results_for(transaction, session_id, job_id or [])
    chosen = {"windows": window, "axis": axis, "scaled": scale == "scaled", "separate": axes == "separate"}
    options = chosen if kind == "predictions" else {}
    body = await request.app.state.maker.plot(rows, kind, format_, options)
    media_type = "image/png" if format_ == "png" else "application/json"
    return Response(body, media_type=media_type, headers={"X-Content-Type-Options": "nosniff"})


def _one_model_only(kind: str) -> ProblemError:
    return ProblemError(
        Category.DATA_VALIDATION,
        title="That plot shows one model",
        detail=f"{kind} was asked for of several models; only predictions show several.",
        recovery=["Ask once for each model.", "Or ask for predictions."],
    )
