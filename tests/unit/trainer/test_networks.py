"""The networks of CNN, LSTM and the autoregressive LSTM (algorithms section 6)."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from services.trainer.models.autoregressive import ARLSTM, FeedbackCell
from services.trainer.models.cnn import CNN, CNN2D
from services.trainer.models.columns import Ahead, Columns, OwnPast
from services.trainer.models.lstm import LSTM
from shared.series.parameters.neural import ARLSTMParameters, CNN2DParameters, CNNParameters, LSTMParameters

NOTHING = Columns()


def _named(network: Any) -> list[str]:
    return [type(layer).__name__ for layer in network.layers if type(layer).__name__ != "InputLayer"]


def _windows(count: int, steps: int, columns: int) -> np.ndarray:
    return np.random.default_rng(0).random((count, steps, columns), dtype=np.float32)


def _randomise(network: Any) -> None:
    """Also the last kernel, which starts at zero."""
    random = np.random.default_rng(1)
    for weight in network.trainable_weights:
        weight.assign(0.5 * random.standard_normal(weight.shape))


def test_cnn_convolves_over_time_and_is_flattened_or_averaged() -> None:
    parameters = {"layers": 2, "filters": 3, "kernel": 5}

    flat = CNN(CNNParameters(**parameters)).network((6, 2), (4, 2), NOTHING)
    averaged = CNN(CNNParameters(**parameters, pool="average")).network((6, 2), (4, 2), NOTHING)

    assert _named(flat) == ["Conv1D", "Conv1D", "Flatten", "Dense", "Reshape"]
    assert [layer.kernel.shape for layer in flat.layers[:2]] == [(5, 2, 3), (5, 3, 3)]
    assert flat.layers[3].kernel.shape == (6 * 3, 4 * 2)
    assert averaged.layers[3].kernel.shape == (3, 4 * 2)
    assert not np.any(flat.layers[3].kernel.numpy())


def test_cnn2d_takes_the_window_as_an_image_of_one_channel() -> None:
    network = CNN2D(CNN2DParameters(layers=2, filters=3)).network((6, 2), (6, 2), NOTHING)

    assert _named(network) == ["Reshape", "Conv2D", "Conv2D", "Conv2D", "Reshape"]
    assert [layer.kernel.shape for layer in network.layers[1:4]] == [(3, 3, 1, 3), (3, 3, 3, 3), (1, 1, 3, 1)]
    assert network.layers[3].activation.__name__ == "linear"


def test_lstm_answers_after_the_window_or_step_by_step_where_there_are_as_many_steps_out_as_in() -> None:
    parameters = LSTMParameters(layers=2, units=3, decoder="auto")

    same = LSTM(parameters).network((4, 2), (4, 2), NOTHING)
    other = LSTM(parameters).network((4, 2), (3, 2), NOTHING)
    asked = LSTM(LSTMParameters(layers=2, units=3)).network((4, 2), (4, 2), NOTHING)

    assert _named(same) == ["LSTM", "LSTM", "Dense"]
    assert _named(other) == _named(asked) == ["LSTM", "LSTM", "RepeatVector", "EinsumDense", "LSTM", "Dense"]
    assert same.layers[1].activation.__name__ == "tanh"


def test_the_steps_that_an_lstm_writes_are_told_apart_before_it_has_learned_anything() -> None:
    network = LSTM(LSTMParameters(layers=1, units=3)).network((4, 2), (5, 2), NOTHING)

    [codes] = [layer for layer in network.layers if type(layer).__name__ == "EinsumDense"]

    assert len(np.unique(codes.bias.numpy(), axis=0)) == 5


def test_f64_every_step_is_forecast_from_the_forecast_before_it() -> None:
    """Driven by hand, the cell gives what the network gives if its own forecasts are fed back, and only then."""
    columns = Columns((OwnPast(column=0, slope=2.0, intercept=-1.0),))
    network = ARLSTM(ARLSTMParameters(layers=1, units=3)).network((5, 2), (4, 1), columns)
    _randomise(network)
    windows = _windows(6, 5, 2)
    [encoder] = [layer for layer in network.layers if isinstance(layer, keras.layers.LSTM)]
    [decoder] = [layer for layer in network.layers if type(layer) is keras.layers.RNN]
    assert isinstance(decoder.cell, FeedbackCell)

    def by_hand(*, fed_back: bool) -> np.ndarray:
        last = 2.0 * windows[:, -1, :1] - 1.0
        _, hidden, carry = encoder(windows)
        states, steps = [keras.ops.convert_to_tensor(last), hidden, carry], []
        for _ in range(4):
            forecast, states = decoder.cell(last, states)
            steps.append(np.asarray(forecast))
            if not fed_back:
                states = [keras.ops.convert_to_tensor(last), *states[1:]]
        return np.stack(steps, axis=1)

    forecast = network.predict(windows, verbose=0)

    np.testing.assert_allclose(by_hand(fed_back=True), forecast, rtol=1e-4, atol=1e-5)
    assert np.abs(by_hand(fed_back=False) - forecast)[:, 1:].max() > 1e-2


def test_each_step_sees_what_is_known_ahead_for_it_and_nothing_of_later_steps() -> None:
    """Four steps of the ahead column are taken at the three steps of the target."""
    at_steps = np.array([[1.0, 0, 0, 0], [0, 0.5, 0.5, 0], [0, 0, 0, 1.0]])
    columns = Columns((None,), (Ahead((1,), at_steps),))
    network = ARLSTM(ARLSTMParameters(layers=1, units=3)).network((4, 3), (3, 1), columns)
    _randomise(network)
    [decoder] = [layer for layer in network.layers if type(layer) is keras.layers.RNN]
    known = keras.Model(network.inputs, network.get_layer(decoder.name)._inbound_nodes[0].arguments.args[0])
    windows = _windows(5, 4, 3)

    assert np.allclose(known.predict(windows, verbose=0)[..., 0], windows[..., 1] @ at_steps.T, atol=1e-6)


def test_maps_that_are_given_are_neither_learned_nor_counted() -> None:
    columns = Columns((OwnPast(0, 1.0, 0.0),), (Ahead((1,), np.eye(4)),))
    model = ARLSTM(ARLSTMParameters(layers=1, units=3))
    model._model = model.network((4, 2), (4, 1), columns)

    lstm = 4 * 3 * (2 + 3 + 1)
    assert model.weight_count == lstm + lstm + (3 + 1)


@pytest.mark.parametrize("columns", [NOTHING, Columns((OwnPast(0, 1.0, 0.0),), (Ahead((1,), np.eye(4)),))])
def test_the_feedback_survives_saving(columns: Columns, tmp_path: Any) -> None:
    model = ARLSTM(ARLSTMParameters(layers=2, units=3))
    model._model = model.network((4, 2), (4, 1), columns)
    _randomise(model._model)
    windows = _windows(5, 4, 2)

    model.save(tmp_path)

    assert np.array_equal(ARLSTM.load(tmp_path, model.parameters, (4, 1)).predict(windows), model.predict(windows))
