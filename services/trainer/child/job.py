"""One job, from the dataset's files to a folder of artifacts; runs in a child process of the worker."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from services.trainer.evaluation import Evaluation, evaluate
from services.trainer.models.base import Epoch, Forecaster, History, TrainingData
from services.trainer.models.checkpoint import CheckpointFile
from services.trainer.models.columns import describe_columns
from services.trainer.models.registry import model_class
from services.trainer.sizes import check_sizes
from shared.series.artifact import StoredDataset, read_dataset
from shared.series.configuration import Configuration, parse_configuration
from shared.series.model_parameters import parse_model

Send = Callable[[dict[str, Any]], None]


def run_job(specification: dict[str, Any], send: Send) -> dict[str, Any]:
    """Train, forecast, evaluate, save; the final message. Raises :class:`ProblemError`."""
    began = time.monotonic()
    manifest = orjson.loads(Path(specification["manifest_path"]).read_bytes())
    dataset = read_dataset(Path(specification["dataset_path"]), manifest)
    configuration = parse_configuration(manifest["configuration"])
    target = manifest["target_features"].index(specification["target"])
    parameters = parse_model(specification["model"])
    data = training_data(dataset, configuration, target)
    check_sizes(parameters, data.input_shape, data.output_shape, len(data.inputs))
    model = model_class(parameters.kind)(parameters)
    checkpoints = _checkpoints(specification, model, dataset, send)
    history = model.fit(data, lambda epoch: send(_progress(epoch)), checkpoints)
    send({"type": "progress", "phase": "evaluation", "fraction": 0.0})
    forecast = model.predict(dataset.inputs_scaled[dataset.parts["test"]])[..., 0]
    evaluation = evaluate(dataset, configuration, target, forecast)
    send({"type": "progress", "phase": "saving", "fraction": 0.0})
    seconds = history.seconds_before + time.monotonic() - began
    summary = {
        "duration_seconds": round(seconds, 3),
        "epochs_requested": history.epochs_requested,
        "epochs_completed": len(history.epochs) if history.epochs_requested else None,
        "continued_from_epoch": history.continued_from,
        "chosen": history.chosen,
        "warnings": history.warnings,
    }
    _save(Path(specification["output_directory"]), model, configuration, dataset, target, history, evaluation, summary)
    return {"type": "trained", "metrics": evaluation.headline, "summary": summary}


def training_data(dataset: StoredDataset, configuration: Configuration, target: int) -> TrainingData:
    """The windows of the training and the validation part, for one target."""
    train, validation = dataset.parts["train"], dataset.parts["validation"]
    targets = dataset.targets_scaled[..., target : target + 1]
    return TrainingData(
        dataset.inputs_scaled[train],
        targets[train],
        dataset.inputs_scaled[validation],
        targets[validation],
        describe_columns(configuration, dataset.manifest, [target]),
    )


def _checkpoints(
    specification: dict[str, Any], model: Forecaster, dataset: StoredDataset, send: Send
) -> CheckpointFile | None:
    """Where the worker wants checkpoints, of exactly this training: another's are not continued."""
    if specification["checkpoint_path"] is None:
        return None
    return CheckpointFile(
        Path(specification["checkpoint_path"]),
        {
            "parameters": model.parameters.model_dump(mode="json"),
            "dataset": dataset.manifest["fingerprint"],
            "target": specification["target"],
            "software": _software(model),
        },
        on_written=lambda epoch: send({"type": "checkpoint", "epoch": epoch}),
        on_refused=lambda reason: send({"type": "checkpoint refused", "reason": reason}),
    )


def _progress(epoch: Epoch) -> dict[str, Any]:
    return {
        "type": "progress",
        "phase": "training",
        "fraction": epoch.epoch / epoch.epochs,
        "epoch": epoch.epoch,
        "epochs": epoch.epochs,
        "loss": epoch.loss,
        "val_loss": epoch.val_loss,
        "eta_seconds": epoch.eta_seconds,
    }


def _save(
    folder: Path,
    model: Forecaster,
    configuration: Configuration,
    dataset: StoredDataset,
    target: int,
    history: History,
    evaluation: Evaluation,
    summary: dict[str, Any],
) -> None:
    """Every artifact of the manifest in architecture section 5; nothing is pickled."""
    model.save(folder)
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
        "software": _software(model),
    }
    losses = [{"epoch": e.epoch, "loss": e.loss, "val_loss": e.val_loss} for e in history.epochs]
    for name, document in (
        ("scalers", scalers),
        ("evaluation", evaluation.document),
        ("history", losses),
        ("model_card", card),
    ):
        (folder / f"{name}.json").write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))
    np.savez(folder / "forecasts.npz", **evaluation.arrays)  # type: ignore[arg-type]


def _named(features: list[str], scalers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"feature": feature, **scaler} for feature, scaler in zip(features, scalers, strict=True)]


def _software(model: Forecaster) -> dict[str, str]:
    return {name: import_module(name).__version__ for name in ("numpy", *model.libraries)}
