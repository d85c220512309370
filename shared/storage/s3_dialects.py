"""Where S3 servers differ from AWS: two corrections on the wire, and one reading of their errors.

Both corrections are for Supabase Storage's S3 endpoint and change nothing at AWS and others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import aiohttp
from botocore.exceptions import (  # type: ignore[import-untyped]
    BotoCoreError,
    ClientError,
    FlexibleChecksumError,
    ParamValidationError,
)

from shared.problems import ProblemError
from shared.storage.errors import (
    ChecksumMismatch,
    InvalidRange,
    ObjectNotFound,
    StoreRefused,
    StoreUnavailable,
)

_NAMESPACE = re.compile(rb'(<Error)\s+xmlns="[^"]*"')


def plain_error_body(response_dict: dict[str, Any], **_: Any) -> None:
    """``before-parse.s3``: botocore finds no code in Supabase's ``<Error xmlns=…>``."""
    if response_dict["status_code"] >= 300 and isinstance(response_dict["body"], bytes):
        response_dict["body"] = _NAMESPACE.sub(rb"\1", response_dict["body"], count=1)


def name_the_body_xml(request: Any, **_: Any) -> None:
    """``before-sign.s3.DeleteObjects``: without a content type Supabase sees no body."""
    request.headers["Content-Type"] = "application/xml"


@contextmanager
def s3_errors(bucket: str, key: str | None = None) -> Iterator[None]:
    """Everything the SDK raises, as a storage problem; ``key`` where a 404 speaks of an object."""
    try:
        yield
    except ClientError as error:
        raise _problem(error, bucket, key) from error
    except FlexibleChecksumError as error:
        raise ChecksumMismatch(bucket, key or "", expected="the store's checksum", found=str(error)) from error
    except ParamValidationError:
        raise
    except (BotoCoreError, aiohttp.ClientError, TimeoutError) as error:
        raise StoreUnavailable(f"The object store did not answer ({type(error).__name__}).") from error


def _problem(error: ClientError, bucket: str, key: str | None) -> ProblemError:
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    code = error.response.get("Error", {}).get("Code") or f"HTTP {status}"
    if status == 404 and key is not None and code not in ("NoSuchBucket", "NoSuchUpload"):
        return ObjectNotFound(bucket, key)
    if status == 416:
        return InvalidRange(0, None)
    if status >= 500 or status == 429 or code == "NoSuchUpload":
        return StoreUnavailable(f"The object store is failing ({code}).")
    return StoreRefused(f"{code} for the bucket {bucket!r}.", retryable=status in (401, 403, 404))
