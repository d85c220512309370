"""The folder of temporary files: what a killed process leaves does not stay."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from shared.runtime.scratch import scratch_folder

_PROCESS = """
import tempfile, time
from shared.runtime.scratch import scratch_folder
with scratch_folder():
    print(tempfile.mkdtemp(), flush=True)
    time.sleep(600)
"""


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)


def test_temporary_files_lie_in_one_folder_that_goes(tmp_path: Path) -> None:
    with scratch_folder() as folder:
        assert Path(tempfile.mkdtemp()).parent == folder
        child = subprocess.run(
            [sys.executable, "-c", "import tempfile; print(tempfile.gettempdir())"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert child.stdout.strip() == str(folder)
    assert list(tmp_path.iterdir()) == []
    assert tempfile.gettempdir() == str(tmp_path)


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_has_is_not() -> None:
    processes = [
        subprocess.Popen([sys.executable, "-c", _PROCESS], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    try:
        killed, living = (Path(process.stdout.readline().strip()) for process in processes if process.stdout)
        processes[0].kill()
        processes[0].wait()
        assert killed.exists()
        with scratch_folder():
            assert not killed.parent.exists()
            assert living.exists()
    finally:
        for process in processes:
            process.kill()
            process.communicate()
