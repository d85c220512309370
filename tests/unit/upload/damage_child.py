"""Analyses a range of spoiled files in a process of its own, so that what it takes can be measured.

python -m tests.unit.upload.damage_child FIRST LAST
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from shared.analysis.analyse import analyse_file
from shared.problems import ProblemError
from tests.unit.upload.damage import Spoiled, spoiled


def outcome(seed: int) -> dict[str, Any]:
    """What became of one file."""
    file = spoiled(seed)
    told: dict[str, Any] = {
        "seed": seed,
        "damage": file.damage,
        "lines": file.data.count(b"\n") + file.data.count(b"\r") + 1,
        "line": file.line,
        "must_refuse": file.must_refuse,
    }
    with tempfile.TemporaryDirectory() as folder:
        path, copy = Path(folder, "upload"), Path(folder, "canonical.parquet")
        path.write_bytes(file.data)
        try:
            analysis = analyse_file(path, file_name="load.csv", parquet_path=copy)
        except ProblemError as error:
            told["problem"] = error.problem.model_dump(mode="json")
        else:
            told["read"] = _what_is_wrong(file, pl.read_parquet(copy))
            told["rows"] = [analysis.row_count, analysis.canonical_rows, analysis.duplicates, analysis.rejected_count]
        told["left"] = sorted(entry.name for entry in Path(folder).iterdir())
    return told


def _what_is_wrong(file: Spoiled, canonical: pl.DataFrame) -> list[str]:
    found = []
    if not canonical["time"].is_sorted() or canonical["time"].n_unique() < canonical.height:
        found.append("times are not in order or repeat")
    rows = {row[0]: list(row[1:]) for row in canonical.iter_rows()}
    for index in file.untouched:
        time = datetime(2024, 1, 13, tzinfo=UTC) + timedelta(hours=index)
        if rows.get(time) != file.table.values[index]:
            found.append(f"row {index} is {rows.get(time)} instead of {file.table.values[index]}")
    return found


def main() -> None:
    first, last = map(int, sys.argv[1:])
    begin = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for seed in range(first, last):
        print(json.dumps(outcome(seed)))
    print(json.dumps({"grown_mebibytes": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - begin) / 1024}))


if __name__ == "__main__":
    main()
