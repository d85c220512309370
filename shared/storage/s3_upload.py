"""Writing to S3 in bounded memory: one request for what fits into a part, parts for everything else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from typing import Any

from shared.problems import ProblemError
from shared.storage.blocks import Tally
from shared.storage.port import StoredObject
from shared.storage.s3_dialects import s3_errors
from shared.telemetry.logs import logger

PART_BYTES = 8 * 1024 * 1024
"""S3 takes parts from 5 MiB and 10,000 of them: objects of up to 78 GiB."""

log = logger(__name__)


async def upload(
    client: Any, bucket: str, key: str, source: AsyncGenerator[bytes, None], content_type: str
) -> StoredObject:
    """Store blocks of ``PART_BYTES``, the last one shorter. Only a single request can carry its SHA-256."""
    tally = Tally()
    block = await anext(source, b"")
    if len(block) == PART_BYTES:
        await _upload_parts(client, bucket, key, block, source, content_type, tally)
    else:
        tally.add(block)
        with s3_errors(bucket):
            await client.put_object(
                Bucket=bucket,
                Key=key,
                Body=block,
                ContentType=content_type,
                Metadata={"sha256": tally.sha256},
            )
    return StoredObject(bucket, key, tally.size, tally.sha256, content_type)


async def _upload_parts(
    client: Any,
    bucket: str,
    key: str,
    block: bytes,
    source: AsyncGenerator[bytes, None],
    content_type: str,
    tally: Tally,
) -> None:
    with s3_errors(bucket):
        created = await client.create_multipart_upload(Bucket=bucket, Key=key, ContentType=content_type)
    names = {"Bucket": bucket, "Key": key, "UploadId": created["UploadId"]}
    parts: list[dict[str, Any]] = []
    try:
        while block:
            number = len(parts) + 1
            await asyncio.to_thread(tally.add, block)
            with s3_errors(bucket):
                part = await client.upload_part(**names, PartNumber=number, Body=block)
            parts.append({"PartNumber": number, "ETag": part["ETag"]})
            block = await anext(source, b"")
        with s3_errors(bucket):
            await client.complete_multipart_upload(**names, MultipartUpload={"Parts": parts})
    except BaseException:
        await asyncio.shield(_abort(client, names))
        raise


async def _abort(client: Any, names: dict[str, str]) -> None:
    try:
        with s3_errors(names["Bucket"]):
            await client.abort_multipart_upload(**names)
    except ProblemError as error:
        # What made the upload fail is raised; the sweep removes the parts.
        log.warning("upload not aborted", bucket=names["Bucket"], key=names["Key"], reason=str(error))


async def abort_uploads(client: Any, bucket: str, before: datetime) -> int:
    """Abort every upload in a bucket that began before that time; how many."""
    aborted = 0
    marker: dict[str, str] = {}
    while True:
        with s3_errors(bucket):
            page = await client.list_multipart_uploads(Bucket=bucket, **marker)
        for begun in page.get("Uploads", []):
            if begun["Initiated"].astimezone(UTC) < before:
                await _abort(client, {"Bucket": bucket, "Key": begun["Key"], "UploadId": begun["UploadId"]})
                aborted += 1
        if not page.get("IsTruncated"):
            return aborted
        marker = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}
