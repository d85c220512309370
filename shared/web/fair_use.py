"""Fair use: what one user may ask for in a minute, counted where all replicas of all services see it.

Every budget is a bucket that fills up evenly and may be emptied at once. Own code of one SQL function: no well-kept
library counts in PostgreSQL without a connection, a driver or several round trips of its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from uuid import UUID

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.database.pool import Database
from shared.problems import Category, ProblemError
from shared.settings import Settings

_WINDOW_SECONDS = 60
_SMALLEST_SENDING = 64 * 1024
_TAKE = "select taken, full_in from foretide.take_budget($1, $2, $3, $4)"
_STANDING = "standing"


@dataclass(frozen=True, slots=True)
class Budget:
    """``quota`` units a minute; ``unit`` is the draft's quota unit."""

    name: str
    quota: int
    unit: str

    def seconds(self, cost: int) -> float:
        """How long the bucket takes to fill up again after this cost; what costs more takes a whole bucket."""
        return min(cost, self.quota) / self.quota * _WINDOW_SECONDS


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a user stands with a budget after a request; ``full_in`` is in seconds."""

    budget: Budget
    cost: int
    taken: bool
    full_in: float

    @property
    def headers(self) -> dict[str, str]:
        """As draft-ietf-httpapi-ratelimit-headers-10 has them: the policy, what remains, when all of it is back."""
        budget = self.budget
        remaining = max(0, math.floor((1 - self.full_in / _WINDOW_SECONDS) * budget.quota))
        return {
            "RateLimit-Policy": f'"{budget.name}";q={budget.quota};qu="{budget.unit}";w={_WINDOW_SECONDS}',
            "RateLimit": f'"{budget.name}";r={remaining};t={math.ceil(self.full_in)}',
        }

    def check(self) -> None:
        """Raises a 429 problem when the budget did not have what was asked of it."""
        if self.taken:
            return
        budget = self.budget
        wait = max(1, math.ceil(self.full_in + budget.seconds(self.cost) - _WINDOW_SECONDS))
        what = "requests" if budget.unit == "requests" else "bytes of uploads"
        raise ProblemError(
            Category.RATE_LIMITED,
            title="Too much in too short a time",
            detail=f"You may make use of {budget.quota} {what} a minute; that is used up for {wait} s.",
            user_message=f"Please wait {wait} seconds and go on.",
            recovery=[f"Wait {wait} s, as Retry-After says, and send the same again.", "Ask less often."],
            technical_details={"budget": budget.name, "quota": budget.quota, "window_seconds": _WINDOW_SECONDS},
            retryable=True,
            headers={"Retry-After": str(wait)},
        )


class FairUse:
    """The budgets of every user: control requests, and the bytes of chunks and tus. Every API key has its own."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self.requests = Budget("requests", settings.requests_per_minute, "requests")
        self.key_requests = Budget("key-requests", settings.key_requests_per_minute, "requests")
        self.upload_bytes = Budget("upload-bytes", settings.upload_bytes_per_minute, "content-bytes")

    async def ask(self, user_id: UUID) -> Standing:
        """Take one request."""
        return await self._take(user_id, self.requests, 1)

    async def ask_by_key(self, key_id: UUID) -> Standing:
        """Take one request from an API key's own budget."""
        return await self._take(key_id, self.key_requests, 1)

    async def send(self, user_id: UUID, size: int) -> Standing:
        """Take a request's bytes; a small one counts as 64 KiB, the smallest usual chunk."""
        return await self._take(user_id, self.upload_bytes, max(size, _SMALLEST_SENDING))

    async def _take(self, owner: UUID, budget: Budget, cost: int) -> Standing:
        row = await self._database.call(_TAKE, owner, budget.name, budget.seconds(cost), float(_WINDOW_SECONDS))
        return Standing(budget, cost, row["taken"], row["full_in"])


def remember(scope: Scope, standing: Standing) -> None:
    """Have the answer to this request say where its user stands."""
    scope.setdefault("state", {})[_STANDING] = standing


class TellStanding:
    """Adds the headers to whatever the answer is; plain ASGI, so bodies stream through untouched."""

    def __init__(self, application: ASGIApp) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one connection through."""

        async def telling_send(message: Message) -> None:
            standing: Standing | None = scope.get("state", {}).get(_STANDING)
            if message["type"] == "http.response.start" and standing is not None:
                added = [(name.lower().encode(), value.encode()) for name, value in standing.headers.items()]
                message.setdefault("headers", []).extend(added)
            await send(message)

        await self._application(scope, receive, telling_send)
