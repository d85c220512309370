"""The envelope of every message: a CloudEvents 1.0 JSON object in structured mode.

Source: https://github.com/cloudevents/spec, version 1.0.2, with the extension attributes of contracts section 3.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID, uuid4

import orjson
from pydantic import BaseModel, ConfigDict, Field

CONTENT_TYPE = "application/cloudevents+json"
TYPE_PREFIX = "io.foretide."


class Envelope(BaseModel):
    """One message on the bus. ``data`` is validated against the catalogue's model by whoever handles it.

    ``subject`` is the session's id, ``sequence`` the event's place in that session (absent on commands and
    progress), ``userid`` the owner; ``traceparent`` continues the trace of the request that began it all.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    specversion: Literal["1.0"] = "1.0"
    id: UUID = Field(default_factory=uuid4)
    source: str
    type: str
    subject: str
    time: datetime = Field(default_factory=lambda: datetime.now(UTC))
    datacontenttype: Literal["application/json"] = "application/json"
    sequence: str | None = None
    userid: str | None = None
    traceparent: str | None = None
    data: dict[str, Any]

    def to_bytes(self) -> bytes:
        """The JSON text that travels; absent attributes are left out, as CloudEvents asks."""
        return orjson.dumps(self.model_dump(mode="json", exclude_none=True))

    @property
    def name(self) -> str:
        """The catalogue's name (``file.uploaded``): the type without prefix and version."""
        return routing_key(self.type)

    @property
    def sequence_number(self) -> int | None:
        """The place in the session's sequence, counted from 1, or None where there is none."""
        return int(self.sequence) if self.sequence is not None else None


def decode(body: bytes) -> Envelope:
    """Read a message's body. Raises ``ValueError`` (pydantic's subclass of it) if it is no such envelope."""
    return Envelope.model_validate_json(body)


def event_type(name: str, version: int = 1) -> str:
    """``file.uploaded`` -> ``io.foretide.file.uploaded.v1``."""
    return f"{TYPE_PREFIX}{name}.v{version}"


def routing_key(type_: str) -> str:
    """``io.foretide.file.uploaded.v1`` -> ``file.uploaded``. Raises ``ValueError`` for a foreign type."""
    prefix, dot_version = type_.removeprefix(TYPE_PREFIX).rpartition(".v")[::2]
    if not type_.startswith(TYPE_PREFIX) or not prefix or not dot_version.isdigit():
        raise ValueError(f"{type_!r} is not a Foretide message type (expected {TYPE_PREFIX}<name>.v<number>)")
    return prefix
