"""What the dataset service answers over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from shared.web.documents import Document


class GenerationAccepted(Document):
    """The work is queued; progress and the end come as events."""

    status: Literal["processing"] = "processing"
    run_id: UUID


class DatasetDocument(Document):
    """One dataset: what was counted, what was dropped and why, features, splits, scalers."""

    dataset_id: UUID
    status: str
    progress: float
    created_at: datetime
    ended_at: datetime | None
    total_examples: int | None
    file_size_bytes: int | None
    manifest: dict[str, Any] | None
    problem: dict[str, Any] | None
