"""Problems: the one shape in which anything that went wrong reaches people and programs.

The same object travels in HTTP bodies (RFC 9457 ``application/problem+json``), in failed events and in the
socket's ``error`` message. It is safe to show: it never carries a traceback or a secret.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

PROBLEM_CONTENT_TYPE = "application/problem+json"


class Category(StrEnum):
    """What kind of thing went wrong; clients branch on this, never on the text."""

    DATA_VALIDATION = "DATA_VALIDATION"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"
    MODEL_CONVERGENCE = "MODEL_CONVERGENCE"
    RESOURCE_EXHAUSTION = "RESOURCE_EXHAUSTION"
    NOT_FOUND = "NOT_FOUND"
    CONFLICT = "CONFLICT"
    UNAUTHORIZED = "UNAUTHORIZED"
    RATE_LIMITED = "RATE_LIMITED"
    STORAGE_UNAVAILABLE = "STORAGE_UNAVAILABLE"
    BUS_UNAVAILABLE = "BUS_UNAVAILABLE"
    CANCELLED = "CANCELLED"
    INTERNAL = "INTERNAL"


class Severity(StrEnum):
    """How bad it is for the person who sees it."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


_DEFAULTS: dict[Category, tuple[int, Severity]] = {
    Category.DATA_VALIDATION: (422, Severity.HIGH),
    Category.INSUFFICIENT_DATA: (422, Severity.HIGH),
    Category.MODEL_CONVERGENCE: (422, Severity.MEDIUM),
    Category.RESOURCE_EXHAUSTION: (507, Severity.CRITICAL),
    Category.NOT_FOUND: (404, Severity.LOW),
    Category.CONFLICT: (409, Severity.MEDIUM),
    Category.UNAUTHORIZED: (401, Severity.MEDIUM),
    Category.RATE_LIMITED: (429, Severity.LOW),
    Category.STORAGE_UNAVAILABLE: (503, Severity.CRITICAL),
    Category.BUS_UNAVAILABLE: (503, Severity.CRITICAL),
    Category.CANCELLED: (409, Severity.LOW),
    Category.INTERNAL: (500, Severity.CRITICAL),
}


class Problem(BaseModel):
    """One problem, as sent (contracts section 5)."""

    model_config = ConfigDict(frozen=True)

    type: str
    title: str
    status: int
    detail: str
    instance: str | None = None
    category: Category
    severity: Severity
    user_message: str
    recovery: list[str] = Field(default_factory=list)
    technical_details: dict[str, Any] | None = None
    trace_id: str | None = None


class ProblemError(Exception):
    """Raised anywhere below the border; rendered once, at the border (HTTP, event or socket).

    ``status`` and ``severity`` follow from the category unless given. ``retryable`` says whether doing the
    same thing again later can help (a store that is away) or cannot (a column that does not exist).
    """

    def __init__(
        self,
        category: Category,
        *,
        title: str,
        detail: str,
        user_message: str | None = None,
        recovery: list[str] | None = None,
        technical_details: dict[str, Any] | None = None,
        status: int | None = None,
        severity: Severity | None = None,
        retryable: bool = False,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(f"{title}: {detail}")
        default_status, default_severity = _DEFAULTS[category]
        self.retryable = retryable
        self.headers = headers or {}
        self.problem = Problem(
            type=f"urn:foretide:problem:{category.value.lower().replace('_', '-')}",
            title=title,
            status=status or default_status,
            detail=detail,
            category=category,
            severity=severity or default_severity,
            user_message=user_message or detail,
            recovery=recovery or [],
            technical_details=technical_details,
        )

    @classmethod
    def of(cls, problem: Problem, *, retryable: bool = False) -> Self:
        """The error that carries a problem which was written down elsewhere."""
        error = cls(problem.category, title=problem.title, detail=problem.detail, retryable=retryable)
        error.problem = problem
        return error


def not_found(what: str, identifier: str) -> ProblemError:
    """The answer for what does not exist and for what belongs to somebody else: nobody can tell them apart."""
    return ProblemError(
        Category.NOT_FOUND,
        title=f"{what} not found",
        detail=f"There is no {what.lower()} {identifier!r} that you can see.",
        recovery=["Check the identifier.", "List what you own and pick from there."],
    )


def internal_problem(trace_id: str | None) -> Problem:
    """What a person sees when the fault is ours; the log line with the same trace id has the rest."""
    error = ProblemError(
        Category.INTERNAL,
        title="Something went wrong on our side",
        detail="An unexpected error was recorded. Your data is unchanged.",
        recovery=["Try again.", "If it happens again, report the trace id."],
    )
    return error.problem.model_copy(update={"trace_id": trace_id})
