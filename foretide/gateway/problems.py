"""What the gateway itself has to say when it cannot pass a request on."""

from __future__ import annotations

from shared.problems import Category, ProblemError

_RETRY = {"Retry-After": "1"}


def too_large(largest: int) -> ProblemError:
    """The body has more than ``largest`` bytes."""
    return ProblemError(
        Category.DATA_VALIDATION,
        title="The request is too large",
        detail=f"Its body may have {largest} bytes ({largest // 1024**2} MiB) at most.",
        recovery=["Send a file in chunks; see /docs."],
        status=413,
    )


def unreachable(service: str) -> ProblemError:
    """No connection to the service could be made in time; nothing was sent."""
    return ProblemError(
        Category.INTERNAL,
        title=f"The {service} service cannot be reached",
        detail=f"No connection to the {service} service could be made. Nothing was done.",
        user_message="A part of Foretide is not running at the moment. Nothing was lost.",
        recovery=["Try again in a moment.", f"If it stays so, see whether the {service} service runs."],
        technical_details={"service": service},
        status=503,
        retryable=True,
        headers=_RETRY,
    )


def broken_off(service: str) -> ProblemError:
    """The connection ended after something was sent and before an answer came."""
    return ProblemError(
        Category.INTERNAL,
        title=f"The {service} service broke off",
        detail=f"The connection to the {service} service ended before it answered; the request may have been done.",
        user_message="A part of Foretide ended while it worked on this request.",
        recovery=["See whether it was done, or send it again with the same Idempotency-Key."],
        technical_details={"service": service},
        status=502,
        retryable=True,
        headers=_RETRY,
    )


def too_slow(service: str, seconds: float) -> ProblemError:
    """The service has the request and sends nothing back."""
    return ProblemError(
        Category.INTERNAL,
        title=f"The {service} service does not answer",
        detail=f"It has the request, and sent nothing for {seconds:.0f} s.",
        recovery=["See later whether it was done."],
        technical_details={"service": service},
        status=504,
    )
