"""Checkpoints: a training that was interrupted ends as one that was not."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from services.trainer.models.base import Epoch, Forecaster, History, TrainingData
from services.trainer.models.batches import ShuffledBatches
from services.trainer.models.checkpoint import CheckpointFile
from services.trainer.models.columns import Columns
from services.trainer.models.dense import Dense
from services.trainer.models.registry import model_class
from shared.problems import ProblemError
from shared.series.model_parameters import parse_model
from shared.series.parameters.base import ModelParameters, Shape
from shared.series.parameters.neural import DenseParameters
from tests.unit.trainer.conftest import MakeData

EPOCHS = 6
NETWORKS: dict[str, dict[str, Any]] = {
    "Dense": {"kind": "Dense", "layers": 1, "units": 8},
    "CNN": {"kind": "CNN", "layers": 1, "filters": 4},
    "LSTM": {"kind": "LSTM", "layers": 1, "units": 4},
    "ARLSTM": {"kind": "ARLSTM", "layers": 1, "units": 4},
}


class Killed(BaseException):
    """The process ended, whatever it was at."""


class Keeper:
    """A checkpoint file, what was written to it and why it was refused."""

    def __init__(self, path: Path, *, killed_after: int | None = None, copies: bool = False, **identity: Any) -> None:
        self.written: list[int] = []
        self.refused: list[str] = []
        self._killed_after = killed_after
        self._copies = copies
        self.file = CheckpointFile(path, identity, self._on_written, self.refused.append)

    def _on_written(self, epoch: int) -> None:
        self.written.append(epoch)
        if self._copies:
            shutil.copy(self.file.path, self.file.path.with_suffix(f".{epoch}"))
        if epoch == self._killed_after:
            raise Killed


def _model(kind: str, **changes: Any) -> Forecaster:
    small = {**NETWORKS[kind], "epochs": EPOCHS, "batch_size": 16, "learning_rate": 0.01, "seed": 5, **changes}
    return model_class(kind)(parse_model(small))


def _interrupt(model: Forecaster, data: TrainingData, path: Path, *, after: int) -> None:
    with pytest.raises(Killed):
        model.fit(data, lambda _: None, Keeper(path, killed_after=after).file)


def _losses(history: History) -> list[tuple[int, float, float | None]]:
    return [(epoch.epoch, epoch.loss, epoch.val_loss) for epoch in history.epochs]


@pytest.mark.parametrize("kind", sorted(NETWORKS))
def test_a_continued_training_ends_with_the_forecasts_and_the_history_of_the_one_it_continues(
    kind: str, make_data: MakeData, tmp_path: Path
) -> None:
    data = make_data(count=50)
    whole, continued = _model(kind), _model(kind)
    expected = whole.fit(data, lambda _: None, Keeper(tmp_path / "checkpoint.npz", copies=True).file)
    keeper = Keeper(tmp_path / "checkpoint.4")

    history = continued.fit(data, lambda _: None, keeper.file)

    assert keeper.written == [5, 6], "nothing was computed twice"
    assert history.continued_from == 4
    assert _losses(history) == _losses(expected)
    assert np.array_equal(continued.predict(data.validation_inputs), whole.predict(data.validation_inputs))


def test_a_training_that_was_interrupted_twice_ends_as_one_that_kept_no_checkpoint(
    make_data: MakeData, tmp_path: Path
) -> None:
    data, path = make_data(), tmp_path / "checkpoint.npz"
    whole, continued = _model("Dense"), _model("Dense")
    expected = whole.fit(data, lambda _: None)
    _interrupt(_model("Dense"), data, path, after=1)
    _interrupt(_model("Dense"), data, path, after=4)

    history = continued.fit(data, lambda _: None, Keeper(path).file)

    assert _losses(history) == _losses(expected)
    assert np.array_equal(continued.predict(data.inputs), whole.predict(data.inputs))


def test_early_stopping_counts_and_keeps_the_best_weights_across_an_interruption(
    make_data: MakeData, tmp_path: Path
) -> None:
    """With smaller targets in validation, learning makes it worse from some epoch on."""
    data = make_data(count=96)
    data = replace(data, validation_targets=data.validation_targets * 0.7)
    settings = {"epochs": 40, "patience": 3, "learning_rate": 0.005}
    whole, kept = _model("Dense", **settings), Keeper(tmp_path / "checkpoint.npz", copies=True)
    expected = whole.fit(data, lambda _: None, kept.file)
    losses = [loss for _, _, loss in _losses(expected)]
    best = int(np.argmin(losses)) + 1
    assert 1 < best == len(losses) - 3

    for epoch in (best - 1, best, best + 1, best + 2):
        continued = _model("Dense", **settings)
        history = continued.fit(data, lambda _: None, Keeper(tmp_path / f"checkpoint.{epoch}").file)
        assert history.continued_from == epoch
        assert _losses(history) == _losses(expected)
        assert np.array_equal(continued.predict(data.inputs), whole.predict(data.inputs))


def test_f78_what_is_told_continues_where_it_stopped(make_data: MakeData, tmp_path: Path) -> None:
    path, told = tmp_path / "checkpoint.npz", list[int]()
    _interrupt(_model("Dense"), make_data(), path, after=3)

    def tell(epoch: Epoch) -> None:
        told.append(epoch.epoch)

    history = _model("Dense").fit(make_data(), tell, Keeper(path).file)

    assert told == [3, 4, 5, 6]
    assert [epoch.epoch for epoch in history.epochs] == [1, 2, 3, 4, 5, 6]
    assert history.seconds_before > 0


def test_a_continued_training_ends_at_the_deadline_that_it_is_given(make_data: MakeData, tmp_path: Path) -> None:
    path, settings = tmp_path / "checkpoint.npz", {"epochs": 50, "time_limit_seconds": 900.0}
    _interrupt(_model("Dense", **settings), make_data(), path, after=2)

    # The limit's time that attempts before this one have used is their worker's to count.
    history = _model("Dense", **settings).fit(make_data(), lambda _: None, Keeper(path).file, time.monotonic())

    assert (history.continued_from, len(history.epochs)) == (2, 2), "no batch is trained in no time"
    assert history.warnings == ["The time limit ended training in epoch 2 of 50."]


def test_a_training_that_its_time_has_ended_says_so_once_however_often_it_is_taken_over(
    make_data: MakeData, tmp_path: Path
) -> None:
    path, settings = tmp_path / "checkpoint.npz", {"epochs": 50, "time_limit_seconds": 900.0}
    with pytest.raises(Killed):
        _model("Dense", **settings).fit(
            make_data(), lambda _: None, Keeper(path, killed_after=1).file, time.monotonic()
        )

    history = _model("Dense", **settings).fit(make_data(), lambda _: None, Keeper(path).file, time.monotonic())

    assert history.warnings == ["The time limit ended training in epoch 1 of 50."]


def test_what_each_attempt_warns_of_is_said_once(make_data: MakeData, tmp_path: Path) -> None:
    path, settings = tmp_path / "checkpoint.npz", {"normalization": "window"}
    for after in (1, 2):
        _interrupt(_model("Dense", **settings), make_data(), path, after=after)

    history = _model("Dense", **settings).fit(make_data(), lambda _: None, Keeper(path).file)

    assert history.continued_from == 2
    assert len(history.warnings) == 1
    assert "'window' has no effect" in history.warnings[0]


class WithDropout(Dense):
    """A network with random numbers of its own, of a kind that none of ours has yet."""

    def network(self, inputs: Shape, outputs: Shape, columns: Columns) -> Any:
        """Dropout in front of a dense network."""
        inner = super().network(inputs, outputs, columns)
        return keras.Sequential([keras.layers.Input(inputs), keras.layers.Dropout(0.5), *inner.layers])


def test_random_numbers_inside_a_network_go_on_where_they_stopped(make_data: MakeData, tmp_path: Path) -> None:
    parameters: ModelParameters = DenseParameters(layers=1, units=8, epochs=4, batch_size=16)
    data, path = make_data(), tmp_path / "checkpoint.npz"
    whole, continued = WithDropout(parameters), WithDropout(parameters)
    expected = whole.fit(data, lambda _: None)
    _interrupt(WithDropout(parameters), data, path, after=2)

    history = continued.fit(data, lambda _: None, Keeper(path).file)

    assert _losses(history) == _losses(expected)
    assert np.array_equal(continued.predict(data.inputs), whole.predict(data.inputs))


def test_a_training_that_was_over_is_not_trained_further(make_data: MakeData, tmp_path: Path) -> None:
    path, whole, continued = tmp_path / "checkpoint.npz", _model("Dense"), _model("Dense")
    expected = whole.fit(make_data(), lambda _: None)
    _interrupt(_model("Dense"), make_data(), path, after=EPOCHS)
    keeper = Keeper(path)

    history = continued.fit(make_data(), lambda _: None, keeper.file)

    assert keeper.written == []
    assert _losses(history) == _losses(expected)
    assert np.array_equal(continued.predict(make_data().inputs), whole.predict(make_data().inputs))


def test_a_checkpoint_of_something_else_is_named_and_not_used(make_data: MakeData, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.npz"
    own = {"parameters": {"units": 8}, "dataset": "a", "software": {"keras": "3"}}
    with pytest.raises(Killed):
        _model("Dense").fit(make_data(), lambda _: None, Keeper(path, killed_after=2, **own).file)
    for name, other in (("parameters", {"units": 9}), ("dataset", "b"), ("software", {"keras": "4"})):
        keeper = Keeper(path, **{**own, name: other})

        assert keeper.file.read() is None

        assert keeper.refused == [f"it is of another {name}"]
    assert Keeper(path, **own).file.read() is not None


def _zeros(path: Path) -> None:
    path.write_bytes(b"\0" * path.stat().st_size)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 0xFF
    path.write_bytes(content)


def _pickled(path: Path) -> None:
    np.savez(path, document=np.array([{"identity": {}}], dtype=object))


@pytest.mark.parametrize("damage", [_zeros, _cut, _flipped, _pickled])
def test_a_damaged_checkpoint_is_refused_and_training_begins_anew(
    damage: Any, make_data: MakeData, tmp_path: Path
) -> None:
    path, whole, anew = tmp_path / "checkpoint.npz", _model("Dense"), _model("Dense")
    expected = whole.fit(make_data(), lambda _: None)
    _interrupt(_model("Dense"), make_data(), path, after=3)
    damage(path)
    keeper = Keeper(path)

    history = anew.fit(make_data(), lambda _: None, keeper.file)

    assert len(keeper.refused) == 1
    assert "cannot be read" in keeper.refused[0]
    assert keeper.written == [1, 2, 3, 4, 5, 6]
    assert history.continued_from is None
    assert _losses(history) == _losses(expected)


def test_a_network_of_other_shapes_begins_anew(make_data: MakeData, tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.npz"
    _interrupt(_model("Dense", units=9), make_data(), path, after=3)
    keeper = Keeper(path)

    history = _model("Dense").fit(make_data(), lambda _: None, keeper.file)

    assert keeper.refused == ["its network has other shapes"]
    assert (history.continued_from, len(history.epochs)) == (None, EPOCHS)


def test_a_loss_that_is_no_number_leaves_the_last_good_checkpoint(make_data: MakeData, tmp_path: Path) -> None:
    data, keeper = make_data(), Keeper(tmp_path / "checkpoint.npz")
    broken = replace(data, validation_targets=np.full_like(data.validation_targets, np.nan))

    with pytest.raises(ProblemError):
        _model("Dense").fit(broken, lambda _: None, keeper.file)

    assert keeper.written == []
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_that_cannot_be_written_is_named_and_training_goes_on(make_data: MakeData, tmp_path: Path) -> None:
    keeper = Keeper(tmp_path / "no such folder" / "checkpoint.npz")

    history = _model("Dense").fit(make_data(), lambda _: None, keeper.file)

    assert len(history.epochs) == EPOCHS == len(keeper.refused)
    assert "cannot be written" in keeper.refused[0]


def test_every_window_is_seen_once_an_epoch_in_an_order_that_the_seed_and_the_epoch_decide() -> None:
    numbers = np.arange(10, dtype=np.float32).reshape(10, 1, 1)
    data = TrainingData(numbers, -numbers, numbers[:0], numbers[:0])

    def order(seed: int, epoch: int) -> list[float]:
        batches = ShuffledBatches(data, 4, seed=seed)
        batches.on_epoch_begin(epoch)
        seen = [(inputs.numpy().ravel(), targets.numpy().ravel()) for inputs, targets in batches.dataset]
        assert all(np.array_equal(targets, -inputs) for inputs, targets in seen)
        assert [len(inputs) for inputs, _ in seen] == [4, 4, 2]
        return [float(number) for number in np.concatenate([inputs for inputs, _ in seen])]

    orders = [order(1, 0), order(1, 1), order(1, 2), order(2, 0)]
    assert all(sorted(one) == list(range(10)) for one in orders)
    assert len({tuple(one) for one in orders}) == 4
    assert order(1, 2) == orders[2]
