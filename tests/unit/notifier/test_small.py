"""F81: sockets carry small messages; what is large is read over HTTP."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import orjson

from services.notifier.messages import event_message
from services.notifier.small import LARGEST_BYTES
from services.notifier.snapshot import shown
from shared.events.envelope import Envelope, event_type
from shared.problems import Category, ProblemError


def message(name: str, **data: Any) -> dict[str, Any]:
    envelope = Envelope(source="/t", type=event_type(name), subject="s", sequence="7", data={"session_id": "s", **data})
    made = event_message(envelope).data
    assert len(orjson.dumps(made)) < LARGEST_BYTES + 1024
    assert (made["session_id"], made["sequence"]) == ("s", 7)
    return made


def completed(models: int, targets: int) -> dict[str, Any]:
    metrics = {"rmse": 1.25, "mae": 0.5, "mape": None, "r2": 0.75}
    entries = [
        {"model": f"Dense {m}", "target": f"t{t}", "job_id": str(uuid4()), **metrics}
        for m in range(models)
        for t in range(targets)
    ]
    return message("training.completed", run_id=str(uuid4()), evaluation_metrics=entries, best_model=entries[0])


def test_f81_the_metrics_of_a_few_models_are_all_there() -> None:
    data = completed(5, 2)
    assert len(data["evaluation_metrics"]) == 10
    assert "omitted" not in data


def test_f81_of_very_many_the_first_are_there_and_where_the_others_are_is_said() -> None:
    data = completed(50, 50)
    assert len(data["evaluation_metrics"]) == 50
    assert data["best_model"]["model"] == "Dense 0"
    assert data["omitted"] == ["evaluation_metrics"]
    assert data["details"] == "/api/training/events/s?after=6&limit=1"


def test_f81_a_file_of_ten_thousand_columns_with_long_names() -> None:
    columns = [f"{number} " + "x" * 3000 for number in range(10_000)]
    file = {"file_id": str(uuid4()), "file_name": "a.csv", "file_type": "input", "rows": 1, "step_minutes": 1.0}
    data = message("file.uploaded", columns=columns, **file)
    assert data["file_name"] == "a.csv"
    assert data["omitted"] == ["columns"]


def test_f81_a_problem_with_endless_details_still_says_what_is_wrong() -> None:
    details = {f"number {number}": [1.0] * 1000 for number in range(30)}
    problem = ProblemError(Category.INTERNAL, title="t", detail="d" * 5000, technical_details=details).problem
    data = message("datasets.failed", dataset_id=str(uuid4()), problem=problem.model_dump(mode="json"))
    assert data["problem"]["title"] == "t"
    assert data["problem"]["detail"].startswith("ddd")
    assert data["omitted"] == ["problem"]


def test_f81_a_snapshot_of_very_many_jobs_says_where_the_others_are() -> None:
    job = {"job_id": str(uuid4()), "model": "Dense", "detail": {"loss": 0.1}, "metrics": {"rmse": 1.0}}
    few = {"session_id": "s", "phase": "training", "sequence": 3, "jobs": [job] * 300}
    assert shown(few) == few
    many = shown({**few, "jobs": [job] * 5000})
    assert len(many["jobs"]) == 50
    assert (many["omitted"], many["details"], many["sequence"]) == (["jobs"], "/api/training/status/s", 3)
