"""``Idempotency-Key``: the same request sent twice starts its work once and gets the same answer twice."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar
from uuid import UUID

from fastapi import Header, Request
from pydantic import BaseModel

from shared.database.pool import Transaction
from shared.problems import Category, ProblemError

Answer = TypeVar("Answer", bound=BaseModel)

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="Repeat safely: one key, one effect.",
    ),
]


async def request_fingerprint(request: Request) -> str:
    """What makes two requests the same: method, path, query and body."""
    digest = hashlib.sha256(
        f"{request.method} {request.url.path}?{request.url.query}\n".encode() + await request.body()
    )
    return digest.hexdigest()


async def once(
    transaction: Transaction,
    user_id: UUID,
    key: str | None,
    fingerprint: str,
    answer_type: type[Answer],
    work: Callable[[], Awaitable[Answer]],
) -> Answer:
    """Run ``work`` in this transaction unless this user's key has been used; then give that answer again.

    Two at the same instant: the second waits for the first one's commit. Raises a 422 problem when the key comes
    with another request. Runs as the service.
    """
    if key is None:
        return await work()
    is_new = await transaction.fetch_value(
        """insert into public.idempotency_keys (user_id, key, request) values ($1, $2, $3)
           on conflict do nothing returning true""",
        user_id,
        key,
        fingerprint,
    )
    if is_new:
        answer = await work()
        await transaction.execute(
            "update public.idempotency_keys set answer = $3 where user_id = $1 and key = $2",
            user_id,
            key,
            answer.model_dump(mode="json"),
        )
        return answer
    row = await transaction.fetch_row(
        "select request, answer from public.idempotency_keys where user_id = $1 and key = $2", user_id, key
    )
    if row is None or row["request"] != fingerprint:
        raise ProblemError(
            Category.DATA_VALIDATION,
            title="This Idempotency-Key belongs to another request",
            detail="The key was used before with a different path or body.",
            recovery=["Make a new key for each new request."],
        )
    return answer_type.model_validate(row["answer"])
