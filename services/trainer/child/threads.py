"""How many cores a job may use: several jobs share a machine, and each library would take all of it."""

from __future__ import annotations

import os
import sys

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]


def limit_threads(count: int) -> None:
    """Limit the numeric libraries that are loaded, and those that will be, to ``count`` threads each.

    TensorFlow must not have computed anything yet.
    """
    for variable in (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "TF_NUM_INTRAOP_THREADS",
        "TF_NUM_INTEROP_THREADS",
    ):
        os.environ[variable] = str(count)
    threadpool_limits(count)
    if "tensorflow" in sys.modules:
        import tensorflow as tf  # type: ignore[import-untyped]

        tf.config.threading.set_intra_op_parallelism_threads(count)
        # An LSTM's steps are many small operations: side by side they take a third less time.
        tf.config.threading.set_inter_op_parallelism_threads(count)
