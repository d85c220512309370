"""Which models there are, and what may be asked of them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from services.trainer.child.job import run_job
from services.trainer.models.registry import MODELS, load_all, model_class
from shared.problems import Category, ProblemError
from shared.series.model_parameters import KINDS, parse_model
from shared.series.parameters.base import ModelParameters
from shared.series.parameters.linear import LinearParameters

_MEAN = '''
from pathlib import Path
import numpy as np
from services.trainer.models.base import Epoch, Forecaster

class Mean(Forecaster):
    """Forecasts each output's mean."""

    file_name = "model.json"
    libraries = ()
    weight_count = 0

    def _fit(self, data, history):
        self._mean = data.targets.mean(axis=0)
        history.note(Epoch(1, 1, float(data.targets.var()), None))

    def _predict(self, inputs):
        return np.repeat(self._mean[None], len(inputs), axis=0)

    def save(self, folder):
        path = folder / self.file_name
        path.write_text(str(self._mean.tolist()))
        return path

    @classmethod
    def load(cls, folder, parameters, output_shape):
        raise NotImplementedError
'''


class MeanParameters(ModelParameters):
    """Nothing to choose."""

    kind: Literal["Mean"] = "Mean"


def test_a_new_model_is_one_file_and_one_registration(
    tmp_path: Path,
    load_dataset: Path,
    job: Callable[[Path, Path, dict[str, Any], str], dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "mean_model.py").write_text(_MEAN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(MODELS, "Mean", "mean_model:Mean")
    monkeypatch.setitem(KINDS, "Mean", MeanParameters)

    message = run_job(job(load_dataset, tmp_path / "output", {"kind": "Mean"}, "load"), lambda _: None)

    assert message["type"] == "trained"
    assert (tmp_path / "output" / "model.json").stat().st_size > 0
    # The mean at each hour of the window differs hardly from the mean of all.
    with np.load(tmp_path / "output" / "forecasts.npz", allow_pickle=False) as arrays:
        assert np.allclose(arrays["forecast"], arrays["baseline_training_mean"], atol=0.5)


def test_a_linear_model_does_not_wait_for_tensorflow() -> None:
    program = """
import sys
from services.trainer.child import job
from services.trainer.models.registry import model_class
model_class("Linear")
sys.exit("tensorflow" in sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_load_all_imports_every_model() -> None:
    load_all()

    assert {path.partition(":")[0] for path in MODELS.values()} <= set(sys.modules)


@pytest.mark.parametrize("fault", ["import no_such_library", "raise OSError('libgomp.so.1: cannot open it')"])
def test_a_model_whose_library_is_not_there_is_refused_by_name_and_the_others_work(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken_model.py").write_text(fault)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(MODELS, "Broken", "broken_model:Broken")

    load_all()

    assert model_class("Linear").__name__ == "Linear"
    with pytest.raises(ProblemError, match="Broken cannot be computed") as raised:
        model_class("Broken")
    assert raised.value.problem.category is Category.INTERNAL
    assert "foretide doctor" in raised.value.problem.recovery[0]


@pytest.mark.parametrize("layers", [None, "3", 2.5, True, 0, 17, [], [0], [64, "32"]])
def test_f76_layers_of_the_wrong_type_or_size_are_refused_by_name(layers: Any) -> None:
    with pytest.raises(ProblemError) as raised:
        parse_model({"kind": "Dense", "layers": layers})

    assert raised.value.problem.category is Category.DATA_VALIDATION
    assert "Dense.layers" in raised.value.problem.detail


@pytest.mark.parametrize(
    "document, named",
    [
        ({"kind": "Dense", "units": 10_000_000}, "Dense.units"),
        ({"kind": "Dense", "learning_rate": float("nan")}, "Dense.learning_rate"),
        ({"kind": "Dense", "learning_rate": float("inf")}, "Dense.learning_rate"),
        ({"kind": "Dense", "epochs": "many"}, "Dense.epochs"),
        ({"kind": "Dense", "epochs": "20"}, "Dense.epochs"),
        ({"kind": "Dense", "epochs": True}, "Dense.epochs"),
        ({"kind": "Dense", "batch_size": 32.0}, "Dense.batch_size"),
        ({"kind": "LSTM", "units": 10_000_000}, "LSTM.units"),
        ({"kind": "LSTM", "decoder": "distributed"}, "LSTM.decoder"),
        ({"kind": "SVRDirect", "kernel": "cubic"}, "SVRDirect.kernel"),
        ({"kind": "SVRDirect", "C": 0}, "SVRDirect.C"),
        ({"kind": "SVRDirect", "gamma": "large"}, "SVRDirect.gamma"),
        ({"kind": "SVRMIMO", "max_samples": 1_000_000}, "SVRMIMO.max_samples"),
        ({"kind": "SVRStepwise", "kernel": "cubic"}, "SVRStepwise.kernel"),
        ({"kind": "LinearStepwise", "ridge": 1.0}, "LinearStepwise.ridge"),
        ({"kind": "LightGBM", "strategy": "all"}, "LightGBM.strategy"),
        ({"kind": "LightGBM", "trees": 10_000_000}, "LightGBM.trees"),
        ({"kind": "CNN", "filters": 3, "units": 4}, "CNN.units"),
        ({"kind": ["Dense"]}, "models.kind"),
        ({"kind": "x" * 1_000_000}, "models.kind"),
        ({"kind": "Linear", "ridge": -1}, "Linear.ridge"),
        ({"kind": "Linear", "rigde": 1}, "Linear.rigde"),
        ({"kind": "Linaer"}, "models.kind"),
        ({}, "models.kind"),
    ],
)
def test_f76_what_cannot_be_trained_is_refused_by_name(document: dict[str, Any], named: str) -> None:
    with pytest.raises(ProblemError) as raised:
        parse_model(document)

    assert named in raised.value.problem.detail


def test_f76_defaults_are_applied_at_the_border() -> None:
    assert parse_model({"kind": "Linear"}) == LinearParameters(seed=0, ridge=0.0)
    assert parse_model({"kind": "Dense"}).model_dump() == {
        "kind": "Dense",
        "seed": 0,
        "layers": 3,
        "units": 512,
        "activation": "relu",
        "epochs": 20,
        "batch_size": 32,
        "learning_rate": 0.001,
        "patience": 2,
        "time_limit_seconds": None,
        "normalization": "auto",
    }


@pytest.mark.parametrize("given, meant", [("AR LSTM", "ARLSTM"), ("SVR_dir", "SVRDirect"), ("LGBMR", "LightGBM")])
def test_older_names_of_models_are_understood(given: str, meant: str) -> None:
    assert parse_model({"kind": given}).kind == meant


@pytest.mark.parametrize("given, meant", [("Keine", "linear"), ("none", "linear"), ("ReLU", "relu"), ("TANH", "tanh")])
def test_older_names_of_activations_are_understood(given: str, meant: str) -> None:
    assert parse_model({"kind": "Dense", "activation": given}).model_dump()["activation"] == meant


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ({"kind": "Dense", "unitz": 3}, "Dense.unitz: There is no such parameter (got 3)."),
        ({"kind": "Dense", "units": "many"}, "Dense.units: Input should be a valid integer"),
        ({"kind": "Dense", "units": 10_000_000}, "Dense.units: Input should be less than or equal to 4096"),
        ({"kind": "Dense", "layers": []}, "Dense.layers: a list of layers has 1 to 16 entries"),
    ],
)
def test_a_wrong_parameter_is_named_with_what_is_taken(model: dict[str, Any], said: str) -> None:
    with pytest.raises(ProblemError) as raised:
        parse_model(model)

    problem = raised.value.problem
    assert problem.category is Category.DATA_VALIDATION
    assert problem.detail.startswith(said)
    assert "learning_rate" in problem.recovery[0]
