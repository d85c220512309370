"""What a child is given to train, read from its specification and the dataset's files."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import orjson

from services.trainer.child.device import use_device
from services.trainer.models.registry import model_class
from services.trainer.sizes import check_sizes
from shared.series.artifact import StoredDataset, read_dataset
from shared.series.configuration import Configuration, parse_configuration
from shared.series.model_parameters import parse_model
from shared.series.parameters.base import ModelParameters


@dataclass(frozen=True, slots=True)
class Task:
    """A model for one target of a dataset; ``target`` is the target's place.

    ``deadline``: when it is to be trained, in monotonic seconds; None without a limit of time.
    """

    dataset: StoredDataset
    configuration: Configuration
    target: int
    parameters: ModelParameters
    deadline: float | None

    @classmethod
    def read(cls, specification: dict[str, Any]) -> Self:
        """Raises :class:`ProblemError` where the model cannot be trained on the dataset."""
        manifest = orjson.loads(Path(specification["manifest_path"]).read_bytes())
        dataset = read_dataset(Path(specification["dataset_path"]), manifest)
        parameters = parse_model(specification["model"])
        use_device(specification["device"], parameters)
        _, steps_in, columns = manifest["shapes"]["inputs"]
        check_sizes(parameters, (steps_in, columns), (dataset.targets.shape[1], 1), len(dataset.parts["train"]))
        target = manifest["target_features"].index(specification["target"])
        # Reading, and importing what the kind computes with, take no time of the training's.
        model_class(parameters.kind)
        left = specification["seconds_left"]
        deadline = None if left is None else time.monotonic() + left
        return cls(dataset, parse_configuration(manifest["configuration"]), target, parameters, deadline)
