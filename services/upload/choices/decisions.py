"""Everything that was decided of one forecast: as a configuration, and as the list that people read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from services.upload.choices.calendar import feature_document
from services.upload.choices.choice import Choice, Chosen
from services.upload.choices.seasons import Season
from services.upload.choices.steps import to_ns
from services.upload.choices.windows import Lengths
from services.upload.choices.wishes import Cycle, Method
from shared.series.series import NANOSECONDS_PER_HOUR, NANOSECONDS_PER_MINUTE


@dataclass(frozen=True, slots=True)
class Decisions:
    """``first`` is the file's first time in ns; ``window_steps`` is the distance of reference times in steps."""

    first: int
    time_column: Chosen[str]
    timezone: Chosen[str]
    targets: Chosen[list[str]]
    inputs: Chosen[list[str]]
    step_minutes: Chosen[float]
    method: Chosen[Method]
    max_gap_minutes: Chosen[float | None]
    season: Chosen[Season]
    lengths: Chosen[Lengths]
    horizon_reason: str
    input_reason: str
    window_steps: Chosen[int]
    time_features: Chosen[list[Cycle]]
    models: Chosen[list[dict[str, Any]]]

    @property
    def window_minutes(self) -> float:
        """Between two reference times."""
        return self.window_steps.value * self.step_minutes.value

    def choices(self) -> list[Choice]:
        """In the order in which one asks: what, from what, how far."""
        lengths = self.lengths.value
        split = lengths.split
        return [
            self.time_column.named("timeColumn"),
            self.timezone.named("timezone"),
            self.targets.named("targetColumns"),
            self.inputs.named("inputColumns"),
            self.step_minutes.named("stepMinutes"),
            self.method.named("method"),
            self.max_gap_minutes.named("maxGapMinutes"),
            self.season.named("seasonSteps", self.season.value.strongest),
            Choice(name="horizon", value=lengths.horizon, reason=self.horizon_reason),
            Choice(name="inputSteps", value=lengths.input, reason=self.input_reason),
            self.window_steps.named("windowMinutes", self.window_minutes),
            self.time_features.named("timeFeatures"),
            self.lengths.named("split", {"train": split.train, "validation": split.validation, "test": split.test}),
            self.models.named("models"),
        ]

    def document(self, file_id: str) -> dict[str, Any]:
        """The configuration document (contracts section 6), with the file under this id."""
        lengths, step_hours = self.lengths.value, self.step_minutes.value / 60
        ahead = {"start_hours": step_hours, "end_hours": lengths.horizon * step_hours}
        past = {"start_hours": -(lengths.input - 1) * step_hours, "end_hours": 0.0}
        sampled = {"file": file_id, "method": self.method.value, "max_gap_minutes": self.max_gap_minutes.value}
        inputs = [*self.targets.value, *self.inputs.value]
        return {
            "series": [
                *({**sampled, "role": "input", "value_column": name, "horizon": past} for name in inputs),
                *({**sampled, "role": "output", "value_column": name, "horizon": ahead} for name in self.targets.value),
            ],
            "time_steps": {
                "input": lengths.input,
                "output": lengths.horizon,
                "step_minutes": self.window_minutes,
                "offset_minutes": self._offset_minutes(),
            },
            "timezone": self.timezone.value,
            "time_features": feature_document(self.time_features.value, **ahead, local=self.timezone.value != "UTC"),
            "split": lengths.split.model_dump(mode="json"),
            "season_hours": self.season.value.strongest * step_hours,
            "models": self.models.value,
        }

    def _offset_minutes(self) -> float:
        """What puts reference times on the file's own rows: they are counted from an hour before its first full hour
        (algorithms section 2)."""
        since = self.first % NANOSECONDS_PER_HOUR + NANOSECONDS_PER_HOUR
        return since % to_ns(self.window_minutes) / NANOSECONDS_PER_MINUTE
