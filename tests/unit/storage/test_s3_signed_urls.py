"""Links signed for S3: no server is asked for them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from aiobotocore.credentials import AioRefreshableCredentials  # type: ignore[import-untyped]
from aiobotocore.session import get_session  # type: ignore[import-untyped]

from shared.storage.keys import TRAINING_RESULTS
from shared.storage.s3 import S3Store
from shared.storage.s3_location import S3Location, parse_s3_url


async def test_a_link_is_signed_for_the_address_that_people_reach() -> None:
    store = await S3Store.open(parse_s3_url("s3://key:secret@s3.internal:9000?public=https://files.example"))
    try:
        signed = await store.signed_url(TRAINING_RESULTS, "s/a.csv", expires_seconds=600)
    finally:
        await store.close()

    parts = urlsplit(signed.url)
    assert (parts.scheme, parts.netloc, parts.path) == ("https", "files.example", "/training-results/s/a.csv")
    assert parse_qs(parts.query)["X-Amz-SignedHeaders"] == ["host"]


@pytest.mark.parametrize(("role_lasts", "expected"), [(timedelta(minutes=20), 20), (timedelta(hours=6), 120)])
async def test_a_link_ends_with_the_credentials_that_signed_it(
    monkeypatch: pytest.MonkeyPatch, role_lasts: timedelta, expected: int
) -> None:
    now = datetime.now(UTC)

    async def not_now() -> None:
        raise AssertionError("credentials that still last were refreshed")

    session = get_session()
    session._credentials = AioRefreshableCredentials("key", "secret", "token", now + role_lasts, not_now, method="role")
    monkeypatch.setattr("shared.storage.s3.get_session", lambda: session)
    store = await S3Store.open(S3Location(region="eu-central-1"))
    try:
        signed = await store.signed_url(TRAINING_RESULTS, "a", expires_seconds=7200)
    finally:
        await store.close()

    assert abs(signed.expires_at - now - timedelta(minutes=expected)) < timedelta(seconds=10)
