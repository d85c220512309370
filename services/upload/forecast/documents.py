"""What the intake of forecast jobs answers over HTTP."""

from __future__ import annotations

from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from services.upload.choices.choice import Choice
from shared.web.documents import Document


class ForecastUploaded(Document):
    """The job waits to be started; its parts are as the file's analysis has them."""

    job_id: UUID
    status: Literal["pending"] = "pending"
    file_name: str
    rows: int
    columns: list[dict[str, Any]]
    time_candidates: list[dict[str, Any]] = Field(description="Best first; the first one is taken.")
    ambiguities: list[dict[str, Any]] = Field(description="What could be read in another way, and the choice made.")
    preview: list[list[str]]


class ForecastStarted(Document):
    """The session of this id makes the forecast; its events and results are there for it as for any other."""

    job_id: UUID
    status: Literal["processing"] = "processing"
    session_id: str
    choices: list[Choice] = Field(description="Everything that was chosen, and why; each can be asked for by its name.")
