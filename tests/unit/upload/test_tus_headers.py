"""The headers of tus: what is taken, and what is refused by name."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime, timedelta, timezone

import pytest

from services.upload.tus.headers import (
    bytes_in,
    check_body_type,
    check_version,
    checksum_in,
    file_in,
    http_date,
)
from shared.problems import ProblemError


def encoded(value: str | bytes) -> str:
    return base64.b64encode(value.encode() if isinstance(value, str) else value).decode()


def status_of(error: pytest.ExceptionInfo[ProblemError]) -> int:
    return error.value.problem.status


@pytest.mark.parametrize(("value", "number"), [("0", 0), ("007", 7), ("524288000", 524_288_000)])
def test_a_number_of_bytes_is_digits(value: str, number: int) -> None:
    assert bytes_in("Upload-Length", value) == number


@pytest.mark.parametrize("value", [None, "", "-1", "+1", " 1", "1 ", "1_0", "1.0", "1e3", "0x1", "٣", "9" * 19, "many"])
def test_f22_what_is_no_number_of_bytes_or_a_huge_one_is_refused_by_name(value: str | None) -> None:
    with pytest.raises(ProblemError) as refused:
        bytes_in("Upload-Offset", value)
    assert status_of(refused) == 400
    assert "Upload-Offset" in refused.value.problem.detail


@pytest.mark.parametrize("value", [None, "0.2.2", "1.0", "1.0.0 ", "1.0.1"])
def test_another_version_is_refused_and_told_ours(value: str | None) -> None:
    with pytest.raises(ProblemError) as refused:
        check_version(value)
    assert status_of(refused) == 412
    assert refused.value.headers == {"Tus-Version": "1.0.0"}
    check_version("1.0.0")


@pytest.mark.parametrize("value", [None, "text/csv", "application/octet-stream"])
def test_a_body_of_another_type_is_refused(value: str | None) -> None:
    with pytest.raises(ProblemError) as refused:
        check_body_type(value)
    assert status_of(refused) == 415
    check_body_type("application/offset+octet-stream")


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "md5"])
def test_a_checksum_names_its_algorithm_and_digest(algorithm: str) -> None:
    digest = hashlib.new(algorithm, b"time;load").digest()
    checksum = checksum_in(f"{algorithm} {encoded(digest)}")
    assert checksum is not None
    begun = checksum.begin()
    begun.update(b"time;load")
    assert begun.digest() == checksum.expected


@pytest.mark.parametrize(
    "value",
    [
        "",
        "sha1",
        "sha1 ",
        "sha1 not base64!",
        f"sha1 {encoded(b'short')}",
        f"sha256 {encoded(bytes(20))}",
        f"crc32 {encoded(bytes(4))}",
        f"SHA1 {encoded(bytes(20))}",
    ],
)
def test_a_checksum_that_cannot_be_compared_is_refused(value: str) -> None:
    with pytest.raises(ProblemError) as refused:
        checksum_in(value)
    assert status_of(refused) == 400


def test_without_a_checksum_there_is_none_to_compare() -> None:
    assert checksum_in(None) is None


def test_metadata_describe_the_file_and_are_kept_as_they_were_written() -> None:
    sha256 = hashlib.sha256(b"x").hexdigest()
    metadata = f"filename {encoded('Wärme °C.csv')},filetype {encoded('output')},sha256 {encoded(sha256)},is_private"
    file = file_in(metadata, 12)
    assert (file.file_name, file.size, file.file_type, file.sha256) == ("Wärme °C.csv", 12, "output", sha256)
    assert file.metadata == metadata


def test_what_uppy_sends_is_understood_and_its_content_type_is_no_role() -> None:
    file = file_in(f"relativePath {encoded('null')},name {encoded('load.csv')},filetype {encoded('text/csv')}", 1)
    assert (file.file_name, file.file_type) == ("load.csv", "input")


@pytest.mark.parametrize("metadata", [None, "", " ", "filename", "filename ,other"])
def test_a_file_without_a_name_gets_one(metadata: str | None) -> None:
    assert file_in(metadata, 1).file_name == "upload.csv"


def test_bytes_under_keys_that_say_nothing_here_are_no_fault() -> None:
    assert file_in(f"thumbnail {encoded(bytes([255, 254]))}", 1).file_name == "upload.csv"


@pytest.mark.parametrize(
    "metadata",
    [
        "filename !!!",
        f"filename {encoded(bytes([255, 254]))}",
        f"filename {encoded('a.csv')},filename {encoded('b.csv')}",
        f"filename {encoded('a.csv')}, ,other",
        f"dätei {encoded('a.csv')}",
        f"filename {encoded('x' * 256)}",
        f"sha256 {encoded('abc')}",
        "a" * 9000,
    ],
    ids=["no base64", "no text", "key twice", "no key", "key not ASCII", "long name", "no digest", "long header"],
)
def test_metadata_that_are_not_as_tus_has_them_are_refused_by_name(metadata: str) -> None:
    with pytest.raises(ProblemError) as refused:
        file_in(metadata, 1)
    assert status_of(refused) == 400
    assert "Upload-Metadata" in refused.value.problem.title


def test_f08_a_name_that_climbs_is_a_name() -> None:
    assert file_in(f"filename {encoded('../../etc/passwd')}", 1).file_name == "../../etc/passwd"


def test_a_date_is_in_greenwich_time() -> None:
    vienna = datetime(2024, 7, 1, 12, 0, tzinfo=timezone(timedelta(hours=2)))
    assert http_date(vienna) == "Mon, 01 Jul 2024 10:00:00 GMT" == http_date(vienna.astimezone(UTC))
