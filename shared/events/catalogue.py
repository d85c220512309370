"""The contract: every message's name, model, sender and meaning (contracts section 3)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from shared.events import payloads as p


class Kind(StrEnum):
    """What a message is, which is also where it is published."""

    EVENT = "event"
    COMMAND = "command"
    PROGRESS = "progress"


@dataclass(frozen=True, slots=True)
class MessageDefinition:
    """One kind of message. ``owner`` publishes an event and carries out a command.

    ``numbered``: it takes the next number of its session (all events but those of
    files without a session, and the one that says that a session is no more).
    ``subject``: which of the payload's fields is the envelope's subject.
    """

    name: str
    kind: Kind
    owner: str
    payload: type[p.Payload]
    version: int = 1
    numbered: bool = False
    subject: str = "session_id"

    @property
    def summary(self) -> str:
        """The payload's docstring: what the message says."""
        return (self.payload.__doc__ or "").strip()


_EVENT, _COMMAND, _PROGRESS = Kind.EVENT, Kind.COMMAND, Kind.PROGRESS

CATALOGUE: dict[str, MessageDefinition] = {
    definition.name: definition
    for definition in (
        MessageDefinition("session.created", _EVENT, "upload", p.SessionCreated, numbered=True),
        MessageDefinition("file.uploaded", _EVENT, "upload", p.FileUploaded, numbered=True),
        MessageDefinition("file.rejected", _EVENT, "upload", p.FileRejected, subject="upload_id"),
        MessageDefinition("session.deleted", _EVENT, "upload", p.SessionDeleted, numbered=True),
        MessageDefinition("session.purged", _EVENT, "upload", p.SessionPurged),
        MessageDefinition("datasets.generated", _EVENT, "dataset", p.DatasetsGenerated, numbered=True),
        MessageDefinition("datasets.failed", _EVENT, "dataset", p.DatasetsFailed, numbered=True),
        MessageDefinition("training.started", _EVENT, "trainer", p.TrainingStarted, numbered=True),
        MessageDefinition("model.trained", _EVENT, "trainer", p.ModelTrained, numbered=True),
        MessageDefinition("model.failed", _EVENT, "trainer", p.ModelFailed, numbered=True),
        MessageDefinition("training.cancelled", _EVENT, "trainer", p.TrainingCancelled, numbered=True),
        MessageDefinition("results.stored", _EVENT, "results", p.ResultsStored, numbered=True),
        MessageDefinition("training.completed", _EVENT, "results", p.TrainingCompleted, numbered=True),
        MessageDefinition("training.failed", _EVENT, "results", p.TrainingFailed, numbered=True),
        MessageDefinition("forecast.completed", _EVENT, "trainer", p.ForecastCompleted, numbered=True),
        MessageDefinition("forecast.failed", _EVENT, "trainer", p.ForecastFailed, numbered=True),
        MessageDefinition("results.deleted", _EVENT, "results", p.ResultsDeleted, numbered=True),
        MessageDefinition("dataset.generate", _COMMAND, "dataset", p.DatasetGenerate),
        MessageDefinition("training.start", _COMMAND, "trainer", p.TrainingStart),
        MessageDefinition("training.cancel", _COMMAND, "trainer", p.TrainingCancel),
        MessageDefinition("model.train", _COMMAND, "trainer", p.ModelTrain),
        MessageDefinition("session.delete", _COMMAND, "upload", p.SessionDelete),
        MessageDefinition("progress", _PROGRESS, "any", p.Progress),
        MessageDefinition("upload.progress", _PROGRESS, "upload", p.UploadProgress, subject="upload_id"),
    )
}


def definition_of(payload: p.Payload) -> MessageDefinition:
    """The definition whose model this payload is. Raises ``KeyError`` for a model outside the catalogue."""
    for definition in CATALOGUE.values():
        if definition.payload is type(payload):
            return definition
    raise KeyError(f"{type(payload).__name__} is in no message definition")
