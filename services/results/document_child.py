"""The child process that writes one model's results document and plots (see ``shared.runtime.child``)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import orjson

from services.results.document import document_arrays, document_head, write_document
from services.results.plots import loss_curve, predictions
from shared.runtime.child import Report, serve
from shared.series.artifact import read_dataset


def write(specification: dict[str, Any], _: Report) -> dict[str, Any]:
    """From the trainer's artifacts in ``folder``: ``document.json.gz``, ``loss_curve.png``, ``predictions.png``."""
    folder, event = Path(specification["folder"]), specification["event"]
    dataset = read_dataset(folder / "dataset.npz", _read(folder / "manifest.json"))
    with np.load(folder / "forecasts.npz", allow_pickle=False) as stored:
        forecasts = {name: stored[name] for name in stored.files}
    evaluation = _read(folder / "evaluation.json")
    target = dataset.manifest["target_features"].index(event["target"])
    head = document_head(event, _read(folder / "model_card.json"), evaluation, dataset)
    write_document(folder / "document.json.gz", head, document_arrays(dataset, target, forecasts))
    loss_curve(_read(folder / "history.json"), event["model"], folder / "loss_curve.png")
    predictions(forecasts, event["model"], event["target"], evaluation["unit"], folder / "predictions.png")
    return {"document": "document.json.gz"}


def _read(path: Path) -> Any:
    return orjson.loads(path.read_bytes())


if __name__ == "__main__":
    serve(write)
