"""Making windows, beside the slow reference loop and beside bare ``numpy.interp``, in the same run.

    python -m benchmarks.windows [--windows 92820] [--rounds 5]

Two inputs and one target of 13 steps, at 15 and 10 minutes' distance, sampled every 5 minutes for a window every
3 minutes, with all calendar features: 11 input columns. "Made" means from series in memory to scaled float32 arrays
in memory: windows looked at, parts cut, scalers learned, everything written. The loop is timed on a slice and scaled
up, without its scaling. ``numpy.interp`` finds as many numbers, in the order of the windows, from the same rows.
Times are medians over rounds that alternate, of this process's own computing, so that others on the machine do not
count; growth compares the best of as many rounds. Memory is the growth of a fresh process's peak.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from shared.series.configuration import Configuration, parse_configuration
from shared.series.dataset import build_dataset
from shared.series.series import NANOSECONDS_PER_MINUTE, Series, Values
from tests.reference.windows import make_windows

_STEPS, _STEP_MINUTES = 13, 3
_COLUMNS = 12
_START = int(np.datetime64("2024-01-01", "ns").astype(np.int64))
_SLICES = (100, 400)
_WARM = 2000
_GROWTH = (10_000, 100_000, 1_000_000)
_HOLIDAYS = [f"{year}-{day}" for year in range(2023, 2032) for day in ("01-01", "01-06", "05-01", "12-25", "12-26")]


def configuration(*, features: bool = True) -> Configuration:
    """The issue's shape: 13 steps, 2 inputs, 1 target, all calendar features."""
    cycles: dict[str, Any] = {name: {"start_hours": -1} for name in ("year", "month", "week", "day")}
    holiday = {"holiday": {"start_hours": -1, "dates": _HOLIDAYS}}
    past, future = {"start_hours": -1, "end_hours": 0}, {"start_hours": 0, "end_hours": 1}
    return parse_configuration(
        {
            "series": [
                {"file": "load", "role": "input", "name": "load", "horizon": past},
                {"file": "temperature", "role": "input", "name": "temperature", "horizon": past},
                {"file": "load", "role": "output", "name": "next", "horizon": future},
            ],
            "time_steps": {"input": _STEPS, "output": _STEPS, "step_minutes": _STEP_MINUTES},
            "time_features": {**cycles, **holiday} if features else {},
            "season_hours": 24,
        }
    )


def series(windows: int) -> dict[int, Series]:
    """Rows that give exactly so many windows: the first and the last hour have none."""
    minutes = (windows - 1) * _STEP_MINUTES + 120

    def one(step: int, seed: int) -> Series:
        count = -(-minutes // step) + 1
        times = _START + np.arange(count, dtype=np.int64) * step * NANOSECONDS_PER_MINUTE
        return Series(str(seed), times, np.random.default_rng(seed).normal(size=count))

    load = one(15, 0)
    cut = int(np.searchsorted(load.times, _START + minutes * NANOSECONDS_PER_MINUTE, side="right"))
    # The last row is where the last window ends, so that none more fits.
    load = Series(
        "load", np.append(load.times[: cut - 1], _START + minutes * NANOSECONDS_PER_MINUTE), load.values[:cut]
    )
    return {0: load, 1: one(10, 1), 2: load}


def made(what: Configuration, given: dict[int, Series], windows: int) -> int:
    """Make everything; the bytes of the float32 arrays."""
    dataset = build_dataset(what, given)
    assert len(dataset.reference_times) == windows, len(dataset.reference_times)
    return dataset.array("inputs_scaled", np.float32).nbytes + dataset.array("targets_scaled", np.float32).nbytes


def interpolated(given: dict[int, Series], windows: int, columns: int) -> float:
    """Seconds that bare numpy.interp takes for as many numbers, in the windows' order."""
    times, values = given[0].times, given[0].values
    rows = (times - _START).astype(np.float64)
    first = 60 * NANOSECONDS_PER_MINUTE + np.arange(windows) * _STEP_MINUTES * NANOSECONDS_PER_MINUTE
    samples: Values = (first[:, None] - np.arange(_STEPS - 1, -1, -1) * 5.0 * NANOSECONDS_PER_MINUTE).ravel()
    return seconds(lambda: [np.interp(samples, rows, values) for _ in range(columns)])


def looped(what: Configuration, given: dict[int, Series], windows: int) -> float:
    """Seconds that the slow reference would take, from how much longer a longer slice takes."""
    document = what.model_dump(mode="json")
    rows: list[list[tuple[Any, ...]]] = [
        list(zip(one.times.tolist(), one.values.tolist(), strict=True)) for one in given.values()
    ]
    skipped = 60 // _STEP_MINUTES
    short, long = (seconds(lambda n=n: make_windows(document, rows, limit=skipped + n)) for n in _SLICES)  # type: ignore[misc]
    return (long - short) / (_SLICES[1] - _SLICES[0]) * windows


def seconds(work: Callable[[], object]) -> float:
    """How long this process computes for it; one thread does."""
    began = time.process_time()
    work()
    return time.process_time() - began


def peak_over_output(windows: int) -> float:
    """In this process, which must be fresh: growth of its peak memory over the float32 arrays' bytes."""
    what, given = configuration(), series(windows)
    made(what, series(_WARM), _WARM)
    before = _memory("VmRSS")
    output = made(what, given, windows)
    return (_memory("VmHWM") - before) / output


def _memory(name: str) -> int:
    """What the kernel says of this process, in bytes. Its resource usage would begin with the parent's peak."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith(name))


def _peak_in_fresh_process(windows: int) -> float:
    command = [sys.executable, "-m", "benchmarks.windows", "--peak", "--windows", str(windows)]
    return float(subprocess.run(command, capture_output=True, check=True, text=True).stdout)


def run(windows: int, rounds: int) -> dict[str, float]:
    """All figures."""
    what, bare, given = configuration(), configuration(features=False), series(windows)
    made(what, given, windows)
    ours, alone, interp, interp_alone, loops = [], [], [], [], []
    for _ in range(rounds):
        interp.append(interpolated(given, windows, _COLUMNS))
        ours.append(seconds(lambda: made(what, given, windows)))
        interp_alone.append(interpolated(given, windows, 3))
        alone.append(seconds(lambda: made(bare, given, windows)))
        loops.append(looped(what, given, windows))
    taken = statistics.median(ours)
    growth = {}
    for count in _GROWTH:
        more = series(count)
        growth[count] = min(seconds(lambda m=more, n=count: made(what, m, n)) for _ in range(rounds))  # type: ignore[misc]
    loop = statistics.median(loops)
    return {
        "speedup_over_loop": round(loop / taken, 1),
        "time_over_interp": round(taken / statistics.median(interp), 2),
        "peak_memory_over_output": round(_peak_in_fresh_process(windows), 2),
        "time_over_interp_without_features": round(statistics.median(alone) / statistics.median(interp_alone), 2),
        "seconds": round(taken, 4),
        "loop_seconds": round(loop, 1),
        "interp_seconds": round(statistics.median(interp), 4),
        "growth_10k_to_1m_over_linear": round(growth[1_000_000] / growth[10_000] / 100, 2),
        **{f"seconds_{count}_windows": round(growth[count], 4) for count in _GROWTH},
        "windows": windows,
        "rounds": rounds,
    }


def main() -> None:
    """Print the figures; the last line is one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--windows", type=int, default=92_820)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peak", action="store_true", help="print the memory figure alone")
    arguments = parser.parse_args()
    if arguments.peak:
        print(peak_over_output(arguments.windows))
    else:
        print(json.dumps(run(arguments.windows, arguments.rounds)))


if __name__ == "__main__":
    main()
