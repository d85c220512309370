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

from services.results.groups import Chosen, Constants, Groups
from shared.series.artifact import StoredDataset

_BLOCK = 256
_LEVEL = 3
"""Of 0 to 3: on windows of a real series 38 % smaller than 2, for a third more time; on noise all are alike."""
_JSON = orjson.OPT_SERIALIZE_NUMPY
_NOT_FINITE = (("NaN", np.isnan), ("Infinity", np.isposinf), ("-Infinity", np.isneginf))


def write_document(path: Path, head: dict[str, Any], groups: Groups, once: Constants) -> None:
    """Write ``head``'s fields, then each group of arrays with what it has ``once``, as one JSON object (RFC 8259).

    What is no number is null there; a group that has such values says in ``non_finite`` what they are, by array, as
    places in the array's values one after the other. The same content gives the same bytes: the gzip header carries
    no time.
    """
    # Deflate by ISA-L: many times faster than zlib at nearly its size.
    with path.open("wb") as file, igzip.IGzipFile(fileobj=file, mode="wb", compresslevel=_LEVEL, mtime=0) as out:
        out.write(b"{")
        out.write(b",".join(_member(name, value) for name, value in head.items()))
        for place, (group, members) in enumerate(groups.items()):
            out.write((b"," if place or head else b"") + json.dumps(group).encode() + b":{")
            for part in _group({**members, **once.get(group, {})}):
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


def _member(name: str, value: Any) -> bytes:
    return json.dumps(name).encode() + b":" + orjson.dumps(value, option=_JSON)


def _group(members: dict[str, NDArray[Any] | Chosen]) -> Iterator[bytes]:
    not_finite: dict[str, dict[str, list[int]]] = {}
    for place, (name, array) in enumerate(members.items()):
        yield (b"," if place else b"") + json.dumps(name).encode() + b":["
        for start in range(0, len(array), _BLOCK):
            block = np.ascontiguousarray(array[start : start + _BLOCK])
            yield (b"," if start else b"") + orjson.dumps(block, option=_JSON)[1:-1]
            if block.dtype.kind == "f" and not np.isfinite(block).all():
                _note(not_finite.setdefault(name, {}), block, start * block[0].size)
        yield b"]"
    if not_finite:
        yield b"," + _member("non_finite", not_finite)


def _note(found: dict[str, list[int]], block: NDArray[Any], before: int) -> None:
    for name, is_such in _NOT_FINITE:
        places = np.flatnonzero(is_such(block))
        if len(places):
            found.setdefault(name, []).extend((places + before).tolist())
