"""A job keeps to the cores that its worker gives it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

_PROGRAM = """
import json, os
import sklearn.linear_model
from threadpoolctl import threadpool_info
from services.trainer.child.threads import limit_threads
limit_threads(1)
print(json.dumps([[pool["num_threads"] for pool in threadpool_info()], os.environ["TF_NUM_INTRAOP_THREADS"]]))
"""


def test_libraries_that_are_loaded_already_are_limited_too() -> None:
    environment = {**os.environ, "PYTHONPATH": os.getcwd(), "OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}

    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], env=environment, capture_output=True, check=True, timeout=60
    )

    threads, tensorflow = json.loads(done.stdout)
    assert threads
    assert set(threads) == {1}
    assert tensorflow == "1"
