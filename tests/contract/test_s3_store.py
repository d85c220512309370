"""What can only be asked of a real S3 server."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from shared.problems import Category
from shared.storage.errors import ChecksumMismatch, StoreRefused, StoreUnavailable
from shared.storage.keys import ML_ARTIFACTS, UPLOAD_STAGING
from shared.storage.open import open_store
from shared.storage.s3 import S3Store
from shared.storage.s3_location import parse_s3_url
from shared.storage.s3_upload import PART_BYTES

pytestmark = pytest.mark.integration


@pytest.fixture
async def s3(s3_url: str) -> AsyncIterator[S3Store]:
    store = await S3Store.open(parse_s3_url(s3_url))
    await store.ensure_buckets()
    yield store
    await store.close()


@pytest.fixture
def client(s3: S3Store) -> Any:
    """The SDK's own client, to do what the port does not offer."""
    return s3._client


async def test_opening_creates_the_buckets_that_are_missing(s3_url: str, client: Any) -> None:
    await client.delete_bucket(Bucket=ML_ARTIFACTS)

    async with open_store(s3_url, public_url="", signing_secret="") as store:
        await store.put(ML_ARTIFACTS, "models/a", b".")
        assert (await store.stat(ML_ARTIFACTS, "models/a")).size == 1
        await store.delete_many(ML_ARTIFACTS, ["models/a"])


async def test_a_bucket_that_another_service_creates_first_is_as_good(s3: S3Store, s3_url: str, client: Any) -> None:
    await client.delete_bucket(Bucket=ML_ARTIFACTS)
    late = await S3Store.open(parse_s3_url(s3_url))

    async def be_faster(**_: Any) -> None:
        await client.create_bucket(Bucket=ML_ARTIFACTS)

    late._client.meta.events.register("before-call.s3.CreateBucket", be_faster)
    try:
        await late.ensure_buckets()
        await late.put(ML_ARTIFACTS, "models/a", b".")
        await late.delete_many(ML_ARTIFACTS, ["models/a"])
    finally:
        await late.close()


async def test_a_missing_bucket_is_a_wrong_set_up_and_not_an_absent_object(s3: S3Store, client: Any) -> None:
    await client.delete_bucket(Bucket=ML_ARTIFACTS)

    with pytest.raises(StoreRefused, match="NoSuchBucket"):
        await anext(s3.get(ML_ARTIFACTS, "models/a"))
    with pytest.raises(StoreRefused, match="NoSuchBucket"):
        await anext(s3.list(ML_ARTIFACTS))


async def test_an_object_that_is_not_what_its_metadata_says_is_damaged(s3: S3Store, client: Any, folder: str) -> None:
    told = hashlib.sha256(b"what was put").hexdigest()
    await client.put_object(Bucket=UPLOAD_STAGING, Key=folder, Body=b"what is there", Metadata={"sha256": told})

    with pytest.raises(ChecksumMismatch):
        _ = [block async for block in s3.get(UPLOAD_STAGING, folder)]


async def test_wrong_credentials_are_refused_and_not_called_absent(s3_url: str) -> None:
    stranger = await S3Store.open(dataclasses.replace(parse_s3_url(s3_url), secret_key="guessed"))
    try:
        with pytest.raises(StoreRefused, match="SignatureDoesNotMatch") as refused:
            await anext(stranger.get(UPLOAD_STAGING, "a"))
        assert refused.value.problem.category == Category.STORAGE_UNAVAILABLE
        assert refused.value.retryable
        assert not await stranger.ready()
    finally:
        await stranger.close()


@pytest.mark.parametrize("operation", ["upload_part", "complete_multipart_upload"])
async def test_a_server_that_goes_away_at_the_last_part_leaves_the_old_object_and_no_parts(
    operation: str, s3: S3Store, client: Any, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, real = f"{folder}/document.json.gz", getattr(client, operation)

    async def away(**asked: Any) -> Any:
        if asked.get("PartNumber", 2) == 2:
            raise EndpointConnectionError(endpoint_url="http://store")
        return await real(**asked)

    await s3.put(ML_ARTIFACTS, key, b"the old one")
    monkeypatch.setattr(client, operation, away)

    with pytest.raises(StoreUnavailable):
        await s3.put(ML_ARTIFACTS, key, bytes(PART_BYTES + 1))

    monkeypatch.undo()
    assert b"".join([block async for block in s3.get(ML_ARTIFACTS, key)]) == b"the old one"
    uploads = await client.list_multipart_uploads(Bucket=ML_ARTIFACTS)
    assert key not in {begun["Key"] for begun in uploads.get("Uploads", [])}
