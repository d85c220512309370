"""A dataset from a folder of CSV files, without services: what ``foretide dataset build`` does."""

from __future__ import annotations

import difflib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from services.upload.analysis.analyse import analyse_file
from shared.problems import Category, ProblemError
from shared.series.canonical import read_series
from shared.series.configuration import Configuration, parse_configuration
from shared.series.configuration_files import FileColumns, check_against_files
from shared.series.configuration_older import from_older_spelling
from shared.series.dataset import ArrayName, Dataset, build_dataset
from shared.series.notes import configuration_notes
from shared.series.npz import ArrayWriter
from shared.series.series import Series

_WINDOWS: tuple[ArrayName, ...] = ("inputs", "targets", "inputs_scaled", "targets_scaled")
_PARTS = ("train", "validation", "test")
_ALIKE = 0.75


@dataclass(frozen=True, slots=True)
class OfflineDataset:
    """The dataset, its configuration, the document's fields that were not used, and what else is to be noted."""

    dataset: Dataset
    configuration: Configuration
    unused: list[str]
    notes: list[str]


def build_offline(document: Any, folder: Path) -> OfflineDataset:
    """Read the document's files in the folder and make its windows. Raises a problem for whatever is wrong."""
    document, unused = _without_what_is_not_ours(document)
    configuration = parse_configuration(document)
    with tempfile.TemporaryDirectory(prefix="foretide-dataset-") as scratch:
        copies = {
            name: _copy(name, folder, Path(scratch, f"{place}.parquet"))
            for place, name in enumerate(dict.fromkeys(entry.file for entry in configuration.series))
        }
        configuration = check_against_files(configuration, {name: columns for name, (_, columns) in copies.items()})
        series: dict[int, Series] = {
            place: read_series(copies[entry.file][0], entry, entry.file)
            for place, entry in enumerate(configuration.series)
        }
    return OfflineDataset(
        build_dataset(configuration, series), configuration, unused, configuration_notes(configuration)
    )


def write_offline(path: Path, dataset: Dataset, dtype: DTypeLike) -> None:
    """Write the windows in original units and scaled, their times, features and parts, as one ``.npz``.

    ``split`` (3,) has how many windows are in train, validation and test; the three arrays of these names say which.
    """
    parts = {name: getattr(dataset.parts, name) for name in _PARTS}
    small: dict[str, NDArray[Any]] = {
        "reference_times": dataset.reference_times,
        "input_features": np.array(dataset.features["inputs"]),
        "target_features": np.array(dataset.features["targets"]),
        "split": np.array([len(part) for part in parts.values()], dtype=np.int64),
        **parts,
    }
    with path.open("wb") as file, ArrayWriter(file) as writer:
        for name in _WINDOWS:
            writer.add(name, dataset.shape(name), dtype, dataset.blocks(name, dtype))
        for member, array in small.items():
            writer.add(member, array.shape, array.dtype, [array])


def _without_what_is_not_ours(document: Any) -> tuple[Any, list[str]]:
    """The document without models and without what only people read, and these fields; what is misspelt stays."""
    if not isinstance(document, Mapping):
        return document, []
    document = from_older_spelling(document)
    fields = Configuration.model_fields.items()
    known = {spelling for name, field in fields for spelling in (name, str(field.validation_alias))}
    strange = [name for name in document if not difflib.get_close_matches(name, known, 1, _ALIKE)]
    unused = [name for name in document if name in strange or name == "models"]
    return (
        {name: value for name, value in document.items() if name not in unused},
        unused,
    )


def _copy(name: str, folder: Path, path: Path) -> tuple[Path, FileColumns]:
    """The canonical copy of one of the folder's files, and what it offers."""
    there = {file.name: file for file in sorted(folder.iterdir()) if file.is_file()}
    if name not in there:
        near = difflib.get_close_matches(name, there, 1)
        raise ProblemError(
            Category.DATA_VALIDATION,
            title="There is no such file",
            detail=f"{name!r} is not in {folder}.",
            recovery=[f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(there) or 'no files'}."],
        )
    analysis = analyse_file(there[name], file_name=name, parquet_path=path)
    return path, FileColumns(
        file_name=name,
        columns=[column.name for column in analysis.columns],
        numeric_columns=[column.name for column in analysis.columns if column.kind == "number"],
        time_column=analysis.time_column,
    )
