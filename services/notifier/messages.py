"""From events on the bus to messages on the socket (contracts section 2): pure mapping, one room name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from shared.events.envelope import Envelope

Data = Mapping[str, Any]

PHASES = ("upload", "analysis", "datasets", "training", "evaluation", "storing")


@dataclass(frozen=True, slots=True)
class SocketMessage:
    """What is emitted to a session's room."""

    event: str
    data: dict[str, Any]


def room_of(session_id: str) -> str:
    """The one place that names a session's room."""
    return f"session:{session_id}"


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

_PROGRESS = {
    "upload": "upload_progress",
    "analysis": "upload_progress",
    "datasets": "dataset_generation_progress",
    "training": "training_progress",
    "evaluation": "training_progress",
    "storing": "training_progress",
}


def event_message(envelope: Envelope) -> SocketMessage:
    """The message of an event of a session. Raises ``KeyError`` for one that has none: a test covers them all."""
    event, content = _EVENTS[envelope.name]
    return SocketMessage(event, {**_common(envelope), **content(envelope.data)})


def progress_message(envelope: Envelope) -> SocketMessage:
    """The message of transient progress; its ``sequence`` is null, as it takes no number."""
    data = {name: value for name, value in envelope.data.items() if name != "session_id"}
    return SocketMessage(_PROGRESS[envelope.data["phase"]], {**_common(envelope), **data})


def _common(envelope: Envelope) -> dict[str, Any]:
    return {
        "session_id": envelope.subject,
        "sequence": envelope.sequence_number,
        "time": envelope.time.isoformat(),
    }
