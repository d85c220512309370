"""The shape of JSON over HTTP: camelCase names, paged lists."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from shared.problems import Category, ProblemError

Item = TypeVar("Item")


class Document(BaseModel):
    """Base of requests and answers: snake_case in Python, camelCase on the wire (either is accepted)."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)


class Page(Document, Generic[Item]):
    """One page of a list, newest first; ``nextCursor`` is null on the last one."""

    items: list[Item]
    next_cursor: str | None


def encode_cursor(created_at: datetime, identifier: str) -> str:
    """Where the next page begins: opaque to clients."""
    return base64.urlsafe_b64encode(f"{created_at.isoformat()}|{identifier}".encode()).decode()


def decode_cursor(cursor: str) -> tuple[datetime, str]:
    """Raises a problem for anything that :func:`encode_cursor` did not make."""
    try:
        text = base64.urlsafe_b64decode(cursor.encode()).decode()
        created_at, _, identifier = text.partition("|")
        return datetime.fromisoformat(created_at), identifier
    except (ValueError, binascii.Error, UnicodeError) as error:
        raise ProblemError(
            Category.DATA_VALIDATION,
            title="The cursor is not valid",
            detail="A cursor is taken unchanged from the nextCursor of the page before.",
            recovery=["Start again without a cursor."],
        ) from error
