"""The golden vectors' cases: how they are read, and what the reference's evaluation has to be equal to."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.series import metrics
from shared.series.configuration import Configuration, parse_configuration
from shared.series.series import Series

CASES = sorted(path for path in (Path(__file__).parents[2] / "golden").iterdir() if path.is_dir())
_FIELDS = ("series", "time_steps", "timezone", "time_features", "scaling", "split")


def load(case: Path, **changes: Any) -> tuple[Configuration, dict[int, Series]]:
    document = json.loads((case / "configuration.json").read_text(encoding="utf-8"))
    wanted = {name: value for name, value in document.items() if name in _FIELDS}
    wanted["time_features"] = {name: value for name, value in wanted.get("time_features", {}).items() if value}
    configuration = parse_configuration({**wanted, **changes})
    return configuration, {
        place: read(case / entry.file, entry.label) for place, entry in enumerate(configuration.series)
    }


def read(path: Path, name: str) -> Series:
    with path.open(encoding="utf-8") as file:
        rows = list(csv.reader(file, delimiter=";"))[1:]
    times = [int(datetime.fromisoformat(row[0]).replace(tzinfo=UTC).timestamp()) * 10**9 for row in rows]
    values = [float(row[1]) if row[1] else np.nan for row in rows]
    return Series(name, np.array(times, dtype=np.int64), np.array(values))


def check_evaluation(
    truth: NDArray[Any],
    forecast: NDArray[Any],
    expected: Mapping[str, NDArray[Any]],
    model: str,
    target: int,
    relative: float = 1e-7,
) -> None:
    """One target's metrics (n, O), at every averaging level, overall and for each step."""
    overall = expected[f"{model}_evaluation"][target]
    by_step = expected[f"{model}_evaluation_by_step"][target]
    for level in range(1, metrics.LEVELS + 1):
        if level > truth.shape[1] or np.isnan(overall[level - 1, 1]):
            continue
        y, f = metrics.averaged(truth, level), metrics.averaged(forecast, level)
        np.testing.assert_allclose(_measured(y, f), overall[level - 1, 1:], rtol=relative)
        for step in range(y.shape[1]):
            expected_step = by_step[level - 1, step]
            found = np.array(_measured(y[:, step], f[:, step]), dtype=float)
            defined = ~np.isnan(expected_step)
            np.testing.assert_allclose(found[defined], expected_step[defined], rtol=relative)


def _measured(truth: NDArray[Any], forecast: NDArray[Any]) -> list[float | None]:
    found = metrics.measure(truth, forecast, naive=None)
    names = ("mae", "mape", "mse", "rmse", "nrmse", "wape", "smape")
    return [*(found[name] for name in names), metrics.mase_reference(truth, forecast)]
