"""Datasets larger than the memory they may take, and the same bytes however much that is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from shared.series.artifact import write_dataset
from shared.series.configuration import parse_configuration
from shared.series.dataset import build_dataset
from tests.unit.series.examples import document, hourly

LIMIT = 32 * 1024**2
DAYS = 135


def large(**changes: Any) -> dict[str, Any]:
    """A day of 97 steps to the next 24 hours, every minute: 1.8 kB a window."""
    past, future = {"start_hours": -24, "end_hours": 0}, {"start_hours": 1, "end_hours": 24}
    base = document(
        time_steps={"input": 97, "output": 24, "step_minutes": 1},
        time_features={"day": {"scale": {"min": 0, "max": 1}}},
        **changes,
    )
    for entry in base["series"]:
        entry["horizon"] = past if entry["role"] == "input" else future
    return base


def make(days: int, path: Path, memory_bytes: int, **changes: Any) -> str:
    series = {place: hourly(24 * days, seed=place) for place in range(3)}
    dataset = build_dataset(parse_configuration(large(**changes)), series, memory_bytes=memory_bytes)
    return write_dataset(path, dataset)


def memory(name: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


def make_and_print_growth(path: str) -> None:
    """Run in a fresh process: by how much its memory grew at most."""
    make(14, Path(path), LIMIT)
    before = memory("VmRSS")
    make(DAYS, Path(path), LIMIT)
    print(memory("VmHWM") - before)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel is asked through /proc")
def test_a_dataset_ten_times_larger_than_its_memory_is_made_in_pieces(tmp_path: Path) -> None:
    script = "import sys; from tests.unit.series.test_out_of_core import make_and_print_growth as run; run(sys.argv[1])"
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "large.npz")],
        env={"PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "large.npz").stat().st_size > 10 * LIMIT
    assert int(done.stdout) < LIMIT


@pytest.mark.parametrize("kind", ["minmax", "standard", "robust"])
def test_the_bytes_do_not_depend_on_the_memory(tmp_path: Path, kind: str) -> None:
    scaling = {"scaling": {"kind": kind}}
    hashes = {make(14, tmp_path / "dataset.npz", memory_bytes, **scaling) for memory_bytes in (1 << 20, 1 << 30)}
    assert len(hashes) == 1
