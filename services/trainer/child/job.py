"""One job, from the dataset's files to a folder of artifacts; runs in a child process of the worker."""

from __future__ import annotations

import time
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from services.trainer.backtest import back_test
from services.trainer.child.device import device_in_use
from services.trainer.child.task import Task
from services.trainer.models.checkpoint import CheckpointFile
from services.trainer.models.registry import model_class
from services.trainer.training import Send, Trained, Training
from shared.series.artifact import StoredDataset
from shared.series.parameters.base import ModelParameters
from shared.series.probabilistic import QUANTILES


def run_job(specification: dict[str, Any], send: Send) -> dict[str, Any]:
    """Train, forecast, evaluate, save; the final message. Raises :class:`ProblemError`."""
    began = time.monotonic()
    task = Task.read(specification)
    dataset, parameters = task.dataset, task.parameters
    fits = 1 + len(dataset.manifest["backtests"])
    checkpoints = _checkpoints(specification, parameters, dataset, send)
    training = Training(task.configuration, task.target, parameters, fits, send, task.deadline, checkpoints)
    trained = training.run(dataset, 0)
    tested = back_test(dataset, task.configuration.split, training)
    send({"type": "progress", "phase": "evaluation", "fraction": 1.0})
    history = trained.history
    seconds = training.before + time.monotonic() - began
    summary = {
        "duration_seconds": round(seconds, 3),
        "epochs_requested": history.epochs_requested,
        "epochs_completed": len(history.epochs) if history.epochs_requested else None,
        "continued_from_epoch": history.continued_from,
        "chosen": history.chosen,
        "warnings": [*history.warnings, *tested.warnings],
    }
    folder = Path(specification["output_directory"])
    if specification["search"] is not None:
        _add_search(summary, specification["search"], folder)
    trained.evaluation.document["backtest"] = tested.document
    _save(folder, dataset, task.target, trained, summary)
    send({"type": "progress", "phase": "saving", "fraction": 1.0})
    return {"type": "trained", "metrics": trained.evaluation.headline, "summary": summary}


def _add_search(summary: dict[str, Any], search: dict[str, Any], folder: Path) -> None:
    """The parameters that were found are chosen ones, too; the trials are an artifact of their own."""
    found = search["found"]
    summary["chosen"] = {**found["parameters"], **summary["chosen"]}
    summary["search"] = found
    summary["warnings"] = [*search["warnings"], *summary["warnings"]]
    (folder / "trials.json").write_bytes(orjson.dumps(search["trials"], option=orjson.OPT_INDENT_2))


def _checkpoints(
    specification: dict[str, Any], parameters: ModelParameters, dataset: StoredDataset, send: Send
) -> CheckpointFile | None:
    """Where the worker wants checkpoints, of exactly this training: another's are not continued."""
    if specification["checkpoint_path"] is None:
        return None
    return CheckpointFile(
        Path(specification["checkpoint_path"]),
        {
            "parameters": parameters.model_dump(mode="json"),
            "dataset": dataset.manifest["fingerprint"],
            "target": specification["target"],
            "software": _software(model_class(parameters.kind).libraries),
        },
        on_written=lambda epoch: send({"type": "checkpoint", "epoch": epoch}),
        on_refused=lambda reason: send({"type": "checkpoint refused", "reason": reason}),
    )


def _save(
    folder: Path,
    dataset: StoredDataset,
    target: int,
    trained: Trained,
    summary: dict[str, Any],
) -> None:
    """Every artifact of the manifest in architecture section 5; nothing is pickled."""
    model, evaluation = trained.model, trained.evaluation
    model.save(folder)
    model.save_for_old_clients(folder)
    manifest = dataset.manifest
    # Lists, in the order of the columns: two columns may have the same name.
    scalers = {
        "inputs": _named(manifest["input_features"], manifest["scalers"]["inputs"]),
        "targets": _named(manifest["target_features"], manifest["scalers"]["targets"])[target : target + 1],
    }
    card = {
        **summary,
        "kind": model.parameters.kind,
        "parameters": model.parameters.model_dump(mode="json"),
        "weights": model.weight_count,
        "input_features": manifest["input_features"],
        "target": manifest["target_features"][target],
        "input_shape": manifest["shapes"]["inputs"][1:],
        "output_shape": [manifest["shapes"]["targets"][1], 1],
        "dataset_fingerprint": manifest["fingerprint"],
        "software": _software(model.computed_with),
        "device": device_in_use() if "tensorflow" in model.computed_with else "cpu",
    }
    losses = [{"epoch": e.epoch, "loss": e.loss, "val_loss": e.val_loss} for e in trained.history.epochs]
    for name, document in (
        ("scalers", scalers),
        ("evaluation", evaluation.document),
        ("calibration", evaluation.intervals.calibration),
        ("history", losses),
        ("model_card", card),
    ):
        (folder / f"{name}.json").write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))
    np.savez(folder / "forecasts.npz", **evaluation.arrays)  # type: ignore[arg-type]
    if evaluation.intervals.quantiles is not None:
        # Apart from the forecasts: eleven times as large, and no part of the results document.
        np.savez(folder / "quantiles.npz", shares=QUANTILES, quantiles=evaluation.intervals.quantiles)


def _named(features: list[str], scalers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"feature": feature, **scaler} for feature, scaler in zip(features, scalers, strict=True)]


def _software(libraries: tuple[str, ...]) -> dict[str, str]:
    return {name: import_module(name).__version__ for name in ("numpy", *libraries)}
