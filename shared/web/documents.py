"""The shape of JSON over HTTP: camelCase names, paged lists."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from shared.problems import Category, ProblemError

Item = TypeVar("Item")


class Document(BaseModel):
    """Base of requests and answers: snake_case in Python, camelCase on the wire (either is accepted)."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True)


class Page(Document, Generic[Item]):
    """One page of a list; ``nextCursor`` is null on the last one."""

    items: list[Item]
    next_cursor: str | None


def encode_cursor(list_name: str, value: datetime | str, identifier: str) -> str:
    """Where the next page of a list begins: after this entry. Opaque to clients."""
    text = value.isoformat() if isinstance(value, datetime) else value
    return base64.urlsafe_b64encode(json.dumps([list_name, text, identifier]).encode()).decode()


def decode_cursor(cursor: str, list_name: str, kind: type[datetime] | type[str]) -> tuple[datetime | str, str]:
    """The entry's value and id. Raises a problem for anything that :func:`encode_cursor` did not make of this list."""
    try:
        name, text, identifier = json.loads(base64.b64decode(cursor.encode(), altchars=b"-_", validate=True))
        if name != list_name or not (_is_text(text) and _is_text(identifier)):
            raise ValueError("a cursor of something else")
        value = datetime.fromisoformat(text) if kind is datetime else text
        if isinstance(value, datetime) and value.tzinfo != UTC:
            raise ValueError("a time that none of our rows has")
    except (ValueError, TypeError, RecursionError) as error:
        raise ProblemError(
            Category.DATA_VALIDATION,
            title="The cursor is not valid",
            detail="A cursor is taken unchanged from the nextCursor of the page before, of a list in the same order.",
            recovery=["Start again without a cursor."],
        ) from error
    return value, identifier


def _is_text(value: object) -> bool:
    """Whether the database can take it: no NUL, no half of a character."""
    return isinstance(value, str) and value == value.replace("\0", "").encode(errors="ignore").decode()
