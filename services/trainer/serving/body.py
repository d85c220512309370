"""The body of a request for a forecast, bounded as it is read."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import Request

from services.trainer.forecasting.question import ForecastQuestion
from shared.problems import Category, ProblemError

_SECONDS = 60


def _question_schema() -> dict[str, Any]:
    """Without references, which would lead nowhere in a document that FastAPI makes of other routes."""
    schema = ForecastQuestion.model_json_schema()
    given = schema.pop("$defs")["GivenSeries"]
    schema["properties"]["series"]["anyOf"][0]["additionalProperties"] = given
    return schema


REQUEST_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": _question_schema()},
            "text/csv": {"schema": {"type": "string", "description": "A header, a column of times, one per input."}},
        },
    }
}
"""For the route's OpenAPI, since FastAPI does not see the body."""


async def read_body(request: Request, most_bytes: int) -> bytes:
    """All of it. Raises a 413 problem for more than ``most_bytes``, a 408 for one that does not come."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > most_bytes:
        raise _too_large(most_bytes)
    blocks, size = [], 0
    try:
        async with asyncio.timeout(_SECONDS):
            async for block in request.stream():
                size += len(block)
                if size > most_bytes:
                    raise _too_large(most_bytes)
                blocks.append(block)
    except TimeoutError as error:
        raise ProblemError(
            Category.DATA_VALIDATION,
            title="The rows did not come",
            detail=f"After {_SECONDS} s the body was not whole.",
            recovery=["Send the rows again."],
            status=408,
        ) from error
    return b"".join(blocks)


def _too_large(most_bytes: int) -> ProblemError:
    return ProblemError(
        Category.DATA_VALIDATION,
        title="Too many rows were sent",
        detail=f"The body is larger than the {most_bytes} bytes that are taken.",
        recovery=["Send the newest rows alone: a window's length of each series is enough."],
        status=413,
    )
