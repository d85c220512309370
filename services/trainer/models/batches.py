"""Training windows in random order, epoch after epoch, without hidden state."""

from __future__ import annotations

from math import ceil
from typing import Any

import keras  # type: ignore[import-untyped]
import tensorflow as tf  # type: ignore[import-untyped]

from services.trainer.models.base import TrainingData


class ShuffledBatches(keras.callbacks.Callback):  # type: ignore[misc]
    """Every training window once in each epoch; ``dataset`` gives the epoch's batches of (inputs, targets).

    An epoch's order follows from the seed and its number, so that a training that begins in the middle sees the same.
    As a callback it is told the number.
    """

    def __init__(self, data: TrainingData, batch_size: int, *, seed: int) -> None:
        super().__init__()
        # Where the batches are made, also with a GPU.
        with tf.device("CPU:0"):
            self._epoch = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.dataset = self._batches(data, batch_size, seed)

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Keras calls this."""
        self._epoch.assign(epoch)

    def _batches(self, data: TrainingData, batch_size: int, seed: int) -> Any:
        count = len(data.inputs)
        # The last one may be smaller.
        batches = ceil(count / batch_size)

        def order(_: Any) -> Any:
            key = tf.stack([tf.constant(seed, tf.int64), self._epoch.read_value()])
            return tf.random.experimental.stateless_shuffle(tf.range(count), seed=key)

        def places(shuffled: Any) -> Any:
            return tf.data.Dataset.range(batches).map(lambda n: shuffled[n * batch_size : (n + 1) * batch_size])

        def pick(chosen: Any, windows: Any) -> Any:
            return tuple(tf.gather(part, chosen) for part in windows)

        chosen = tf.data.Dataset.from_tensors(0).map(order).flat_map(places)
        windows = tf.data.Dataset.from_tensors((data.inputs, data.targets)).repeat()
        picked = tf.data.Dataset.zip((chosen, windows)).map(pick)
        return picked.apply(tf.data.experimental.assert_cardinality(batches)).prefetch(tf.data.AUTOTUNE)
