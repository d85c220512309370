"""From events on the bus to messages on the socket (contracts section 2): pure mapping, one room name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from services.notifier.small import small
from shared.events.envelope import Envelope
from shared.telemetry.logs import logger

log = logger(__name__)

Data = Mapping[str, Any]

PHASES = ("upload", "analysis", "windowing", "scaling", "training", "evaluation", "storing")


@dataclass(frozen=True, slots=True)
class SocketMessage:
    """What is emitted to a session's room."""

    event: str
    data: dict[str, Any]


def room_of(session_id: str) -> str:
    """The one place that names a session's room."""
    return f"session:{session_id}"


def room_of_upload(user_id: str, upload_id: str) -> str:
    """The room of an upload that is no session's yet: a client's own name for it is unique among its user's."""
    return f"upload:{user_id}:{upload_id}"


def room_of_message(envelope: Envelope) -> str:
    """The room that a message is for."""
    if envelope.name in _OF_UPLOADS:
        return room_of_upload(envelope.userid or "", envelope.subject)
    return room_of(envelope.subject)


def is_progress(envelope: Envelope) -> bool:
    """Whether it only tells how far something is."""
    return envelope.name in ("progress", "upload.progress")


def is_told(envelope: Envelope) -> bool:
    """Whether this version has a message for such progress: a newer worker may have phases of its own."""
    return envelope.data["phase"] in _PROGRESS


def _phase(phase: str) -> dict[str, Any]:
    return {"phase": phase, "phases": list(PHASES), "index": PHASES.index(phase)}


def _problem(data: Data) -> dict[str, Any]:
    context = {name: data[name] for name in ("run_id", "job_id", "model", "target") if data.get(name) is not None}
    return {"problem": data["problem"], **context}


def _plots(data: Data) -> list[str]:
    return [plot["key"].rpartition("/")[2].removesuffix(".png") for plot in data["violin_plots"]]


_EVENTS: dict[str, tuple[str, Callable[[Data], dict[str, Any]]]] = {
    "session.created": ("phase_update", lambda d: {**_phase("upload"), "name": d["name"]}),
    "file.uploaded": (
        "file_uploaded",
        lambda d: {n: d.get(n) for n in ("file_id", "file_name", "file_type", "rows", "columns", "step_minutes")},
    ),
    "file.rejected": (
        "error",
        lambda d: {"upload_id": d["upload_id"], "file_name": d["file_name"], **_problem(d)},
    ),
    "datasets.generated": (
        "dataset_generation_complete",
        lambda d: {
            "dataset_count": d["dataset_count"],
            "violin_plots": _plots(d),
            **{n: d[n] for n in ("dataset_id", "windows", "train", "validation", "test", "dropped")},
        },
    ),
    "datasets.failed": ("error", _problem),
    "training.started": (
        "phase_update",
        lambda d: {**_phase("training"), "run_id": d["run_id"], "jobs": d["jobs"]},
    ),
    "model.trained": (
        "model_complete",
        lambda d: {n: d[n] for n in ("job_id", "model", "target", "metrics", "duration_seconds")},
    ),
    "model.failed": ("error", _problem),
    "training.cancelled": ("training_cancelled", lambda d: {"run_id": d.get("run_id")}),
    "results.stored": (
        "results_stored",
        lambda d: {n: d[n] for n in ("job_id", "result_id", "model", "target", "metrics", "file_size_bytes")},
    ),
    "training.completed": (
        "training_complete",
        lambda d: {
            "run_id": d["run_id"],
            "evaluation_metrics": d["evaluation_metrics"],
            "best_model": d["best_model"],
            "visualizations": f"/api/training/visualizations/{d['session_id']}",
        },
    ),
    "training.failed": ("error", _problem),
    "forecast.completed": (
        "forecast_complete",
        lambda d: {
            "job_id": d["forecast_job_id"],
            "model": d["model"],
            "metrics": d["metrics"],
            "files": sorted(d["outputs"]),
        },
    ),
    "forecast.failed": ("error", _problem),
    "results.deleted": ("results_deleted", lambda d: {"results": d["results"], "objects": d["objects"]}),
    "session.deleted": ("session_deleted", lambda d: {}),
    "session.purged": ("session_purged", lambda d: {}),
}

_OF_UPLOADS = ("upload.progress", "file.rejected")
_CONTEXT = ("job_id", "upload_id", "model", "target")

_PROGRESS = {
    "upload": "upload_progress",
    "analysis": "upload_progress",
    "windowing": "dataset_generation_progress",
    "scaling": "dataset_generation_progress",
    "datasets": "dataset_generation_progress",
    "training": "training_progress",
    "evaluation": "training_progress",
    "storing": "training_progress",
}


def event_message(envelope: Envelope) -> SocketMessage:
    """The message of an event.

    One that a newer service has, or that has not what this version tells of it, is told by its name alone: no number
    is missing, and nothing after it is held up.
    """
    common = _common(envelope)
    event, content = _content(envelope)
    details = f"/api/training/events/{envelope.subject}?after={(envelope.sequence_number or 1) - 1}&limit=1"
    return SocketMessage(event, small({**common, **content}, set(common), details))


def _content(envelope: Envelope) -> tuple[str, dict[str, Any]]:
    if envelope.name in _EVENTS:
        event, content = _EVENTS[envelope.name]
        try:
            return event, content(envelope.data)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            log.warning("event told by its name", name=envelope.name, event_id=str(envelope.id), error=repr(error))
    return "event", {"name": envelope.name}


def phase_message(envelope: Envelope) -> SocketMessage:
    """The phase that progress is the first of: of one job where it names one."""
    context = {name: envelope.data[name] for name in _CONTEXT if envelope.data.get(name)}
    # "datasets" is an older worker's word for both of its phases.
    phase = "windowing" if envelope.data["phase"] == "datasets" else envelope.data["phase"]
    return SocketMessage("phase_update", {**_common(envelope), **_phase(phase), **context})


def progress_message(envelope: Envelope) -> SocketMessage:
    """The message of transient progress; its ``sequence`` is null, as it takes no number."""
    if envelope.name in _OF_UPLOADS:
        return SocketMessage("upload_progress", {**_common(envelope), **envelope.data})
    data = {name: value for name, value in envelope.data.items() if name != "session_id"}
    # A dataset is stored, too, and names no model.
    stores_dataset = data["phase"] == "storing" and data.get("model") is None
    event = _PROGRESS["windowing" if stores_dataset else data["phase"]]
    return SocketMessage(event, {**_common(envelope), **data})


def _common(envelope: Envelope) -> dict[str, Any]:
    return {
        "session_id": None if envelope.name in _OF_UPLOADS else envelope.subject,
        "sequence": envelope.sequence_number,
        "time": envelope.time.isoformat(),
    }
