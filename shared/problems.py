"""Problems: the one shape in which anything that went wrong reaches people and programs.

The same object travels in HTTP bodies (RFC 9457 ``application/problem+json``), in failed events and in the
socket's ``error`` message. It is safe to show: it never carries a traceback or a secret.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

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


@dataclass(frozen=True, slots=True)
class Meaning:
    """A category for HTTP, and for people where nothing closer to the cause is known."""

    status: int
    severity: Severity
    title: str
    message: str
    recovery: tuple[str, ...]


TAXONOMY: dict[Category, Meaning] = {
    Category.DATA_VALIDATION: Meaning(
        422,
        Severity.HIGH,
        "Invalid data format",
        "What was sent is not as expected, and nothing was changed.",
        ("Check CSV format: delimiter, decimal mark, times.", "Verify column names and values against /docs."),
    ),
    Category.INSUFFICIENT_DATA: Meaning(
        422,
        Severity.HIGH,
        "Not enough data points",
        "There are fewer data than this needs.",
        ("Add more data: a longer period.", "Reduce time steps: a shorter window or horizon."),
    ),
    Category.MODEL_CONVERGENCE: Meaning(
        422,
        Severity.MEDIUM,
        "Model failed to converge",
        "Training ended without a usable model.",
        ("Adjust hyperparameters: a smaller learning_rate, fewer layers or units.", "Try different model."),
    ),
    Category.RESOURCE_EXHAUSTION: Meaning(
        507,
        Severity.CRITICAL,
        "System resources exhausted",
        "This needs more memory, time or space than there is for it.",
        ("Reduce batch size, layers or units.", "Use fewer models or less data at once."),
    ),
    Category.NOT_FOUND: Meaning(
        404,
        Severity.LOW,
        "Not found",
        "There is nothing of that name that you can see.",
        ("Check the identifier.", "List what you own and pick from there."),
    ),
    Category.CONFLICT: Meaning(
        409,
        Severity.MEDIUM,
        "Not possible right now",
        "Something else is going on that this would disturb, or it was done already.",
        ("Look at the current status.", "Wait until what runs has ended, or cancel it, then try again."),
    ),
    Category.UNAUTHORIZED: Meaning(
        401,
        Severity.MEDIUM,
        "Not signed in",
        "Who you are is not known, or is not enough for this.",
        ("Sign in again, or take a new token.",),
    ),
    Category.RATE_LIMITED: Meaning(
        429,
        Severity.LOW,
        "Too many requests",
        "More was asked for than is allowed in this time.",
        ("Wait as many seconds as Retry-After says, then go on more slowly.",),
    ),
    Category.STORAGE_UNAVAILABLE: Meaning(
        503,
        Severity.CRITICAL,
        "The storage is away",
        "Files cannot be read or written at the moment. Nothing is lost.",
        ("Try again in a few seconds.", "If it stays away, tell whoever runs this Foretide."),
    ),
    Category.BUS_UNAVAILABLE: Meaning(
        503,
        Severity.CRITICAL,
        "The message bus is away",
        "Work cannot be handed on at the moment. What was accepted follows when it is back.",
        ("Try again in a few seconds.", "If it stays away, tell whoever runs this Foretide."),
    ),
    Category.CANCELLED: Meaning(
        409,
        Severity.LOW,
        "Cancelled",
        "It was ended before it was done, because somebody asked for that.",
        ("Start it again if you want it after all.",),
    ),
    Category.INTERNAL: Meaning(
        500,
        Severity.CRITICAL,
        "Something went wrong on our side",
        "An unexpected error was recorded. Your data is unchanged.",
        ("Try again.", "If it happens again, report the trace id."),
    ),
}


class Problem(BaseModel):
    """One problem, as sent (contracts section 5). An empty ``recovery`` becomes that of the category."""

    model_config = ConfigDict(frozen=True)

    type: str
    title: str
    status: int
    detail: str
    instance: str | None = None
    category: Category
    severity: Severity
    user_message: str
    recovery: list[str] = Field(default_factory=list, validate_default=True)
    technical_details: dict[str, Any] | None = None
    trace_id: str | None = None

    @field_validator("recovery")
    @classmethod
    def _says_what_to_do(cls, steps: list[str], info: ValidationInfo) -> list[str]:
        category = info.data.get("category")
        return steps or (list(TAXONOMY[category].recovery) if category else steps)


class ProblemError(Exception):
    """Raised anywhere below the border; rendered once, at the border (HTTP, event or socket).

    What is not given follows from the category, ``user_message`` from the detail. ``retryable`` says whether doing the
    same thing again later can help (a store that is away) or cannot (a column that does not exist).
    """

    def __init__(
        self,
        category: Category,
        *,
        title: str | None = None,
        detail: str | None = None,
        user_message: str | None = None,
        recovery: list[str] | None = None,
        technical_details: dict[str, Any] | None = None,
        status: int | None = None,
        severity: Severity | None = None,
        retryable: bool = False,
        headers: dict[str, str] | None = None,
    ) -> None:
        meaning = TAXONOMY[category]
        detail = detail or meaning.message
        self.retryable = retryable
        self.headers = headers or {}
        self.problem = Problem(
            type=f"urn:foretide:problem:{category.value.lower().replace('_', '-')}",
            title=title or meaning.title,
            status=status or meaning.status,
            detail=detail,
            category=category,
            severity=severity or meaning.severity,
            user_message=user_message or detail,
            recovery=recovery or [],
            technical_details=technical_details,
        )
        super().__init__(f"{self.problem.title}: {detail}")

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
    return ProblemError(Category.INTERNAL).problem.model_copy(update={"trace_id": trace_id})


def problem_of(error: BaseException, trace_id: str | None) -> Problem:
    """What is told of an error at every border, in an HTTP body, a failed event or the socket's ``error`` alike.

    Nothing of an error of another kind than :class:`ProblemError` is shown: whoever calls this logs it.
    """
    if not isinstance(error, ProblemError):
        return internal_problem(trace_id)
    return error.problem.model_copy(update={"trace_id": error.problem.trace_id or trace_id})


def invalid_request(faults: Sequence[Mapping[str, Any]]) -> ProblemError:
    """What was sent does not fit its model. ``faults`` are pydantic's: ``loc``, ``msg``, ``input``."""
    shown = [
        {
            "field": ".".join(str(part) for part in fault["loc"]) or "the message",
            "message": fault["msg"],
            "value": repr(fault.get("input"))[:200],
        }
        for fault in faults
    ]
    first = shown[0]
    return ProblemError(
        Category.DATA_VALIDATION,
        title="The request is not as expected",
        detail=f"{first['field']}: {first['message']} (got {first['value']})",
        recovery=["Correct the fields named in technical_details.", "See /docs for what this call takes."],
        technical_details={"faults": shown},
    )
