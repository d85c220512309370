"""A result's document, wherever its row keeps it.

Rows of the system before this one have it themselves, or at a path without a checksum; they are read, never written.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib

from fastapi import Request
from fastapi.responses import Response

from services.results.sending import send_object
from shared.database.pool import Database, Record
from shared.events.payloads import Reference
from shared.problems import not_found
from shared.storage.disposition import content_disposition
from shared.storage.keys import TRAINING_RESULTS
from shared.storage.port import ObjectStore


async def document_reference(store: ObjectStore, row: Record) -> Reference:
    """Where a result's document is; where the row does not say how large it is, the store does."""
    if "document" in row["artifacts"]:
        return Reference.model_validate(row["artifacts"]["document"])
    info = await store.stat(TRAINING_RESULTS, row["results_file_path"])
    return Reference(bucket=info.bucket, key=info.key, sha256=info.sha256 or "", bytes=info.size)


async def send_document(
    request: Request, database: Database, store: ObjectStore, row: Record, download_name: str | None
) -> Response:
    """The whole document: a ``json.gz`` file under that name, else JSON."""
    if row["results_file_path"] is not None:
        return await send_object(
            request,
            store,
            await document_reference(store, row),
            download_name,
            content_type="application/gzip" if download_name else "application/json",
            encoding=None if download_name else "gzip",
        )
    return await _send_row(request, database, row, download_name)


async def _send_row(request: Request, database: Database, row: Record, download_name: str | None) -> Response:
    """No row was ever larger than one statement could store; so these are answered at once."""
    async with database.transaction(row["user_id"]) as transaction:
        text: str | None = await transaction.fetch_value(
            "select results::text from public.training_results where id = $1", row["id"]
        )
    if text is None:
        raise not_found("Document of result", str(row["id"]))
    body = text.encode()
    headers = {"ETag": f'"{hashlib.sha256(body).hexdigest()}"', "X-Content-Type-Options": "nosniff"}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    if download_name is None:
        return Response(body, media_type="application/json", headers=headers)
    packed = await asyncio.to_thread(gzip.compress, body, 6, mtime=0)
    headers["Content-Disposition"] = content_disposition(download_name)
    return Response(packed, media_type="application/gzip", headers=headers)
