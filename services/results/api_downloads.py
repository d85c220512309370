"""HTTP: downloads. What is stored is streamed, with ranges; what is not, is made."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import RedirectResponse, Response, StreamingResponse

from services.results.archive import zip_of
from services.results.making import artifact, table_of
from services.results.reading import find_result, stored_with
from services.results.sending import begun, send_object
from services.results.stored_document import document_reference, send_document
from shared.database.pool import Record, Transaction
from shared.events.payloads import Reference
from shared.problems import Category, ProblemError, not_found
from shared.runtime.service import Service
from shared.sessions.rows import own_session
from shared.storage.disposition import content_disposition
from shared.storage.port import DEFAULT_CONTENT_TYPE
from shared.storage.signing import FILES_PATH, verify_signature
from shared.web.authentication import CurrentCaller

router = APIRouter(tags=["downloads"])

SessionId = Annotated[str, Path(alias="sessionId", max_length=128)]
_PARQUET = "application/vnd.apache.parquet"
_NO_FILE_NAME = re.compile(r"[^\w.-]+")


@router.get(
    "/api/training/results/{sessionId}/download",
    response_class=StreamingResponse,
    summary="Download a model's results",
)
async def download(
    request: Request,
    caller: CurrentCaller,
    session_id: SessionId,
    format_: Annotated[
        Literal["json.gz", "parquet", "csv", "zip"],
        Query(
            alias="format",
            description="json.gz: the results document. parquet: the same arrays, equal to the last bit. "
            "csv: forecasts of the test part. zip: everything that is stored of the whole run.",
        ),
    ] = "json.gz",
    job_id: Annotated[UUID | None, Query(alias="jobId", description="Which model's; else the best one's.")] = None,
    delivery: Annotated[
        Literal["stream", "redirect"],
        Query(description="redirect: 302 to a signed URL, for what is stored as it is (json.gz, parquet)."),
    ] = "stream",
) -> Response:
    """A file of results: streamed, ranges answered; or a signed URL of it."""
    service: Service = request.app.state.service
    async with service.database.transaction(caller.user_id) as transaction:
        await own_session(transaction, caller.user_id, session_id)
        row = await find_result(transaction, session_id, job_id)
        of_run = await stored_with(transaction, row) if format_ == "zip" else []
    name = f"training_results_{session_id}.{format_}"
    if delivery == "redirect":
        return await _redirect(service, row, format_, name)
    if format_ == "zip":
        table_of(row)
        return await _zip(service, of_run, name)
    if format_ == "csv":
        text = await begun(request.app.state.maker.forecasts_csv(row))
        headers = {"Content-Disposition": content_disposition(name)}
        return StreamingResponse(text, media_type="text/csv", headers=headers)
    if format_ == "parquet":
        return await send_object(request, service.store, table_of(row), name, content_type=_PARQUET)
    return await send_document(request, service.database, service.store, row, name)


async def _redirect(service: Service, row: Record, format_: str, name: str) -> Response:
    if format_ == "parquet":
        reference = table_of(row)
    elif format_ == "json.gz" and row["results_file_path"] is not None:
        reference = await document_reference(service.store, row)
    else:
        raise ProblemError(
            Category.DATA_VALIDATION,
            title="There is no URL for that",
            detail="Only what lies in the object store as it is has a URL of its own; this is made for each download.",
            recovery=["Ask without delivery=redirect.", "Or ask for format=json.gz or format=parquet."],
        )
    signed = await service.store.signed_url(reference.bucket, reference.key, download_name=name)
    return RedirectResponse(signed.url, status_code=302, headers={"Cache-Control": "no-store"})


async def _zip(service: Service, rows: list[Record], name: str) -> Response:
    """A folder for each model, and the run's comparison."""
    objects: dict[str, Reference] = {}
    for row in rows:
        metadata = row["results_metadata"]
        folder = _NO_FILE_NAME.sub("_", f"{metadata.get('model_type')}_{metadata.get('target')}_{row['job_id']}")
        for kept in sorted(row["artifacts"]):
            reference = artifact(row, kept)
            objects[f"{folder}/{reference.key.rpartition('/')[2]}"] = reference
    shown: list[dict[str, Any]] = [
        {"job_id": str(row["job_id"]), **row["results_metadata"], "metrics": row["evaluation_metrics"]} for row in rows
    ]
    texts = {"models.json": orjson.dumps(shown, option=orjson.OPT_INDENT_2)}
    stream = await begun(zip_of(service.store, objects, texts))
    headers = {"Content-Disposition": content_disposition(name)}
    return StreamingResponse(stream, media_type="application/zip", headers=headers)


@router.get(
    "/api/training/results/{sessionId}/models/{jobId}",
    response_class=StreamingResponse,
    summary="Download a model or its scalers",
)
async def model(
    request: Request,
    caller: CurrentCaller,
    session_id: SessionId,
    job_id: Annotated[UUID, Path(alias="jobId")],
    format_: Annotated[
        Literal["keras", "skops", "npz", "json", "zip", "h5", "scalers", "scalers.skops"] | None,
        Query(alias="format", description="Unless given, the format that the model's kind is kept in."),
    ] = None,
) -> Response:
    """The model in the format that its kind is kept in (networks as HDF5, too), or its scalers as JSON or skops."""
    service: Service = request.app.state.service
    async with service.database.transaction(caller.user_id) as transaction:
        await own_session(transaction, caller.user_id, session_id)
        row = await find_result(transaction, session_id, job_id)
        if format_ == "scalers.skops":
            reference = await _scalers_of_dataset(transaction, row)
        else:
            reference = artifact(row, {"h5": "legacy_model", "scalers": "scalers"}.get(format_ or "", "model"))
    kept_as = reference.key.rpartition(".")[2]
    if format_ not in (None, "scalers", "scalers.skops", kept_as):
        raise ProblemError(
            Category.DATA_VALIDATION,
            title="The model is not kept in that format",
            detail=f"This model is kept as {kept_as!r}; {format_!r} was asked for.",
            recovery=[f"Ask for format={kept_as}."],
        )
    name = "scalers" if format_ in ("scalers", "scalers.skops") else "model"
    return await send_object(request, service.store, reference, f"{name}_{job_id}.{kept_as}")


async def _scalers_of_dataset(transaction: Transaction, row: Record) -> Reference:
    reference = await transaction.fetch_value(
        """select dataset.metadata #> '{references,scalers}' from public.training_runs run
           join public.training_datasets dataset on dataset.id = run.dataset_id where run.id = $1""",
        row["run_id"],
    )
    if reference is None:
        raise not_found("Artifact", "scalers.skops")
    return Reference.model_validate(reference)


@router.api_route(f"{FILES_PATH}/{{bucket}}/{{key:path}}", methods=["GET", "HEAD"], include_in_schema=False)
async def signed_file(
    request: Request,
    bucket: str,
    key: str,
    expires: Annotated[str, Query()] = "",
    signature: Annotated[str, Query()] = "",
    download_name: Annotated[str | None, Query(alias="download")] = None,
) -> Response:
    """What a signed URL of the folder store points to; the signature is the permission."""
    service: Service = request.app.state.service
    verify_signature(
        service.settings.signing_secret.get_secret_value(),
        method=request.method,
        bucket=bucket,
        key=key,
        expires=expires,
        signature=signature,
        download_name=download_name,
    )
    info = await service.store.stat(bucket, key)
    reference = Reference(bucket=bucket, key=key, sha256=info.sha256 or "", bytes=info.size)
    return await send_object(
        request, service.store, reference, download_name, content_type=info.content_type or DEFAULT_CONTENT_TYPE
    )
