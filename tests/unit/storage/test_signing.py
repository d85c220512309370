"""Download links of the folder store."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from shared.problems import Category
from shared.storage.errors import SignatureRefused
from shared.storage.signing import sign_url, verify_signature

SECRET = "a secret of these tests"


def signed_request(expires_seconds: int = 60, download_name: str | None = None) -> dict[str, Any]:
    """What the route that serves a freshly signed link sees."""
    signed = sign_url(
        SECRET,
        "https://foretide.example/",
        bucket="training-results",
        key="s 1/a+b.csv",
        expires_seconds=expires_seconds,
        download_name=download_name,
    )
    parts = urlsplit(signed.url)
    assert (parts.scheme, parts.netloc) == ("https", "foretide.example")
    _, api, files, bucket, key = parts.path.split("/", 4)
    assert (api, files) == ("api", "files")
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    assert datetime.fromtimestamp(int(query["expires"]), UTC) == signed.expires_at
    return {
        "method": "GET",
        "bucket": bucket,
        "key": unquote(key),
        "expires": query["expires"],
        "signature": query["signature"],
        "download_name": query.get("download"),
    }


@pytest.mark.parametrize("name", [None, "", "Wärme.csv"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_was_signed_is_allowed(name: str | None, method: str) -> None:
    request = signed_request()
    if name:
        request = signed_request(download_name=name)

    verify_signature(SECRET, **{**request, "method": method})


@pytest.mark.parametrize(
    "change",
    [
        {"method": "PUT"},
        {"method": "DELETE"},
        {"bucket": "training-files"},
        {"key": "s 2/a+b.csv"},
        {"expires": "9999999999"},
        {"expires": ""},
        {"expires": "soon"},
        {"signature": ""},
        {"signature": "0" * 64},
        {"signature": "ü"},
        {"download_name": "other.exe"},
        {"download_name": None},
    ],
)
def test_a_change_of_anything_is_refused(change: dict[str, Any]) -> None:
    request = signed_request(download_name="a.csv")

    with pytest.raises(SignatureRefused) as refused:
        verify_signature(SECRET, **{**request, **change})
    assert (refused.value.problem.status, refused.value.problem.category) == (403, Category.UNAUTHORIZED)


def test_another_secret_is_refused() -> None:
    with pytest.raises(SignatureRefused):
        verify_signature("another secret", **signed_request())


def test_a_link_whose_time_is_over_is_refused() -> None:
    with pytest.raises(SignatureRefused, match="time is over"):
        verify_signature(SECRET, **signed_request(expires_seconds=0))


def test_fields_cannot_flow_into_one_another() -> None:
    request = signed_request(download_name='x", "y')
    moved = {**request, "expires": f'{request["expires"]}", "x', "download_name": "y"}

    with pytest.raises(SignatureRefused):
        verify_signature(SECRET, **moved)


def test_nothing_is_signed_with_an_empty_secret() -> None:
    with pytest.raises(ValueError, match="empty secret"):
        verify_signature("", **signed_request())
