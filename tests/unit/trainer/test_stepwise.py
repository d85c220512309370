"""The step-wise reference variants: equal to the golden vectors, and one model for all steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from services.trainer.child.job import run_job
from services.trainer.models.base import TrainingData
from services.trainer.models.registry import model_class
from services.trainer.models.stepwise import LinearStepwise, SVRStepwise
from shared.series.dataset import Dataset, build_dataset
from shared.series.model_parameters import parse_model
from shared.series.parameters.stepwise import LinearStepwiseParameters, SVRStepwiseParameters
from tests.unit.series.golden_cases import CASES, check_evaluation, load
from tests.unit.trainer.conftest import MakeData, WriteDataset

_MODELS = {
    "linear_stepwise": ({"kind": "LinearStepwise"}, 1e-7),
    "svr_stepwise": ({"kind": "SVRStepwise", "kernel": "poly", "C": 1.0, "epsilon": 0.1}, 1e-5),
}
Expected = dict[str, NDArray[Any]]


def _expected(case: Path) -> Expected:
    with np.load(case / "expected.npz") as stored:
        return {name: stored[name] for name in stored.files}


def _golden() -> list[Any]:
    return [
        pytest.param(case, model, id=f"{case.name}-{model}")
        for case in CASES
        for model in _MODELS
        if f"{model}_forecast" in _expected(case)
    ]


def test_the_golden_vectors_hold_both_variants() -> None:
    names = [model for _, model in (parameters.values for parameters in _golden())]

    assert (names.count("linear_stepwise"), names.count("svr_stepwise")) == (4, 1)


def _data(dataset: Dataset) -> TrainingData:
    """In float64, as the reference computed."""
    inputs: Any = dataset.array("inputs_scaled")
    targets: Any = dataset.array("targets_scaled")
    train, validation = dataset.parts.train, dataset.parts.validation
    return TrainingData(inputs[train], targets[train], inputs[validation], targets[validation])


@pytest.mark.parametrize("case, name", _golden())
def test_forecasts_coefficients_and_evaluation_equal_the_reference(case: Path, name: str) -> None:
    expected, (document, relative) = _expected(case), _MODELS[name]
    dataset = build_dataset(*load(case))
    parameters = parse_model(document)
    model = model_class(parameters.kind)(parameters)

    model.fit(_data(dataset), lambda _: None)

    test = dataset.parts.test
    forecast = model.predict(dataset.array("inputs_scaled")[test])
    np.testing.assert_allclose(forecast, expected[f"{name}_forecast_scaled"], rtol=relative, atol=1e-9)
    for target, scaler in enumerate(dataset.scalers["targets"]):
        original = scaler.inverse(forecast[..., target])
        np.testing.assert_allclose(original, expected[f"{name}_forecast"][..., target], rtol=relative)
        truth = dataset.array("targets")[test][..., target]
        check_evaluation(truth, original, expected, name, target, relative)


@pytest.mark.parametrize("case", [values.values[0] for values in _golden() if values.values[1] == "linear_stepwise"])
def test_coefficients_and_intercepts_equal_the_reference(case: Path) -> None:
    """What a window of zeros gives is the intercept; a one in a column adds that column's coefficient."""
    expected, dataset = _expected(case), build_dataset(*load(case))
    model = LinearStepwise(LinearStepwiseParameters())
    model.fit(_data(dataset), lambda _: None)
    steps, columns = dataset.array("inputs").shape[1:]
    probes: Any = np.zeros((columns + 1, steps, columns))
    probes[range(1, columns + 1), :, range(columns)] = 1.0

    found = model.predict(probes)

    for step in range(steps):
        intercepts = found[0, step]
        np.testing.assert_allclose(intercepts, expected["linear_stepwise_intercept"], rtol=1e-7, atol=1e-9)
        coefficients = (found[1:, step] - intercepts).T
        np.testing.assert_allclose(coefficients, expected["linear_stepwise_coef"], rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("name, relative", [("linear_stepwise", 1e-5), ("svr_stepwise", 1e-3)])
def test_a_job_has_the_references_metrics_to_the_precision_of_its_windows(
    name: str,
    relative: float,
    write_dataset_files: WriteDataset,
    job: Callable[..., dict[str, Any]],
    tmp_path: Path,
) -> None:
    """Windows at rest are float32; the machines' solver is content within 1e-3, and then stops elsewhere."""
    case = next(path for path in CASES if path.name == "p7_svr_offset")
    configuration, series = load(case)
    by_file = {entry.file: series[place] for place, entry in enumerate(configuration.series)}
    write_dataset_files(tmp_path, configuration.model_dump(mode="json"), by_file)

    found = run_job(job(tmp_path, tmp_path / "output", _MODELS[name][0], "load"), lambda _: None)["metrics"]

    measured = [found[metric] for metric in ("mae", "mape", "mse", "rmse", "nrmse", "wape", "smape")]
    np.testing.assert_allclose(measured, _expected(case)[f"{name}_evaluation"][0, 0, 1:-1], rtol=relative)


@pytest.mark.parametrize("kind", ["LinearStepwise", "SVRStepwise"])
def test_steps_that_change_places_take_their_forecasts_along(kind: str, make_data: MakeData) -> None:
    data = make_data(input_shape=(5, 3), output_shape=(5, 2))
    model = model_class(kind)(parse_model({"kind": kind}))
    model.fit(data, lambda _: None)
    order = [3, 0, 4, 1, 2]

    forecast = model.predict(data.validation_inputs[:, order])

    assert np.allclose(forecast, model.predict(data.validation_inputs)[:, order], rtol=0, atol=1e-12)


def test_validation_loss_is_over_all_steps_and_targets(make_data: MakeData) -> None:
    data = make_data(input_shape=(4, 2), output_shape=(4, 2))
    model = LinearStepwise(LinearStepwiseParameters())

    history = model.fit(data, lambda _: None)

    errors = model.predict(data.validation_inputs) - data.validation_targets
    assert history.epochs[0].val_loss == pytest.approx(float(np.mean(errors**2)))


def test_without_validation_windows_there_is_no_validation_loss(make_data: MakeData) -> None:
    data = make_data(input_shape=(3, 2), output_shape=(3, 1))
    alone = replace(data, validation_inputs=data.inputs[:0], validation_targets=data.targets[:0])

    assert LinearStepwise(LinearStepwiseParameters()).fit(alone, lambda _: None).epochs[0].val_loss is None


def test_of_too_many_steps_some_are_drawn_and_the_user_is_told(make_data: MakeData) -> None:
    data = make_data(count=40, input_shape=(10, 2), output_shape=(10, 1))

    history = SVRStepwise(SVRStepwiseParameters(max_samples=50)).fit(data, lambda _: None)

    assert "50 of 300 steps of windows" in history.warnings[0]
