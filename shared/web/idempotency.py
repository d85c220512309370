"""``Idempotency-Key``: the same request sent twice starts its work once and gets the same answer twice.

As draft-ietf-httpapi-idempotency-key-header-07 asks: another request under the same key is refused (422), and so is
one that comes while the first is still at work (409). Keys belong to their user and are kept for a day.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, TypeVar
from uuid import UUID

from fastapi import Depends, Header, Request
from pydantic import BaseModel

from shared.database.pool import Record, Transaction
from shared.problems import Category, ProblemError
from shared.web.authentication import VerifiedCaller

Answer = TypeVar("Answer", bound=BaseModel)

# The lock ends with the transaction, however that ends, and a second request does not wait for it.
_BEGIN = """
with lock as materialized (select pg_try_advisory_xact_lock(hashtextextended($1::uuid::text || ' ' || $2, 0)) as ours),
begun as (
    insert into public.idempotency_keys as kept (user_id, key, request) select $1, $2, $3 from lock where ours
    on conflict (user_id, key) do update set request = excluded.request, answer = null, created_at = now()
        where kept.created_at < now() - interval '24 hours'
    returning true)
select lock.ours, exists (select from begun) as begun, kept.request, kept.answer
from lock left join public.idempotency_keys kept on kept.user_id = $1 and kept.key = $2
"""

_GIVEN = """
select request, answer from public.idempotency_keys
where user_id = $1 and key = $2 and answer is not null and created_at >= now() - interval '24 hours'
"""


@dataclass(frozen=True, slots=True)
class Once:
    """One request and its key, if it has one."""

    user_id: UUID
    key: str | None
    fingerprint: str

    async def given(self, transaction: Transaction, answer_type: type[Answer]) -> Answer | None:
        """The answer that this key got before, if any: for what looks at things that may be gone by now.

        Raises a 422 problem when the key comes with another request. Runs as the service.
        """
        if self.key is None:
            return None
        row = await transaction.fetch_row(_GIVEN, self.user_id, self.key)
        return self._same(row, answer_type) if row is not None else None

    async def answer(
        self, transaction: Transaction, answer_type: type[Answer], work: Callable[[], Awaitable[Answer]]
    ) -> Answer:
        """Do ``work`` in this transaction, or give the answer that this user's key got before.

        Work that fails leaves nothing, the key neither. Raises a 422 problem when the key comes with another request,
        and a 409 when the first one is still at work. Runs as the service.
        """
        if self.key is None:
            return await work()
        row = await transaction.fetch_row(_BEGIN, self.user_id, self.key, self.fingerprint)
        assert row is not None
        if row["begun"]:
            answer = await work()
            await transaction.execute(
                "update public.idempotency_keys set answer = $3 where user_id = $1 and key = $2",
                self.user_id,
                self.key,
                answer.model_dump(mode="json"),
            )
            return answer
        # Without an answer: committed in the instant between the look and the lock.
        if not row["ours"] or row["answer"] is None:
            raise _at_work(self.key)
        return self._same(row, answer_type)

    def _same(self, row: Record, answer_type: type[Answer]) -> Answer:
        if row["request"] != self.fingerprint:
            raise _other_request(self.key)
        return answer_type.model_validate(row["answer"])


@dataclass(frozen=True, slots=True)
class OnceReceived:
    """One request whose body is a stream, and its key, if it has one: what it asks for shows when all has come."""

    user_id: UUID
    key: str | None
    request_line: str

    def of(self, body: bytes) -> Once:
        """The request with this body, or with this digest of a large one."""
        digest = hashlib.sha256(f"{self.request_line}\n".encode())
        digest.update(body)
        return Once(self.user_id, self.key, digest.hexdigest())


async def _once_received(
    request: Request,
    caller: VerifiedCaller,
    key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            min_length=1,
            max_length=255,
            pattern=r"^[\x20-\x7e]+$",
            description="Repeat safely: the same request under one key is done once, and answered alike for a day.",
        ),
    ] = None,
) -> OnceReceived:
    return OnceReceived(caller.user_id, key, f"{request.method} {request.url.path}?{request.url.query}")


OnceStreamed = Annotated[OnceReceived, Depends(_once_received)]
"""For a POST that streams its body: the route itself says what of it makes two requests the same."""


async def _once(request: Request, received: OnceStreamed) -> Once:
    return received.of(await request.body())


OnceOnly = Annotated[Once, Depends(_once)]
"""For every POST that creates or starts something from a JSON body: what makes two requests the same is method, path,
query and body."""


def _at_work(key: str) -> ProblemError:
    return ProblemError(
        Category.CONFLICT,
        title="The same request is being worked on",
        detail=f"A request with the Idempotency-Key {key!r} is under way.",
        recovery=["Send it again in a moment: it gets the first one's answer."],
        retryable=True,
        headers={"Retry-After": "1"},
    )


def _other_request(key: str | None) -> ProblemError:
    return ProblemError(
        Category.DATA_VALIDATION,
        title="This Idempotency-Key belongs to another request",
        detail=f"The key {key!r} was used before with a different path or body.",
        recovery=["Make a new key for each new request."],
    )
