"""A worker's class of device: hidden, demanded, or taken where there is one."""

from __future__ import annotations

import subprocess
import sys

import pytest
import tensorflow as tf

from services.trainer.child.device import device_in_use, use_device
from shared.problems import Category, ProblemError
from shared.series.model_parameters import parse_model

DENSE, LINEAR = parse_model({"kind": "Dense"}), parse_model({"kind": "Linear"})
OF_NETWORKS = parse_model({"kind": "Ensemble", "members": [{"kind": "Linear"}, {"kind": "Dense"}], "size": 1})
HIDDEN = """
import os
from services.trainer.child.device import device_in_use, use_device
from shared.series.model_parameters import parse_model
use_device("cpu", parse_model({"kind": "Linear"}))
print(os.environ["CUDA_VISIBLE_DEVICES"], device_in_use())
"""


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if there were one."""
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind: ["GPU:0"] if kind == "GPU" else [])


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda _: [])


def test_cpu_hides_every_gpu_from_what_is_loaded_later() -> None:
    said = subprocess.run([sys.executable, "-c", HIDDEN], capture_output=True, text=True, check=True).stdout

    assert said.split() == ["-1", "cpu"]


def test_cpu_hides_every_gpu_from_tensorflow_that_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[list[str], str]] = []
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.setattr(tf.config, "set_visible_devices", lambda devices, kind: seen.append((devices, kind)))

    use_device("cpu", DENSE)

    assert seen == [([], "GPU")]


@pytest.mark.usefixtures("no_gpu")
@pytest.mark.parametrize("parameters", [DENSE, OF_NETWORKS], ids=["Dense", "Ensemble"])
def test_a_network_that_must_have_a_gpu_is_refused_where_there_is_none(parameters: object) -> None:
    with pytest.raises(ProblemError) as refused:
        use_device("gpu", parameters)  # type: ignore[arg-type]

    assert refused.value.problem.category is Category.RESOURCE_EXHAUSTION
    assert refused.value.problem.recovery


@pytest.mark.usefixtures("no_gpu")
def test_what_is_no_network_needs_no_gpu() -> None:
    use_device("gpu", LINEAR)

    assert device_in_use() == "cpu"


@pytest.mark.usefixtures("gpu")
def test_a_gpu_that_is_there_is_taken() -> None:
    use_device("auto", DENSE)
    use_device("gpu", DENSE)

    assert device_in_use() == "gpu"
