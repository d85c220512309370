"""The results document (contracts section 4): streamed to gzip, so memory stays flat whatever its size."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from isal import igzip
from numpy.typing import NDArray

from shared.series.artifact import StoredDataset

_BLOCK = 256
_LEVEL = 2
_JSON = orjson.OPT_SERIALIZE_NUMPY


def write_document(path: Path, head: dict[str, Any], arrays: dict[str, dict[str, NDArray[Any]]]) -> None:
    """Write ``head``'s fields, then each group of arrays, as one JSON object (RFC 8259: what is no number is null).

    The same content gives the same bytes: the gzip header carries no time.
    """
    # Deflate by ISA-L: many times faster than zlib at nearly its size.
    with path.open("wb") as file, igzip.IGzipFile(fileobj=file, mode="wb", compresslevel=_LEVEL, mtime=0) as out:
        out.write(b"{")
        out.write(b",".join(_member(name, value) for name, value in head.items()))
        for group, members in arrays.items():
            out.write(b"," + json.dumps(group).encode() + b":{")
            for place, (name, array) in enumerate(members.items()):
                out.write((b"," if place else b"") + json.dumps(name).encode() + b":")
                for part in _array(array):
                    out.write(part)
            out.write(b"}")
        out.write(b"}")


def document_head(
    event: dict[str, Any], card: dict[str, Any], evaluation: dict[str, Any], dataset: StoredDataset
) -> dict[str, Any]:
    """Everything but the arrays."""
    manifest = dataset.manifest
    return {
        "model_type": event["model"],
        "parameters": card["parameters"],
        "metrics": event["metrics"],
        "evaluation": evaluation,
        "training_split": manifest["configuration"]["split"],
        "dataset_count": manifest["windows"],
        "trained_model": event["artifacts"]["model"],
        "scalers": manifest["scalers"],
        "input_features": manifest["input_features"],
        "output_features": [event["target"]],
        "model_card": card,
    }


def document_arrays(
    dataset: StoredDataset, target: int, forecasts: dict[str, NDArray[Any]]
) -> dict[str, dict[str, NDArray[Any]]]:
    """Train, validation and test windows (scaled, as the model saw them) and the forecasts in original units."""
    groups: dict[str, dict[str, NDArray[Any]]] = {}
    for part, name in (("train", "train_data"), ("validation", "val_data"), ("test", "test_data")):
        chosen = dataset.parts[part]
        groups[name] = {
            "X": dataset.inputs_scaled[chosen],
            "y": dataset.targets_scaled[chosen][..., target : target + 1],
            "reference_times": dataset.reference_times[chosen],
        }
    return {**groups, "forecasts": forecasts}


def _member(name: str, value: Any) -> bytes:
    return json.dumps(name).encode() + b":" + orjson.dumps(value, option=_JSON)


def _array(array: NDArray[Any]) -> Iterator[bytes]:
    """The array as JSON, a block of rows at a time."""
    yield b"["
    for start in range(0, len(array), _BLOCK):
        block = orjson.dumps(np.ascontiguousarray(array[start : start + _BLOCK]), option=_JSON)
        yield (b"," if start else b"") + block[1:-1]
    yield b"]"
