"""Which class of device networks compute on: a GPU where there is one, unless a worker's setting says otherwise."""

from __future__ import annotations

import os
import sys

from services.trainer.models.registry import model_class
from shared.problems import Category, ProblemError
from shared.series.parameters.base import ModelParameters
from shared.settings import Device


def use_device(asked: Device, parameters: ModelParameters) -> None:
    """Hide every GPU from what this process computes ("cpu"), or see that there is one for a network ("gpu").

    TensorFlow must not have computed anything yet. Raises RESOURCE_EXHAUSTION where a network has no GPU to be on.
    """
    if asked == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
        if "tensorflow" in sys.modules:
            import tensorflow as tf  # type: ignore[import-untyped]

            tf.config.set_visible_devices([], "GPU")
        return
    # Else TensorFlow takes all of a GPU's memory, and the next slot's child has none.
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    networks = any("tensorflow" in model_class(one.kind).libraries for one in parameters.alternatives())
    if asked == "gpu" and networks and device_in_use() == "cpu":
        raise ProblemError(
            Category.RESOURCE_EXHAUSTION,
            title="There is no GPU",
            detail=f"FORETIDE_DEVICE is gpu, and TensorFlow finds none on this worker for {parameters.kind}.",
            recovery=["Run this worker where there is a GPU and its driver.", "Set FORETIDE_DEVICE=auto."],
        )


def device_in_use() -> Device:
    """Of networks in this process: "gpu" where TensorFlow sees one, "cpu" also where it was never loaded."""
    if "tensorflow" not in sys.modules:
        return "cpu"
    import tensorflow as tf

    return "gpu" if tf.config.get_visible_devices("GPU") else "cpu"
