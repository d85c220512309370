"""The child process that writes one model's results and plots (see ``shared.runtime.child``)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
from numpy.typing import NDArray

from services.results.document import document_head, write_document
from services.results.groups import result_groups
from services.results.plots import loss_curve, predictions
from shared.runtime.child import Report, serve
from shared.series.artifact import read_dataset
from shared.series.npz import map_arrays


def write(specification: dict[str, Any], _: Report) -> dict[str, Any]:
    """From the trainer's artifacts in ``folder``: the table, the document, and pictures."""
    # With Polars, which starts threads as it is imported: not before the process was copied.
    from services.results.columnar import write_table

    folder, event = Path(specification["folder"]), specification["event"]
    dataset = read_dataset(folder / "dataset.npz", _read(folder / "manifest.json"))
    forecasts: dict[str, NDArray[Any]] = map_arrays(folder / "forecasts.npz")
    evaluation = _read(folder / "evaluation.json")
    target = dataset.manifest["target_features"].index(event["target"])
    head = document_head(event, _read(folder / "model_card.json"), evaluation, dataset)
    groups, once = result_groups(dataset, target, forecasts)
    write_table(folder / "table.parquet", head, groups, once)
    write_document(folder / "document.json.gz", head, groups, once)
    loss_curve(_read(folder / "history.json"), event["model"], folder / "loss_curve.png")
    predictions(forecasts, event["model"], event["target"], evaluation["unit"], folder / "predictions.png")
    return {}


def _read(path: Path) -> Any:
    return orjson.loads(path.read_bytes())


if __name__ == "__main__":
    serve(write)
