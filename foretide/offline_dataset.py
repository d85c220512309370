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

from shared.analysis.analyse import analyse_file
from shared.analysis.document import AnalysisOverrides
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
_OF_THE_TRAINER = {"models", "time_limit_seconds", "timeLimitSeconds"}


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
            name: _copy(_path(name, folder), times, Path(scratch, f"{place}.parquet"))
            for place, (name, times) in enumerate(_time_columns(configuration).items())
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
    With back-tests, ``backtest`` (folds, 3) has for each the window before which its training ends, and the first of
    its test and the one behind its last.
    """
    parts = {name: getattr(dataset.parts, name) for name in _PARTS}
    small: dict[str, NDArray[Any]] = {
        "reference_times": dataset.reference_times,
        "input_features": np.array(dataset.features["inputs"]),
        "target_features": np.array(dataset.features["targets"]),
        "split": np.array([len(part) for part in parts.values()], dtype=np.int64),
        **parts,
    }
    folds = [(one.fold.train_stop, one.fold.test_start, one.fold.test_stop) for one in dataset.folds]
    if folds:
        small["backtest"] = np.array(folds, dtype=np.int64)
    with path.open("wb") as file, ArrayWriter(file) as writer:
        for name in _WINDOWS:
            writer.add(name, dataset.shape(name), dtype, dataset.blocks(name, dtype))
        for member, array in small.items():
            writer.add(member, array.shape, array.dtype, [array])


def _without_what_is_not_ours(document: Any) -> tuple[Any, list[str]]:
    """The document without what only the trainer or only people read, and these fields; what is misspelt stays."""
    if not isinstance(document, Mapping):
        return document, []
    document = from_older_spelling(document)
    fields = Configuration.model_fields.items()
    known = {spelling for name, field in fields for spelling in (name, str(field.validation_alias))}
    strange = [name for name in document if not difflib.get_close_matches(name, known, 1, _ALIKE)]
    unused = [name for name in document if name in strange or name in _OF_THE_TRAINER]
    return (
        {name: value for name, value in document.items() if name not in unused},
        unused,
    )


def _time_columns(configuration: Configuration) -> dict[str, str | None]:
    """Each file, and the column of times that its series name, if any does."""
    found: dict[str, str | None] = {}
    for entry in configuration.series:
        found[entry.file] = found.get(entry.file) or entry.time_column
    return found


def _path(name: str, folder: Path) -> Path:
    there = {file.name: file for file in sorted(folder.iterdir()) if file.is_file()}
    if name not in there:
        near = difflib.get_close_matches(name, there, 1)
        raise ProblemError(
            Category.DATA_VALIDATION,
            title="There is no such file",
            detail=f"{name!r} is not in {folder}.",
            recovery=[f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(there) or 'no files'}."],
        )
    return there[name]


def _copy(source: Path, time_column: str | None, path: Path) -> tuple[Path, FileColumns]:
    """The canonical copy of a file, by this column of times if it is one, and what it offers."""
    analysis = analyse_file(source, file_name=source.name, parquet_path=path)
    other = next((one.index for one in analysis.time_candidates if one.column == time_column), None)
    if other is not None and time_column != analysis.time_column:
        overrides = AnalysisOverrides(time_column=other)
        analysis = analyse_file(source, file_name=source.name, parquet_path=path, overrides=overrides)
    return path, FileColumns(
        file_name=source.name,
        columns=[column.name for column in analysis.columns],
        numeric_columns=[column.name for column in analysis.columns if column.kind == "number"],
        time_column=analysis.time_column,
    )
