"""Windows are counted as the dataset will have them: without those that the embargo leaves out."""

from __future__ import annotations

import numpy as np

from services.upload.choices.excerpt import Excerpt
from services.upload.choices.grid import Grid
from services.upload.choices.steps import Steps
from services.upload.choices.windows import Lengths, Windows
from shared.series.configuration import Split
from shared.series.series import NANOSECONDS_PER_MINUTE


def test_training_windows_that_read_what_is_tested_do_not_count() -> None:
    lengths = Lengths(2, 1, Split(train=0.8, validation=0.0, test=0.2))
    numbers = np.arange(30)
    assert Windows(numbers, lambda number: number + 1).suffice(lengths)
    assert not Windows(numbers, lambda number: number + 4).suffice(lengths)


def test_a_window_that_ends_between_rows_reads_the_row_behind() -> None:
    times = np.array([0, 10, 40, 50]) * NANOSECONDS_PER_MINUTE
    excerpt = Excerpt(times, {"load": np.arange(4.0)}, first=0)
    grid = Grid.over(excerpt, Steps(0, 10 * NANOSECONDS_PER_MINUTE, "linear", None))
    presence = grid.presence(times, excerpt.values["load"])
    windows = grid.windows([presence], [presence], input_steps=1, horizon=1, every=1)
    assert windows.numbers.tolist() == [0, 1, 2, 3, 4]
    assert [windows.reads_until(number) for number in (0, 1, 2, 3, 4)] == [1, 4, 4, 4, 5]
