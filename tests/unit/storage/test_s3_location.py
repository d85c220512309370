"""Store URLs."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.storage.errors import StoreUnavailable
from shared.storage.local import LocalStore
from shared.storage.open import open_store
from shared.storage.s3_location import S3Location, parse_s3_url


def test_a_server_of_ones_own() -> None:
    assert parse_s3_url("s3://key:secret@127.0.0.1:9000?region=eu-central-1&tls=false") == S3Location(
        region="eu-central-1", endpoint="http://127.0.0.1:9000", access_key="key", secret_key="secret"
    )


def test_a_server_below_a_path_with_an_address_for_people() -> None:
    location = parse_s3_url("s3://k:s%2F%2B%40@ref.supabase.co/storage/v1/s3/?public=https%3A%2F%2Ffiles.example")

    assert location.endpoint == "https://ref.supabase.co/storage/v1/s3"
    assert (location.region, location.secret_key) == ("us-east-1", "s/+@")
    assert location.public_endpoint == "https://files.example"


def test_aws_by_its_own_credential_chain() -> None:
    assert parse_s3_url("s3://?region=eu-west-1") == S3Location(region="eu-west-1")


def test_a_secret_is_not_shown() -> None:
    assert "hidden" not in repr(parse_s3_url("s3://key:hidden@host"))


@pytest.mark.parametrize(
    "url", ["s3://host?regoin=x", "s3://host?tls=no", "s3://key@host", "s3://key:s@?region=x", "s3:///path"]
)
def test_a_url_that_is_not_clear_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="store URL"):
        parse_s3_url(url)


@pytest.mark.parametrize("url", ["", "/folder", "http://host", "file://host/folder", "file:folder", "memory://"])
async def test_only_folders_and_s3_can_be_opened(url: str) -> None:
    with pytest.raises(ValueError, match="URL"):
        async with open_store(url, public_url="http://127.0.0.1", signing_secret="secret"):
            pytest.fail("it was opened")


async def test_a_folder_store_is_opened_where_its_url_says(tmp_path: Path) -> None:
    url = f"file://{tmp_path}/my%20objects"
    async with open_store(url, public_url="http://127.0.0.1", signing_secret="secret") as store:
        assert isinstance(store, LocalStore)
        assert (tmp_path / "my objects").is_dir()


async def test_a_folder_store_needs_a_secret(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="secret"):
        async with open_store(f"file://{tmp_path}", public_url="http://127.0.0.1", signing_secret=""):
            pytest.fail("it was opened")


async def test_a_store_that_nobody_serves_is_unavailable() -> None:
    nobody = "s3://key:secret@127.0.0.1:1?tls=false"
    with pytest.raises(StoreUnavailable) as away:
        async with open_store(nobody, public_url="", signing_secret="", wait_seconds=0):
            pytest.fail("it was opened")
    assert away.value.retryable
    assert away.value.problem.status == 503
