"""The S3 adapter: AWS, SeaweedFS, MinIO, Supabase's S3 endpoint."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Iterable
from contextlib import AsyncExitStack, aclosing, suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from aiobotocore.config import AioConfig  # type: ignore[import-untyped]
from aiobotocore.session import AioSession, get_session  # type: ignore[import-untyped]

from shared.problems import ProblemError
from shared.storage.blocks import Tally, blocks
from shared.storage.disposition import content_disposition
from shared.storage.errors import InvalidRange, ObjectNotFound, StoreRefused
from shared.storage.keys import BUCKETS, TRAINING_RESULTS, check_bucket, check_key, folder_prefix
from shared.storage.port import (
    DEFAULT_CONTENT_TYPE,
    DELETE_BATCH,
    MAX_SIGNED_SECONDS,
    ObjectInfo,
    ObjectStore,
    SignedUrl,
    StoredObject,
    check_range,
    check_signed_seconds,
)
from shared.storage.s3_dialects import name_the_body_xml, plain_error_body, s3_errors
from shared.storage.s3_location import S3Location
from shared.storage.s3_upload import PART_BYTES, abort_uploads, upload
from shared.telemetry.logs import logger

_CHUNK = 256 * 1024
_READY_SECONDS = 5

log = logger(__name__)


class S3Store(ObjectStore):
    """Objects in S3 buckets over one client with one connection pool; opened by ``open``."""

    def __init__(self, location: S3Location, session: AioSession) -> None:
        self._location = location
        self._session = session
        self._connections = AsyncExitStack()
        self._client: Any = None
        self._signer: Any = None

    @classmethod
    async def open(cls, location: S3Location) -> Self:
        """A store ready for use; nothing is asked of the server yet."""
        session = get_session()
        if location.access_key is not None:
            session.set_credentials(location.access_key, location.secret_key)
        store = cls(location, session)
        store._client = store._signer = await store._connect(location.endpoint)
        if location.public_endpoint is not None:
            store._signer = await store._connect(location.public_endpoint)
        return store

    async def _connect(self, endpoint: str | None) -> Any:
        config = AioConfig(
            signature_version="s3v4",
            s3={"addressing_style": "path"},
            retries={"mode": "standard", "total_max_attempts": 3},
            connect_timeout=5,
            read_timeout=60,
            max_pool_connections=32,
            # Newer default checksums are unknown to older servers; sizes and SHA-256 are verified here.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        client = await self._connections.enter_async_context(
            self._session.create_client("s3", region_name=self._location.region, endpoint_url=endpoint, config=config)
        )
        client.meta.events.register("before-parse.s3", plain_error_body)
        client.meta.events.register("before-sign.s3.DeleteObjects", name_the_body_xml)
        return client

    async def ensure_buckets(self) -> None:
        """Create the buckets that are missing; one that our credentials may not see is not ours to create.

        Raises StoreRefused where a bucket is missing and may not be created.
        """
        for bucket in sorted(BUCKETS):
            try:
                await self._head_bucket(bucket)
            except ObjectNotFound:
                await self._create_bucket(bucket)
            except StoreRefused as error:
                log.warning("bucket not visible", bucket=bucket, reason=str(error))

    async def put(
        self,
        bucket: str,
        key: str,
        stream: AsyncIterable[bytes] | bytes,
        *,
        content_type: str = DEFAULT_CONTENT_TYPE,
    ) -> StoredObject:
        check_bucket(bucket)
        check_key(key)
        async with aclosing(blocks(stream, PART_BYTES)) as source:
            return await upload(self._client, bucket, key, source, content_type)

    async def get(
        self,
        bucket: str,
        key: str,
        *,
        start: int = 0,
        end: int | None = None,
        expected_sha256: str | None = None,
    ) -> AsyncGenerator[bytes, None]:
        check_bucket(bucket)
        check_key(key)
        check_range(start, end)
        whole = start == 0 and end is None
        asked = {} if whole else {"Range": f"bytes={start}-{'' if end is None else end - 1}"}
        try:
            with s3_errors(bucket, key):
                response = await self._client.get_object(Bucket=bucket, Key=key, **asked)
        except InvalidRange:
            if start == 0:
                return  # an empty object has not even a first byte
            raise InvalidRange(start, end) from None
        tally = Tally()
        async with response["Body"] as body:
            while True:
                with s3_errors(bucket, key):
                    block = await body.read(_CHUNK)
                if not block:
                    break
                tally.add(block)
                yield block
        recorded = response["Metadata"].get("sha256")
        tally.verify(bucket, key, response["ContentLength"], (expected_sha256 or recorded) if whole else None)

    async def stat(self, bucket: str, key: str) -> ObjectInfo:
        check_bucket(bucket)
        check_key(key)
        with s3_errors(bucket, key):
            head = await self._client.head_object(Bucket=bucket, Key=key)
        return ObjectInfo(
            bucket,
            key,
            head["ContentLength"],
            head["LastModified"].astimezone(UTC),
            head.get("ContentType", DEFAULT_CONTENT_TYPE),
            head["Metadata"].get("sha256"),
        )

    async def list(self, bucket: str, prefix: str = "") -> AsyncGenerator[ObjectInfo, None]:
        check_bucket(bucket)
        folder = folder_prefix(prefix)
        after: dict[str, str] = {}
        while True:
            with s3_errors(bucket):
                page = await self._client.list_objects_v2(Bucket=bucket, Prefix=folder, **after)
            for entry in page.get("Contents", []):
                modified = entry["LastModified"].astimezone(UTC)
                yield ObjectInfo(bucket, entry["Key"], entry["Size"], modified)
            if not page["IsTruncated"]:
                return
            after = {"ContinuationToken": page["NextContinuationToken"]}

    async def delete_many(self, bucket: str, keys: Iterable[str]) -> None:
        check_bucket(bucket)
        checked = [*keys]
        for key in checked:
            check_key(key)
        for first in range(0, len(checked), DELETE_BATCH):
            batch = [{"Key": key} for key in checked[first : first + DELETE_BATCH]]
            with s3_errors(bucket):
                answer = await self._client.delete_objects(Bucket=bucket, Delete={"Objects": batch, "Quiet": True})
            if left := [error for error in answer.get("Errors", []) if error.get("Code") != "NoSuchKey"]:
                raise StoreRefused(f"{left[0].get('Code')} for {len(left)} of {len(batch)} objects.", retryable=True)

    async def signed_url(
        self,
        bucket: str,
        key: str,
        *,
        expires_seconds: int = MAX_SIGNED_SECONDS,
        download_name: str | None = None,
    ) -> SignedUrl:
        check_bucket(bucket)
        check_key(key)
        check_signed_seconds(expires_seconds)
        wanted = {"Bucket": bucket, "Key": key}
        if download_name is not None:
            wanted["ResponseContentDisposition"] = content_disposition(download_name)
        with s3_errors(bucket, key):
            url = await self._signer.generate_presigned_url("get_object", Params=wanted, ExpiresIn=expires_seconds)
            credentials = await self._session.get_credentials()
        # A role's credentials end when they end, and with them every URL that they signed.
        role_ends = getattr(credentials, "_expiry_time", None)
        return SignedUrl(url, min(_end_of(url), role_ends) if role_ends else _end_of(url))

    async def sweep(self, older_than: timedelta) -> int:
        before = datetime.now(UTC) - older_than
        return sum([await abort_uploads(self._client, bucket, before) for bucket in sorted(BUCKETS)])

    async def ready(self) -> bool:
        try:
            await self._head_bucket(TRAINING_RESULTS)
        except ProblemError as error:
            log.warning("object store not ready", reason=str(error))
            return False
        return True

    async def close(self) -> None:
        await self._connections.aclose()

    async def _head_bucket(self, bucket: str) -> None:
        with s3_errors(bucket, ""):
            async with asyncio.timeout(_READY_SECONDS):
                await self._client.head_bucket(Bucket=bucket)

    async def _create_bucket(self, bucket: str) -> None:
        try:
            with s3_errors(bucket):
                await self._client.create_bucket(Bucket=bucket, **self._placement())
        except StoreRefused:
            with suppress(ObjectNotFound, StoreRefused):
                # Another service, starting at the same moment, was faster.
                return await self._head_bucket(bucket)
            raise
        log.info("bucket created", bucket=bucket)

    def _placement(self) -> dict[str, Any]:
        region = self._location.region
        if region == "us-east-1":  # S3's default, which it refuses to be told
            return {}
        return {"CreateBucketConfiguration": {"LocationConstraint": region}}


def _end_of(url: str) -> datetime:
    query = parse_qs(urlsplit(url).query)
    signed_at = datetime.strptime(query["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return signed_at + timedelta(seconds=int(query["X-Amz-Expires"][0]))
