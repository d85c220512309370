"""Training windows in random order, epoch after epoch, without hidden state."""

from __future__ import annotations

from math import ceil
from typing import Any

import tensorflow as tf  # type: ignore[import-untyped]

from services.trainer.models.base import TrainingData


def steps_per_epoch(data: TrainingData, batch_size: int) -> int:
    """The last batch may be smaller."""
    return ceil(len(data.inputs) / batch_size)


def shuffled_batches(data: TrainingData, batch_size: int, *, seed: int, first_epoch: int) -> Any:
    """An endless ``tf.data.Dataset`` of (inputs, targets): every window once in each epoch, from ``first_epoch`` on.

    An epoch's order follows from the seed and its number, so that a training that begins in the middle sees the same.
    """
    count, steps = len(data.inputs), steps_per_epoch(data, batch_size)

    def of_epoch(epoch: Any) -> Any:
        order = tf.random.experimental.stateless_shuffle(tf.range(count), seed=tf.stack([seed, epoch]))
        return tf.data.Dataset.range(steps).map(lambda step: order[step * batch_size : (step + 1) * batch_size])

    def pick(places: Any, windows: Any) -> Any:
        return tuple(tf.gather(part, places) for part in windows)

    places = tf.data.Dataset.counter(start=first_epoch).flat_map(of_epoch)
    windows = tf.data.Dataset.from_tensors((data.inputs, data.targets)).repeat()
    batches = tf.data.Dataset.zip((places, windows)).map(pick)
    return batches.prefetch(tf.data.AUTOTUNE)
