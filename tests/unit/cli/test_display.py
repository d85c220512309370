"""The bars of ``foretide run``: one for the datasets and one for each model, which never go back."""

from __future__ import annotations

from typing import Any

import pytest

from foretide.cli.display import LiveDisplay, duration
from foretide.client.watch import Message


def bars(display: LiveDisplay) -> dict[str, tuple[float, str]]:
    return {task.description: (task.completed, task.fields["note"]) for task in display._progress.tasks}


def told(event: str, phase: str, progress: float, **more: Any) -> Message:
    return Message(event, {"phase": phase, "progress": progress, "sequence": None, **more})


def test_f78_a_bar_goes_through_all_phases_with_the_time_left_and_never_back() -> None:
    display = LiveDisplay()
    model = {"model": "Dense", "target": "load"}
    display.message(told("dataset_generation_progress", "windowing", 20.0))
    display.message(told("dataset_generation_progress", "scaling", 50.0, eta_seconds=12.4))
    display.message(told("training_progress", "training", 40.0, epoch=4, epochs=10, loss=0.5, **model))
    assert bars(display)["train Dense: load"] == (40.0, "epoch 4/10 loss 0.5")
    display.message(told("training_progress", "evaluation", 94.0, eta_seconds=125.0, **model))
    display.message(told("training_progress", "training", 85.0, **model))
    assert bars(display) == {"datasets": (50.0, "scaling, 12 s left"), "train Dense: load": (94.0, "training")}


def test_what_a_model_came_to_stays_while_it_is_stored() -> None:
    display = LiveDisplay()
    model = {"model": "Dense", "target": "load"}
    display.message(Message("model_complete", {**model, "metrics": {"rmse": 2.5}, "sequence": 7}))
    display.message(told("training_progress", "storing", 98.0, eta_seconds=125.0, **model))
    assert bars(display) == {"train Dense: load": (100.0, "RMSE 2.5")}


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.4, "0 s"), (59.0, "59 s"), (125.0, "2:05 min"), (5400.0, "1:30 h"), (90_000.0, "25:00 h")]
)
def test_times_are_said_as_people_say_them(seconds: float, said: str) -> None:
    assert duration(seconds) == said
