"""One request, carried out: rows from a file, models from their folders, forecasts of all targets together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from services.trainer.forecasting.forecast import answer, find_window
from services.trainer.forecasting.given import Inputs, TrainedFile, from_csv, from_question
from services.trainer.forecasting.moments import moments
from services.trainer.forecasting.question import parse_question
from services.trainer.forecasting.stored import StoredModel
from shared.series.configuration import SeriesConfiguration, parse_configuration
from shared.series.series import Series


def carry_out(specification: dict[str, Any]) -> dict[str, Any]:
    """Forecasts in the order of ``models``, each ``{"folder", "manifest"}`` paths of this machine and a
    ``configuration`` that names the session's own files.

    ``rows`` is a path; ``form`` says what it holds: ``json`` (a question), ``csv``, or ``files``: a folder of the
    session's own canonical files by their ids, from whose end is forecast. With ``outputs``, a folder beside what is
    to stand at the head of the document, the files of a one-shot job are written there. Raises :class:`ProblemError`.
    """
    files = {file_id: TrainedFile(**file) for file_id, file in specification["files"].items()}
    of_dataset = defaultdict(list)
    for place, model in enumerate(specification["models"]):
        of_dataset[model["manifest"], orjson.dumps(model["configuration"])].append((place, Path(model["folder"])))
    manifests = {path: orjson.loads(Path(path).read_bytes()) for path, _ in of_dataset}
    read = [_inputs(manifests[path], document, files) for path, document in of_dataset]
    rows = iter(_rows(specification, Inputs.together(read)))
    found: dict[int, dict[str, Any]] = {}
    outputs: dict[str, Any] | None = specification["outputs"]
    pasts: dict[int, Series] = {}
    for inputs, ((path, _), models) in zip(read, of_dataset.items(), strict=True):
        manifest = manifests[path]
        configuration = inputs.configuration
        series = [next(rows) for _ in inputs.features]
        asked = specification["reference_time"]
        reference = None if asked is None else int(moments([asked], inputs.zone(0), "referenceTime")[0])
        grid = None if specification["form"] == "files" else _nanoseconds(manifest["first_reference_time"])
        moment, window = find_window(inputs, series, reference, grid)
        for place, folder in models:
            model = StoredModel.load(folder, manifest)
            found[place] = answer(model, moment, window)
            if outputs is not None:
                pasts[place] = _of_file(specification, inputs, configuration.outputs[model.target])
    places = range(len(found))
    if outputs is not None:
        from services.trainer.forecasting.outputs import Forecasted, write_outputs

        about = dict(outputs)
        target = Path(about.pop("folder"))
        write_outputs(target, about, [Forecasted(found[place], pasts[place]) for place in places])
    return {"forecasts": [found[place] for place in places]}


def _inputs(manifest: dict[str, Any], document: bytes, files: Mapping[str, TrainedFile]) -> Inputs:
    configuration = parse_configuration(orjson.loads(document))
    return Inputs(configuration, manifest["input_features"][: len(configuration.inputs)], files)


def _rows(specification: dict[str, Any], inputs: Inputs) -> list[Series]:
    rows = Path(specification["rows"])
    match specification["form"]:
        case "json":
            return from_question(parse_question(rows.read_bytes()), inputs)
        case "csv":
            return from_csv(rows, inputs, rows.parent)
        case _:
            return [_of_file(specification, inputs, entry) for entry in inputs.configuration.inputs]


def _of_file(specification: dict[str, Any], inputs: Inputs, entry: SeriesConfiguration) -> Series:
    from shared.series.canonical import read_series

    return read_series(Path(specification["rows"]) / f"{entry.file}.parquet", entry, inputs.files[entry.file].name)


def _nanoseconds(text: str) -> int:
    return int(np.datetime64(text.removesuffix("Z"), "ns").astype(np.int64))
