"""A session's states and the edges between them."""

from __future__ import annotations

from enum import StrEnum


class SessionStatus(StrEnum):
    """Where a session stands."""

    CREATED = "created"
    UPLOADING = "uploading"
    UPLOADED = "uploaded"
    CONFIGURED = "configured"
    GENERATING = "generating"
    GENERATED = "generated"
    TRAINING = "training"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    DELETING = "deleting"


_S = SessionStatus
_AT_REST = frozenset({_S.UPLOADED, _S.CONFIGURED, _S.GENERATED, _S.COMPLETED, _S.FAILED, _S.CANCELLED})

ALLOWED_FROM: dict[SessionStatus, frozenset[SessionStatus]] = {
    _S.UPLOADING: frozenset({_S.CREATED}),
    _S.UPLOADED: frozenset({_S.CREATED, _S.UPLOADING}),
    _S.CONFIGURED: _AT_REST,
    _S.GENERATING: _AT_REST,
    _S.GENERATED: frozenset({_S.GENERATING}),
    _S.TRAINING: frozenset({_S.GENERATED, _S.COMPLETED, _S.FAILED, _S.CANCELLED}),
    _S.COMPLETED: frozenset({_S.TRAINING}),
    _S.FAILED: frozenset({_S.GENERATING, _S.GENERATED, _S.TRAINING}),
    _S.CANCELLED: frozenset({_S.GENERATING, _S.TRAINING}),
    _S.DELETING: frozenset(SessionStatus) - {_S.DELETING},
}
"""For each state, those it may be entered from. After a failure or a cancellation a session is usable again."""
