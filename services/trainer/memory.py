"""Memory ran out while a model was trained: what took most of it, which settings to change, and to what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from services.trainer.lowering import remedies
from shared.database.pool import Record
from shared.problems import Category, ProblemError
from shared.runtime.memory_limit import memory_limit
from shared.series.advice import Remedy, Setting, described, sentence
from shared.series.model_parameters import parse_model
from shared.series.parameters.base import ModelParameters, Shape

_BYTES = 4
"""Of a float32."""
_PER_WEIGHT = 4
"""Numbers that training holds for each: itself, its gradient, and two moments of it."""
_SHARE = 4
"""What took most is to take a quarter of it: less may not help, as estimates are rough."""
_GIBIBYTE = 1024**3
_SHOWN_MEMBERS = 3
_SHOWN = 4


@dataclass(frozen=True, slots=True)
class _Data:
    """The training part, as its manifest describes it."""

    windows: int
    inputs: Shape
    outputs: Shape
    step_minutes: float

    @classmethod
    def read(cls, manifest_path: str) -> _Data:
        manifest = orjson.loads(Path(manifest_path).read_bytes())
        (_, steps_in, columns), (_, steps_out, _) = manifest["shapes"]["inputs"], manifest["shapes"]["targets"]
        return cls(manifest["split"]["train"], (steps_in, columns), (steps_out, 1), manifest["reference_step_minutes"])

    @property
    def bytes(self) -> int:
        return self.windows * (self.inputs[0] * self.inputs[1] + self.outputs[0]) * _BYTES

    def bytes_of(self, parameters: ModelParameters) -> int:
        weights = parameters.weights(self.inputs, self.outputs)
        batch = parameters.batch(self.windows) * parameters.activations(self.inputs, self.outputs)
        return (weights * _PER_WEIGHT + batch) * _BYTES


_USUAL = _Data(10_000, (96, 5), (24, 1), 60.0)


def out_of_memory(model: Mapping[str, Any], manifest_path: str, *, title: str, detail: str) -> ProblemError:
    """The RESOURCE_EXHAUSTION problem of a job; ``detail`` is what is known of its end."""
    limit = memory_limit()
    data, parameters = _Data.read(manifest_path), parse_model(dict(model))
    largest = sorted(parameters.alternatives(), key=data.bytes_of, reverse=True)[:_SHOWN_MEMBERS]
    of_model = data.bytes_of(largest[0])
    smaller = [remedy for one in largest for remedy in _smaller(one, data, parameters)]
    fewer: list[Remedy] = [[Setting("time_steps.step_minutes", data.step_minutes, data.step_minutes * _SHARE)]]
    ways = [*smaller, *fewer] if of_model >= data.bytes else [*fewer, *smaller]
    return ProblemError(
        Category.RESOURCE_EXHAUSTION,
        title=title,
        detail=f"{detail} The {data.windows} windows take about {_shown(data.bytes)}, {parameters.kind} about "
        f"{_shown(of_model)} while it is trained, and the libraries half a GiB; the worker has {_shown(limit)}.",
        recovery=[*(sentence(way) for way in ways), f"Or give each worker more memory than {_shown(limit)}."],
        technical_details={
            "windows_bytes": data.bytes,
            "model_bytes": of_model,
            "memory_bytes": limit,
            "changes": described(ways),
        },
    )


def smaller_job(row: Record) -> list[str]:
    """Of a job whose workers were lost: how much there is of its data is not at hand, the share is the same."""
    parameters = parse_model(row["parameters"])
    ways = [way for one in parameters.alternatives() for way in _smaller(one, _USUAL, parameters)]
    return [sentence(way) for way in ways[:_SHOWN]] or ["Use fewer windows: raise time_steps.step_minutes."]


def _smaller(member: ModelParameters, data: _Data, parameters: ModelParameters) -> list[Remedy]:
    """What brings a model, or a member of an ensemble, to its share."""
    enough = data.bytes_of(member) // _SHARE
    found = remedies(member, lambda smaller: data.bytes_of(smaller) <= enough)
    if member is parameters:
        return found
    place = next(place for place, one in enumerate(parameters.alternatives()) if one is member)
    return [[Setting(f"members.{place}.{one.name}", one.given, one.wanted) for one in remedy] for remedy in found[:1]]


def _shown(count: int) -> str:
    return f"{count / _GIBIBYTE:.1f} GiB" if count >= _GIBIBYTE / 10 else f"{count / 1024**2:.0f} MiB"
