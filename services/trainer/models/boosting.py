"""Gradient boosting with LightGBM on the flattened window (algorithms section 6)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Self

import lightgbm
import numpy as np
import orjson
from numpy.typing import NDArray

from services.trainer.models.base import (
    Epoch,
    Forecaster,
    History,
    TrainingData,
    Windows,
    share_of_time,
)
from services.trainer.models.convergence import not_converged
from services.trainer.models.sampling import SET_BY_MAX_SAMPLES, drawn
from shared.series.parameters.base import ModelParameters, Shape
from shared.series.parameters.trees import LightGBMParameters

Rows = NDArray[np.float32]
Places = NDArray[np.int64]

_VALUES_AT_ONCE = 200_000_000
"""Numbers of a training table: 800 MB of float32."""
_TOLD = 100
"""Times that a job of few boosters tells how far it is."""


@dataclass(frozen=True, slots=True)
class _Table:
    """Rows (m, p) and what each booster is to give for them (m, boosters)."""

    rows: Rows
    values: Rows


class LightGBM(Forecaster):
    """A booster for each step and target, or for each target with the step as a feature."""

    file_name: ClassVar[str] = "model.json"
    libraries: ClassVar[tuple[str, ...]] = ("lightgbm",)

    def __init__(self, parameters: ModelParameters) -> None:
        super().__init__(parameters)
        assert isinstance(parameters, LightGBMParameters)
        self.settings = parameters
        self._output_shape = (0, 0)
        self._texts: list[str] = []
        self._boosters: list[Any] = []

    def _fit(self, data: TrainingData, history: History) -> None:
        self._output_shape = data.output_shape
        training = self._table(data.inputs, data.targets, history)
        validation = None
        if len(data.validation_inputs):
            # How many of them there are is told of the training part alone.
            validation = self._table(
                data.validation_inputs, data.validation_targets, History(lambda _: None, self.settings)
            )
        self._keep(list(_trained(self._options(), training, validation, self.settings, history)))

    def _options(self) -> dict[str, Any]:
        """LightGBM's own names; the same seed gives the same trees on the same machine."""
        settings = self.settings
        return {
            "objective": "l2",
            "metric": "l2",
            "learning_rate": settings.learning_rate,
            "num_leaves": settings.leaves,
            "min_data_in_leaf": settings.least_samples,
            "feature_fraction": settings.column_share,
            "lambda_l2": settings.l2,
            "seed": settings.seed,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        }

    def _table(self, inputs: Windows, targets: Windows, history: History) -> _Table:
        """Windows, or pairs of a window and a step; some of them where they are too many."""
        settings, (steps, count) = self.settings, self._output_shape
        width = inputs.shape[1] * inputs.shape[2] + 1
        most = max(1, _VALUES_AT_ONCE // width)
        limit = min(settings.max_samples, most)
        why = SET_BY_MAX_SAMPLES if limit < most else "more of that width do not fit into memory"
        if settings.strategy == "direct":
            windows = drawn(len(inputs), limit, settings.seed, history, what="windows", why=why)
            return _Table(_flat(inputs[windows]), _flat(targets[windows]))
        pairs = drawn(
            len(inputs) * steps,
            limit,
            settings.seed,
            history,
            what="pairs of window and step",
            why=why,
        )
        windows, step = pairs // steps, pairs % steps
        return _Table(_with_step(_flat(inputs[windows]), step), targets[windows, step].reshape(len(pairs), count))

    def _predict(self, inputs: Windows) -> NDArray[np.floating]:
        rows, (steps, count) = _flat(inputs), self._output_shape
        if self.settings.strategy == "direct":
            found = [booster.predict(rows) for booster in self._boosters]
            return np.stack(found, axis=1).reshape(len(inputs), steps, count)
        by_step = []
        for step in range(steps):
            asked = _with_step(rows, np.full(len(rows), step))
            by_step.append(np.stack([booster.predict(asked) for booster in self._boosters], axis=1))
        return np.stack(by_step, axis=1)

    def _keep(self, texts: list[str]) -> None:
        self._texts = texts
        self._boosters = [lightgbm.Booster(model_str=text) for text in texts]

    def save(self, folder: Path) -> Path:
        """See :class:`Forecaster`; LightGBM's own text for each booster."""
        path = folder / self.file_name
        path.write_bytes(orjson.dumps({"boosters": self._texts}))
        return path

    @classmethod
    def load(cls, folder: Path, parameters: ModelParameters, output_shape: Shape) -> Self:
        """See :class:`Forecaster`."""
        model = cls(parameters)
        model._output_shape = output_shape
        model._keep(orjson.loads((folder / cls.file_name).read_bytes())["boosters"])
        return model

    @property
    def weight_count(self) -> int:
        """Leaves of all trees."""
        lines = (line for text in self._texts for line in text.splitlines())
        return sum(int(line.partition("=")[2]) for line in lines if line.startswith("num_leaves="))


def _trained(
    options: dict[str, Any], training: _Table, validation: _Table | None, settings: LightGBMParameters, history: History
) -> Iterator[str]:
    """One booster's text after the other; the table is sorted into bins once."""
    table = lightgbm.Dataset(training.rows, params=options, free_raw_data=False)
    tables = {"training": (table, training)}
    if validation is not None:
        other = lightgbm.Dataset(validation.rows, reference=table, free_raw_data=False)
        tables["validation"] = other, validation
    boosters, ended_early = training.values.shape[1], 0
    for place in range(boosters):
        for one, values in tables.values():
            one.set_label(np.ascontiguousarray(values.values[:, place]))
        limit = _Limit(share_of_time(history.deadline, boosters - place))
        losses: dict[str, dict[str, list[float]]] = {}
        callbacks: list[Callable[..., Any]] = [lightgbm.record_evaluation(losses), limit]
        callbacks.append(_Told(history, settings.trees, place, boosters))
        if validation is not None:
            callbacks.append(lightgbm.early_stopping(settings.patience, verbose=False))
        try:
            booster = lightgbm.train(
                options,
                table,
                settings.trees,
                valid_sets=[one for one, _ in tables.values()],
                valid_names=list(tables),
                callbacks=callbacks,
            )
        except lightgbm.basic.LightGBMError as error:
            raise not_converged(f"LightGBM: {error}", settings, history.epochs) from error
        ended_early += limit.reached
        found = {name: [float(loss) for loss in metrics["l2"]] for name, metrics in losses.items()}
        best = int(np.argmin(found["validation"])) if validation is not None else len(found["training"]) - 1
        val_loss = found["validation"][best] if validation is not None else None
        history.note(Epoch(place + 1, boosters, found["training"][best], val_loss))
        yield booster.model_to_string(num_iteration=best + 1)
    if ended_early:
        history.warnings.append(f"The time limit ended {ended_early} of {boosters} boosters early.")


class _Told:
    """Tells of a booster while it grows: it may be the only one, of thousands of trees."""

    def __init__(self, history: History, trees: int, place: int, boosters: int) -> None:
        self.order, self.before_iteration = 35, False
        self._history = history
        self._every = max(1, trees * boosters // _TOLD)
        self._trees, self._place, self._boosters = trees, place, boosters

    def __call__(self, environment: Any) -> None:
        """LightGBM calls this after each tree."""
        grown = environment.iteration + 1
        if grown % self._every or grown == self._trees:
            return
        losses = {name: float(loss) for name, _, loss, _ in environment.evaluation_result_list}
        share = (self._place + grown / self._trees) / self._boosters
        told = Epoch(self._place + 1, self._boosters, losses["training"], losses.get("validation"), share)
        self._history.report(told)


class _Limit:
    """Ends a booster after the tree that it is at ``until`` (monotonic seconds)."""

    def __init__(self, until: float | None) -> None:
        # LightGBM looks for these on the object itself; after the losses of the tree were recorded.
        self.order, self.before_iteration = 40, False
        self.reached = False
        self._until = until

    def __call__(self, environment: Any) -> None:
        """LightGBM calls this after each tree."""
        if self._until is not None and time.monotonic() > self._until:
            self.reached = True
            raise lightgbm.callback.EarlyStopException(environment.iteration, environment.evaluation_result_list)


def _flat(windows: Windows) -> Rows:
    return np.ascontiguousarray(windows.reshape(len(windows), -1), dtype=np.float32)


def _with_step(rows: Rows, steps: Places) -> Rows:
    return np.hstack([rows, steps[:, None].astype(np.float32)])
