"""Reference variants: one model for all steps, from the columns at a step to the targets at that step.

What sees whole windows is given windows of a single step instead.
"""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from services.trainer.models.base import Forecaster, History, TrainingData, Windows
from services.trainer.models.linear import Linear
from services.trainer.models.svr import SVRDirect
from shared.series.parameters.base import ModelParameters, Shape
from shared.series.parameters.linear import LinearParameters


class Stepwise(Forecaster):
    """Subclasses say which model is given the steps; it writes and reads the file."""

    def __init__(self, parameters: ModelParameters) -> None:
        super().__init__(parameters)
        self._model = self.model_of_a_step(parameters)

    @classmethod
    @abstractmethod
    def model_of_a_step(cls, parameters: ModelParameters) -> Forecaster:
        """Not fitted yet."""

    def _fit(self, data: TrainingData, history: History) -> None:
        steps = TrainingData(
            _steps(data.inputs),
            _steps(data.targets),
            _steps(data.validation_inputs),
            _steps(data.validation_targets),
        )
        self._model._fit(steps, history)

    def _predict(self, inputs: Windows) -> NDArray[np.floating]:
        forecast = self._model._predict(_steps(inputs))
        return forecast.reshape(len(inputs), inputs.shape[1], forecast.shape[-1])

    def save(self, folder: Path) -> Path:
        """See :class:`Forecaster`."""
        return self._model.save(folder)

    @classmethod
    def load(cls, folder: Path, parameters: ModelParameters, output_shape: Shape) -> Self:
        """See :class:`Forecaster`."""
        model = cls(parameters)
        inner = model._model
        model._model = inner.load(folder, inner.parameters, (1, output_shape[1]))
        return model

    @property
    def weight_count(self) -> int:
        """See :class:`Forecaster`."""
        return self._model.weight_count


class LinearStepwise(Stepwise):
    """Ordinary least squares."""

    file_name: ClassVar[str] = Linear.file_name
    libraries: ClassVar[tuple[str, ...]] = Linear.libraries

    @classmethod
    def model_of_a_step(cls, parameters: ModelParameters) -> Forecaster:
        """See :class:`Stepwise`."""
        return Linear(LinearParameters())


class SVRStepwise(Stepwise):
    """A support vector machine for each target."""

    file_name: ClassVar[str] = SVRDirect.file_name
    libraries: ClassVar[tuple[str, ...]] = SVRDirect.libraries

    @classmethod
    def model_of_a_step(cls, parameters: ModelParameters) -> Forecaster:
        """See :class:`Stepwise`."""
        return _MachinesOfSteps(parameters)


class _MachinesOfSteps(SVRDirect):
    learned_from: ClassVar[str] = "steps of windows"


def _steps(windows: Windows) -> Windows:
    """(n, steps, columns) to (n * steps, 1, columns)."""
    return windows.reshape(-1, 1, windows.shape[2])
