"""The process that is copied for each forecast."""

from __future__ import annotations

import subprocess
import sys


def test_what_is_copied_has_started_no_threads_of_polars() -> None:
    """Locks of threads that a copy does not have would stay held in it."""
    program = "import sys, services.trainer.serving.child; print('polars' in sys.modules, 'tensorflow' in sys.modules)"

    output = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    assert output.split() == ["False", "False"]
