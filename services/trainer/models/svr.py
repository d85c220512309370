"""Support vector machines on the flattened window (algorithms section 6).

scikit-learn solves them; the kernel is computed once for all machines of a model, and kept as plain arrays.
"""

from __future__ import annotations

import warnings
from abc import abstractmethod
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning  # type: ignore[import-untyped]
from sklearn.preprocessing import StandardScaler  # type: ignore[import-untyped]
from sklearn.svm import SVR  # type: ignore[import-untyped]

from services.trainer.models.base import Epoch, Forecaster, History, TrainingData, Windows
from services.trainer.models.sampling import drawn
from shared.series.parameters.base import ModelParameters, Shape
from shared.series.parameters.kernel import SVRParameters

Array = NDArray[np.float64]

_UPDATES = 5e10
"""Updates of a row that all machines of a model may take together: minutes, not days."""
_ITERATIONS = (1_000, 100_000)
_VALUES_AT_ONCE = 8_000_000
_STEP_REACH = 0.2
"""How far a step's kernel reaches, as a share of all steps."""


class KernelMachines(Forecaster):
    """``rows`` (m, I * F_in) standardised, ``steps`` (m,) of each row, and for each machine its coefficients (m, k)."""

    file_name: ClassVar[str] = "model.npz"
    libraries: ClassVar[tuple[str, ...]] = ("sklearn",)

    def __init__(self, parameters: ModelParameters) -> None:
        super().__init__(parameters)
        assert isinstance(parameters, SVRParameters)
        self.settings = parameters
        self._output_shape = (0, 0)
        self._arrays: dict[str, NDArray[Any]] = {}

    @abstractmethod
    def rows_to_learn(self, data: TrainingData, history: History) -> tuple[NDArray[np.int64], NDArray[np.int64], Array]:
        """Windows (m,), the step that each row is for (m,), and what each of k machines is to give (m, k)."""

    @abstractmethod
    def step_kernel(self, these: NDArray[np.int64], those: NDArray[np.int64]) -> Array | float:
        """What the windows' kernel is multiplied with, for rows of these and of those steps."""

    @abstractmethod
    def steps_to_ask(self) -> list[int]:
        """The steps that the machines are asked for one after the other."""

    def _fit(self, data: TrainingData, history: History) -> None:
        self._output_shape = data.output_shape
        windows, steps, values = self.rows_to_learn(data, history)
        scaler = StandardScaler()
        rows = scaler.fit_transform(_flat(data.inputs[windows]))
        self._arrays = {
            "mean": scaler.mean_,
            "scale": scaler.scale_,
            "gamma": np.array(self._gamma(rows)),
            "rows": rows,
            "steps": steps,
        }
        kernel = self._kernel(rows, rows) * self.step_kernel(steps, steps)
        dual, intercepts = self._solve(kernel, values, history)
        kept = dual.any(axis=1)
        self._arrays.update(rows=rows[kept], steps=steps[kept], dual=dual[kept], intercepts=intercepts)

    def _solve(self, kernel: Array, values: Array, history: History) -> tuple[Array, Array]:
        count, machines = values.shape
        iterations = int(np.clip(_UPDATES / (count * machines), *_ITERATIONS))
        dual, intercepts = np.zeros(values.shape), np.zeros(machines)
        unfinished = 0
        for place in range(machines):
            machine = SVR(kernel="precomputed", C=self.settings.C, epsilon=self.settings.epsilon, max_iter=iterations)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                machine.fit(kernel, values[:, place])
            unfinished += machine.fit_status_
            dual[machine.support_, place], intercepts[place] = machine.dual_coef_[0], machine.intercept_[0]
            loss = float(np.mean((kernel @ dual[:, place] + intercepts[place] - values[:, place]) ** 2))
            done = place + 1
            history.note(Epoch(done, machines, loss, None))
        if unfinished:
            history.warnings.append(
                f"{unfinished} of {machines} machines were not at their best after {iterations} iterations; "
                "a smaller C or a larger epsilon makes it easier."
            )
        return dual, intercepts

    def _gamma(self, rows: Array) -> float:
        """As scikit-learn has it: scale is 1 / (columns * variance), auto is 1 / columns."""
        if isinstance(self.settings.gamma, float):
            return self.settings.gamma
        variance = float(rows.var()) if self.settings.gamma == "scale" else 1.0
        return 1.0 / (rows.shape[1] * variance) if variance > 0 else 1.0

    def _kernel(self, these: Array, those: Array) -> Array:
        """(n, m), from the rows' inner products."""
        inner, gamma = these @ those.T, float(self._arrays["gamma"])
        match self.settings.kernel:
            case "linear":
                kernel = inner
            case "poly":
                kernel = (gamma * inner + self.settings.coef0) ** self.settings.degree
            case "sigmoid":
                kernel = np.tanh(gamma * inner + self.settings.coef0)
            case "rbf":
                squares = np.sum(these**2, axis=1)[:, None] + np.sum(those**2, axis=1)[None, :]
                kernel = np.exp(-gamma * np.maximum(squares - 2 * inner, 0.0))
        return kernel

    def _predict(self, inputs: Windows) -> NDArray[np.floating]:
        size = max(1, _VALUES_AT_ONCE // max(1, len(self._arrays["rows"]), inputs.shape[1] * inputs.shape[2]))
        blocks = [self._predict_block(inputs[start : start + size]) for start in range(0, len(inputs), size)]
        return np.concatenate(blocks) if blocks else np.empty((0, *self._output_shape))

    def _predict_block(self, inputs: Windows) -> Array:
        arrays = self._arrays
        rows = (_flat(inputs) - arrays["mean"]) / arrays["scale"]
        kernel, steps = self._kernel(rows, arrays["rows"]), arrays["steps"].astype(np.int64)
        found = [
            (kernel * self.step_kernel(np.array([step]), steps)) @ arrays["dual"] + arrays["intercepts"]
            for step in self.steps_to_ask()
        ]
        return np.stack(found, axis=1).reshape(len(inputs), *self._output_shape)

    def save(self, folder: Path) -> Path:
        """See :class:`Forecaster`; plain arrays."""
        path = folder / self.file_name
        np.savez(path, **self._arrays)  # type: ignore[arg-type]
        return path

    @classmethod
    def load(cls, folder: Path, parameters: ModelParameters, output_shape: Shape) -> Self:
        """See :class:`Forecaster`."""
        model = cls(parameters)
        model._output_shape = output_shape
        with np.load(folder / cls.file_name, allow_pickle=False) as arrays:
            model._arrays = dict(arrays)
        return model

    @property
    def weight_count(self) -> int:
        """Support vectors, coefficients and intercepts."""
        return sum(self._arrays[name].size for name in ("rows", "dual", "intercepts"))


class SVRDirect(KernelMachines):
    """A machine for each step and target."""

    learned_from: ClassVar[str] = "windows"

    def rows_to_learn(self, data: TrainingData, history: History) -> tuple[NDArray[np.int64], NDArray[np.int64], Array]:
        """See :class:`KernelMachines`: windows; the step does not matter."""
        limit, seed = self.settings.max_samples, self.settings.seed
        windows = drawn(len(data.inputs), limit, seed, history, what=self.learned_from)
        return windows, np.zeros(len(windows), dtype=np.int64), _flat(data.targets[windows])

    def step_kernel(self, these: NDArray[np.int64], those: NDArray[np.int64]) -> Array | float:
        """See :class:`KernelMachines`."""
        return 1.0

    def steps_to_ask(self) -> list[int]:
        """See :class:`KernelMachines`: all machines answer at once."""
        return [0]


class SVRMIMO(KernelMachines):
    """A machine for each target, for all steps: rows are windows with a step, and near steps are alike."""

    def rows_to_learn(self, data: TrainingData, history: History) -> tuple[NDArray[np.int64], NDArray[np.int64], Array]:
        """See :class:`KernelMachines`: pairs of a window and a step."""
        count, steps = len(data.inputs), data.output_shape[0]
        limit, seed = self.settings.max_samples, self.settings.seed
        pairs = drawn(count * steps, limit, seed, history, what="pairs of window and step")
        windows, step = pairs // steps, pairs % steps
        return windows, step, data.targets[windows, step].astype(np.float64)

    def step_kernel(self, these: NDArray[np.int64], those: NDArray[np.int64]) -> Array | float:
        """See :class:`KernelMachines`: a Gaussian of the steps' distance."""
        reach = _STEP_REACH * self._output_shape[0]
        distances: Array = (these[:, None] - those[None, :]) / reach
        return np.exp(-0.5 * distances**2)

    def steps_to_ask(self) -> list[int]:
        """See :class:`KernelMachines`."""
        return list(range(self._output_shape[0]))


def _flat(windows: Windows) -> Array:
    return windows.reshape(len(windows), -1).astype(np.float64)
