"""What can go wrong at an object store; every adapter speaks of its own faults in these words only."""

from __future__ import annotations

from shared.problems import Category, ProblemError


class ObjectNotFound(ProblemError):
    """There is no such object."""

    def __init__(self, bucket: str, key: str) -> None:
        super().__init__(
            Category.NOT_FOUND,
            title="Object not found",
            detail="What was asked for is not in the object store; it may have been deleted.",
            recovery=["List what there is and pick from there."],
            technical_details={"bucket": bucket, "key": key},
        )


class InvalidKey(ProblemError):
    """A bucket, key or prefix that no adapter accepts; found before anything is read or written."""

    def __init__(self, what: str, reason: str) -> None:
        super().__init__(
            Category.DATA_VALIDATION,
            title="Invalid object name",
            detail=f"{what[:120]!r} {reason}.",
            recovery=["Use the names that Foretide gave: those in its answers and events."],
        )


class InvalidRange(ProblemError):
    """A byte range that begins behind the object's end or is empty (HTTP 416)."""

    def __init__(self, start: int, end: int | None) -> None:
        super().__init__(
            Category.DATA_VALIDATION,
            title="Range not satisfiable",
            detail=f"The object has no bytes from {start} to {'its end' if end is None else end}.",
            recovery=["Ask for bytes within the object; without a Range all of it comes."],
            status=416,
        )


class ChecksumMismatch(ProblemError):
    """What was read is not what was stored."""

    def __init__(self, bucket: str, key: str, *, expected: str, found: str) -> None:
        super().__init__(
            Category.INTERNAL,
            title="A stored object is damaged",
            detail="The bytes read are not the bytes that were stored, so they are not used.",
            recovery=["Try again.", "If it happens again, create the data anew and report the trace id."],
            technical_details={"bucket": bucket, "key": key, "expected": expected, "found": found},
        )


class StoreUnavailable(ProblemError):
    """The store did not answer, or not in time. Doing the same again later can help."""

    def __init__(self, detail: str) -> None:
        super().__init__(
            Category.STORAGE_UNAVAILABLE,
            title="The object store is away",
            detail=detail,
            recovery=["Try again in a few seconds."],
            retryable=True,
            headers={"Retry-After": "5"},
        )


class StoreRefused(ProblemError):
    """The store answered and said no: its credentials, limits or set-up are not what Foretide needs.

    ``retryable`` where an operator can put it right (credentials), not where the object itself is refused.
    """

    def __init__(self, detail: str, *, retryable: bool) -> None:
        super().__init__(
            Category.STORAGE_UNAVAILABLE,
            title="The object store refused the request",
            detail=detail,
            recovery=["Ask the operator to check the object store's credentials, buckets and limits."],
            retryable=retryable,
        )


class SignatureRefused(ProblemError):
    """A download URL that was changed, is incomplete, or whose time is over (HTTP 403)."""

    def __init__(self, detail: str) -> None:
        super().__init__(
            Category.UNAUTHORIZED,
            title="This download link is not valid",
            detail=detail,
            recovery=["Ask for a new download link."],
            status=403,
        )
