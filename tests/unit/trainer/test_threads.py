"""A job keeps to the cores that its worker gives it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

_PROGRAM = """
import json, os
import sklearn.linear_model
from threadpoolctl import threadpool_info
from services.trainer.child.threads import limit_threads
limit_threads(1)
print(json.dumps([[pool["num_threads"] for pool in threadpool_info()], os.environ["TF_NUM_INTRAOP_THREADS"]]))
"""


_BOOSTING = """
import sys
import numpy as np
import psutil
import sklearn.svm
from services.trainer.child.threads import limit_threads
preloaded, threads = sys.argv[1] == "preloaded", int(sys.argv[2])
if preloaded:
    import lightgbm
limit_threads(threads)
import lightgbm
rows = np.random.default_rng(0).random((500, 4))
before = psutil.Process().num_threads()
lightgbm.train({"verbosity": -1}, lightgbm.Dataset(rows, rows[:, 0]), 2)
print(psutil.Process().num_threads() - before)
"""


@pytest.mark.parametrize("preloaded", ["preloaded", "later"])
@pytest.mark.parametrize("threads", [1, 3])
def test_boosting_starts_no_more_threads_than_it_is_given(preloaded: str, threads: int) -> None:
    environment = {**os.environ, "PYTHONPATH": os.getcwd(), "OMP_NUM_THREADS": "2"}

    done = subprocess.run(
        [sys.executable, "-c", _BOOSTING, preloaded, str(threads)],
        env=environment,
        capture_output=True,
        check=True,
        timeout=60,
    )

    assert int(done.stdout) == threads - 1


def test_libraries_that_are_loaded_already_are_limited_too() -> None:
    environment = {**os.environ, "PYTHONPATH": os.getcwd(), "OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"}

    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM], env=environment, capture_output=True, check=True, timeout=60
    )

    threads, tensorflow = json.loads(done.stdout)
    assert threads
    assert set(threads) == {1}
    assert tensorflow == "1"
