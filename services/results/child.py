"""The results service's child process: files and pictures are made in copies of it (see ``shared.runtime.child``)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from services.results import figures
from services.results.document import document_head, write_document
from services.results.figures import Figure, Forecasts
from services.results.groups import result_groups
from services.results.plots import draw
from shared.runtime.child import Report, serve
from shared.series.artifact import read_dataset
from shared.series.npz import map_arrays
from shared.series.scalers import Scaler

# ``columnar`` is imported in the copies: with Polars, which starts threads as it is imported.


def work(specification: dict[str, Any], _: Report) -> dict[str, Any]:
    """What ``work`` names, on the files in ``folder``."""
    return WORKS[specification["work"]](Path(specification["folder"]), specification)


def write_results(folder: Path, specification: dict[str, Any]) -> dict[str, Any]:
    """From the trainer's artifacts and the dataset: the table, the document, and two pictures."""
    from services.results.columnar import write_table

    event = specification["event"]
    dataset = read_dataset(folder / "dataset.npz", _read(folder / "manifest.json"))
    forecasts: dict[str, Any] = map_arrays(folder / "forecasts.npz")
    target = dataset.manifest["target_features"].index(event["target"])
    head = document_head(event, _read(folder / "model_card.json"), _read(folder / "evaluation.json"), dataset)
    groups, once = result_groups(dataset, target, forecasts)
    write_table(folder / "table.parquet", head, groups, once)
    write_document(folder / "document.json.gz", head, groups, once)
    for plot in ("loss_curve", "predictions"):
        draw(_figure(plot, [folder], [event], {}), folder / f"{plot}.png")
    return {}


def write_csv(folder: Path, _: dict[str, Any]) -> dict[str, Any]:
    """From the table: ``forecasts.csv``."""
    from services.results.columnar import open_table
    from services.results.forecasts_csv import write_csv

    write_csv(open_table(folder / "table.parquet"), folder / "forecasts.csv")
    return {}


def plot(folder: Path, specification: dict[str, Any]) -> dict[str, Any]:
    """From the trainer's artifacts of each model, in folders named by number: ``plot.png`` or ``plot.json``."""
    models = specification["models"]
    folders = [folder / str(place) for place in range(len(models))]
    figure = _figure(specification["plot"], folders, models, specification["options"])
    if specification["format"] == "json":
        (folder / "plot.json").write_bytes(orjson.dumps(figure))
    else:
        draw(figure, folder / "plot.png")
    return {}


def _figure(kind: str, folders: list[Path], models: list[dict[str, Any]], options: dict[str, Any]) -> Figure:
    if kind == "predictions":
        return figures.predictions([_forecasts(*one) for one in zip(folders, models, strict=True)], **options)
    folder, model = folders[0], models[0]["model"]
    if kind == "residuals":
        return figures.residuals(_forecasts(folder, models[0]))
    if kind == "error_by_step":
        return figures.error_by_step(_read(folder / "evaluation.json"), model)
    return figures.loss_curve(_read(folder / "history.json"), model)


def _forecasts(folder: Path, model: dict[str, Any]) -> Forecasts:
    [scaler] = _read(folder / "scalers.json")["targets"]
    scaler.pop("feature")
    unit = _read(folder / "evaluation.json")["unit"]
    arrays: dict[str, Any] = map_arrays(folder / "forecasts.npz")
    return Forecasts(model["model"], model["target"], unit, Scaler.from_json(scaler), arrays)


def _read(path: Path) -> Any:
    return orjson.loads(path.read_bytes())


WORKS: dict[str, Callable[[Path, dict[str, Any]], dict[str, Any]]] = {
    "results": write_results,
    "csv": write_csv,
    "plot": plot,
}

if __name__ == "__main__":
    serve(work)
