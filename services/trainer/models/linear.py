"""Ordinary least squares from the flattened window to all outputs, with an optional ridge term."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import skops.io  # type: ignore[import-untyped]
from numpy.typing import NDArray
from sklearn.linear_model import LinearRegression, Ridge  # type: ignore[import-untyped]

from services.trainer.models.base import Epoch, Forecaster, History, TrainingData, Windows
from shared.series.parameters.base import ModelParameters
from shared.series.parameters.linear import LinearParameters

_ALLOWED = (LinearRegression, Ridge)


class Linear(Forecaster):
    """scikit-learn's least squares; one fit, so one epoch."""

    file_name: ClassVar[str] = "model.skops"
    libraries: ClassVar[tuple[str, ...]] = ("sklearn", "skops")

    def __init__(self, parameters: ModelParameters) -> None:
        super().__init__(parameters)
        self._estimator: Any = None
        self._output_shape = (0, 0)

    def _fit(self, data: TrainingData, history: History) -> None:
        assert isinstance(self.parameters, LinearParameters)
        ridge = self.parameters.ridge
        self._estimator = Ridge(alpha=ridge) if ridge > 0 else LinearRegression()
        self._output_shape = (data.targets.shape[1], data.targets.shape[2])
        self._estimator.fit(_flat(data.inputs), _flat(data.targets))
        loss, val_loss = self._loss(data.inputs, data.targets), None
        if len(data.validation_inputs):
            val_loss = self._loss(data.validation_inputs, data.validation_targets)
        history.note(Epoch(1, 1, loss, val_loss))

    def _predict(self, inputs: Windows) -> NDArray[np.floating]:
        flat: NDArray[np.float64] = self._estimator.predict(_flat(inputs))
        return flat.reshape(len(inputs), *self._output_shape)

    def _loss(self, inputs: Windows, targets: Windows) -> float:
        return float(np.mean((self._predict(inputs) - targets) ** 2))

    def save(self, folder: Path) -> Path:
        """See :class:`Forecaster`."""
        path = folder / self.file_name
        skops.io.dump(self._estimator, path)
        return path

    @classmethod
    def load(cls, folder: Path, parameters: ModelParameters, output_shape: tuple[int, int]) -> Self:
        """See :class:`Forecaster`. Raises ValueError for a file that holds anything else."""
        model = cls(parameters)
        model._estimator = skops.io.load(folder / cls.file_name, trusted=[])
        if type(model._estimator) not in _ALLOWED:
            raise ValueError(f"{cls.file_name} holds {type(model._estimator).__name__}, which is no linear model")
        model._output_shape = output_shape
        return model

    @property
    def weight_count(self) -> int:
        """Coefficients and intercepts."""
        return int(np.size(self._estimator.coef_) + np.size(self._estimator.intercept_))


def _flat(windows: Windows) -> NDArray[np.float64]:
    return windows.reshape(len(windows), -1).astype(np.float64)
