"""The HTTP twins of the socket's commands, asked of the trainer with the client's own token.

So a command means the same over both: one place authorises, validates, counts and remembers it. The bus's
``training.start`` could not: it answers nobody, and what it refuses is known only later.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx

from services.notifier.connections import Connection
from shared.problems import PROBLEM_CONTENT_TYPE, Category, Problem, ProblemError
from shared.telemetry.trace import current_traceparent

_ANSWER_SECONDS = 30.0
_PAUSES_SECONDS = (0.2, 0.5, 1.0, 2.0, 4.0)
"""Waits for a trainer that is being restarted."""


class Twin:
    """The trainer's API; open between ``start`` and ``stop``."""

    def __init__(self, url: str | None) -> None:
        self._url = url
        self._client: httpx.AsyncClient | None = None

    async def start(self) -> None:
        """Begin."""
        if self._url is not None:
            self._client = httpx.AsyncClient(base_url=self._url, timeout=_ANSWER_SECONDS, trust_env=False)

    async def stop(self) -> None:
        """End."""
        if self._client is not None:
            await self._client.aclose()

    async def post(
        self, connection: Connection, path: str, session_id: str, *, key: str | None, body: dict[str, Any]
    ) -> dict[str, Any]:
        """What ``POST path/session_id`` answers to this client. Raises the problem that it answers.

        ``key`` is the Idempotency-Key; a request without one gets its own, as it may have to be repeated.
        """
        if self._client is None:
            raise ProblemError(
                Category.INTERNAL,
                title="This server takes no commands over the socket",
                detail="FORETIDE_TRAINER_URL is not set, so the notifier does not know the trainer.",
                user_message="This cannot be started here at the moment.",
                recovery=[f"Use POST {path}/{session_id} instead.", "Set FORETIDE_TRAINER_URL for the notifier."],
                status=503,
            )
        content = _encoded(body)
        headers = {
            "Content-Type": "application/json",
            "Authorization": f"Bearer {connection.token}",
            "Idempotency-Key": key or str(uuid4()),
            "traceparent": current_traceparent() or "",
        }
        for pause in (*_PAUSES_SECONDS, None):
            try:
                answer = await self._client.post(
                    f"{path}/{quote(session_id, safe='')}", content=content, headers=headers
                )
            except httpx.TransportError as error:
                if pause is None or isinstance(error, httpx.TimeoutException):
                    raise _unreachable() from error
                await asyncio.sleep(pause)
            else:
                return _content(answer)
        raise AssertionError("the last attempt returns or raises")


def _encoded(body: dict[str, Any]) -> bytes:
    """As JSON. Raises a problem for what a socket carries and JSON does not: bytes, NaN, halves of characters."""
    try:
        return json.dumps(body, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, TypeError, RecursionError) as error:
        raise ProblemError(
            Category.DATA_VALIDATION,
            title="The request is not as expected",
            detail=f"It cannot be written as JSON: {str(error)[:200]}",
            recovery=["Send numbers, texts, lists and objects; null where there is no value."],
        ) from error


def _content(answer: httpx.Response) -> dict[str, Any]:
    if answer.is_success:
        content: dict[str, Any] = answer.json()
        return content
    if answer.headers.get("content-type", "").startswith(PROBLEM_CONTENT_TYPE):
        raise ProblemError.of(Problem.model_validate_json(answer.content))
    raise _unreachable()


def _unreachable() -> ProblemError:
    return ProblemError(
        Category.INTERNAL,
        title="The trainer service cannot be reached",
        detail="The trainer gave no answer; the request may have been done.",
        user_message="A part of Foretide is not running at the moment. Nothing was lost.",
        recovery=["See with get_status whether it was done.", "Send it again with the same idempotency_key."],
        technical_details={"service": "trainer"},
        status=503,
        retryable=True,
    )
