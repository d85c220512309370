"""NLinear and DLinear: one linear map from a target's own window to its steps (algorithms section 6).

After Zeng et al., "Are Transformers Effective for Time Series Forecasting?", AAAI 2023; solved in closed form.
"""

from __future__ import annotations

from abc import abstractmethod
from itertools import product
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from services.trainer.models.base import Epoch, Forecaster, History, TrainingData, Windows
from services.trainer.models.columns import OwnPast
from services.trainer.models.ridge import Array, Blocks, LinearMap, NormalEquations, squared_error
from shared.problems import Category, ProblemError
from shared.series.parameters.base import MAX_WEIGHTS, ModelParameters, Shape
from shared.series.parameters.linear import ClosedFormParameters, DLinearParameters

_RIDGES = tuple(10.0**power for power in range(-6, 3))
_RIDGE_WITHOUT_VALIDATION = 1e-3
_VALUES_AT_ONCE = 4_000_000


class ClosedForm(Forecaster):
    """Subclasses say what of a target's own window the map sees, and to what its result is added.

    ``own`` (targets): the column of each target's past, None where it is not among the inputs. Without it the map sees
    the covariates alone.
    """

    file_name: ClassVar[str] = "model.npz"
    libraries: ClassVar[tuple[str, ...]] = ("scipy",)
    sees_levels: ClassVar[bool]
    """Whether the map sees how high the window lies; if it sees differences alone, an intercept would be a drift."""

    def __init__(self, parameters: ModelParameters) -> None:
        super().__init__(parameters)
        assert isinstance(parameters, ClosedFormParameters)
        self.settings = parameters
        self._own: list[OwnPast | None] = []
        self._covariates = False
        self._map: LinearMap

    @abstractmethod
    def features(self, own: Array) -> tuple[Array, Array]:
        """Of the own window (n, I): what the map sees (n, p), and (n, 1) to which its result is added."""

    def _fit(self, data: TrainingData, history: History) -> None:
        self._own = [data.columns.of_target(target) for target in range(data.output_shape[1])]
        best = np.inf
        for covariates in self._choices_of_covariates(data):
            equations = NormalEquations(self._blocks(data, covariates), intercept=covariates or self.sees_levels)
            for ridge in self._choices_of_ridge(data):
                found = equations.solve(ridge)
                loss = self._loss(data, found, covariates, validation=True) if len(data.validation_inputs) else 0.0
                if not history.chosen or loss < best:
                    best, self._covariates, self._map = loss, covariates, found
                    history.chosen = {"ridge": ridge, "covariates": "all" if covariates else "none"}
        training_loss = self._loss(data, self._map, self._covariates, validation=False)
        history.note(Epoch(1, 1, training_loss, best if len(data.validation_inputs) else None))

    def _choices_of_ridge(self, data: TrainingData) -> tuple[float, ...]:
        if self.settings.ridge is not None:
            return (self.settings.ridge,)
        return _RIDGES if len(data.validation_inputs) else (_RIDGE_WITHOUT_VALIDATION,)

    def _choices_of_covariates(self, data: TrainingData) -> list[bool]:
        """Raises DATA_VALIDATION where the own past alone was asked for and is not there."""
        known = all(own is not None for own in self._own)
        if self.settings.covariates == "none" and not known:
            raise ProblemError(
                Category.DATA_VALIDATION,
                title="The target's past is not among the inputs",
                detail=f"{self.parameters.kind} with covariates 'none' forecasts a target from its own past alone.",
                recovery=["Add the target's series as an input.", "Set covariates to 'all' or 'auto'."],
            )
        if self.settings.covariates != "auto":
            return [self.settings.covariates == "all"]
        width = self.settings.width(data.input_shape, covariates=True)
        if known and (data.input_shape[1] == 1 or width * (width + data.output_shape[0]) > MAX_WEIGHTS):
            return [False]
        return [False, True] if known and len(data.validation_inputs) else [True]

    def _blocks(self, data: TrainingData, covariates: bool, *, validation: bool = False) -> Blocks:
        """Of all targets: what one has shown serves the others."""
        inputs = data.validation_inputs if validation else data.inputs
        targets = data.validation_targets if validation else data.targets
        for target, part in product(range(len(self._own)), self._parts(inputs)):
            rows, base = self._rows(inputs[part], target, covariates)
            yield rows, targets[part, :, target].astype(np.float64) - base

    def _parts(self, inputs: Windows) -> list[slice]:
        width = self.settings.width((inputs.shape[1], inputs.shape[2]), covariates=True)
        size = max(1, _VALUES_AT_ONCE // width)
        return [slice(start, start + size) for start in range(0, len(inputs), size)]

    def _rows(self, inputs: Windows, target: int, covariates: bool) -> tuple[Array, Array]:
        """What the map sees of the windows for one target, and the base of its result."""
        values = inputs.astype(np.float64)
        own = self._own[target]
        window = np.zeros(values.shape[:2])
        if own is not None:
            window = own.slope * values[..., own.column] + own.intercept
        seen, base = self.features(window)
        if not covariates:
            return seen, base
        if own is not None:
            values[..., own.column] = 0.0
        return np.hstack([seen, values.reshape(len(values), -1)]), base

    def _loss(self, data: TrainingData, one: LinearMap, covariates: bool, *, validation: bool) -> float:
        total, count = squared_error(one, self._blocks(data, covariates, validation=validation))
        return total / count

    def _predict(self, inputs: Windows) -> NDArray[np.floating]:
        forecasts = []
        for target in range(len(self._own)):
            blocks = []
            for part in self._parts(inputs):
                rows, base = self._rows(inputs[part], target, self._covariates)
                blocks.append(self._map(rows) + base)
            forecasts.append(np.concatenate(blocks))
        return np.stack(forecasts, axis=-1)

    def save(self, folder: Path) -> Path:
        """See :class:`Forecaster`; plain arrays."""
        path = folder / self.file_name
        own = [(o.column, o.slope, o.intercept) if o else (-1, 0.0, 0.0) for o in self._own]
        np.savez(
            path,
            own=np.array(own, dtype=np.float64),
            covariates=np.array(self._covariates),
            weights=self._map.weights,
            intercept=self._map.intercept,
        )
        return path

    @classmethod
    def load(cls, folder: Path, parameters: ModelParameters, output_shape: Shape) -> Self:
        """See :class:`Forecaster`."""
        model = cls(parameters)
        with np.load(folder / cls.file_name, allow_pickle=False) as arrays:
            own = arrays["own"]
            model._own = [OwnPast(int(c), float(s), float(i)) if c >= 0 else None for c, s, i in own]
            model._covariates = bool(arrays["covariates"])
            model._map = LinearMap(arrays["weights"], arrays["intercept"])
        return model

    @property
    def weight_count(self) -> int:
        """Weights and intercepts."""
        return self._map.weights.size + self._map.intercept.size


class NLinear(ClosedForm):
    """The window minus its last value; the last value is added back."""

    sees_levels = False

    def features(self, own: Array) -> tuple[Array, Array]:
        """See :class:`ClosedForm`."""
        last = own[:, -1:]
        return own - last, last


class DLinear(ClosedForm):
    """The window's moving average, whose ends are held, and what remains of it."""

    sees_levels = True

    def features(self, own: Array) -> tuple[Array, Array]:
        """See :class:`ClosedForm`."""
        assert isinstance(self.settings, DLinearParameters)
        trend = own @ moving_average(own.shape[1], self.settings.average_steps).T
        return np.hstack([trend, own - trend]), np.zeros((len(own), 1))


def moving_average(steps: int, width: int) -> Array:
    """(steps, steps): each step becomes the mean of ``width`` steps around it; beyond the ends the end counts."""
    matrix = np.zeros((steps, steps))
    for offset in range(-((width - 1) // 2), width // 2 + 1):
        np.add.at(matrix, (np.arange(steps), np.clip(np.arange(steps) + offset, 0, steps - 1)), 1 / width)
    return matrix
