"""Makes a configuration's windows in blocks, so that memory does not grow with their number."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from shared.problems import Category, ProblemError
from shared.series.advice import Remedy, Setting, described, rounded_down, sentence
from shared.series.calendar_columns import feature_names
from shared.series.columns import Column, Source
from shared.series.configuration import MAX_VALUES, Configuration, SeriesConfiguration, TimeSteps
from shared.series.references import reference_times, wider_step
from shared.series.remembered import Remembered
from shared.series.sampling import NO_CAUSE, Causes
from shared.series.series import Series
from shared.series.time_features import calendar_sources
from shared.series.windows import series_source
from shared.shares import TellShare, nobody

SeriesByPlace = Mapping[int, Series]
"""Each configured series by its place in ``configuration.series``."""
Side = Literal["inputs", "targets"]
KEPT = -1
_BLOCK_VALUES = 1 << 20
"""Numbers in a block: 8 MB, which a processor's cache nearly holds."""
_REMEMBERED_BYTES = 1 << 27
_REMEMBERED_SHARE = 8
_LARGEST_BLOCK = 1 << 16
DEFAULT_MEMORY_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class Blame:
    """For each of the m reference times the place of the first series that has no window there, or ``KEPT``.

    ``series`` (m,) counts inputs first, then outputs; ``causes`` (m,) says why.
    """

    series: NDArray[np.int16]
    causes: Causes

    @property
    def kept(self) -> NDArray[np.bool_]:
        """Where all series have a window, (m,)."""
        kept: NDArray[np.bool_] = self.series == KEPT
        return kept


class WindowMaker:
    """Windows of all series and calendar features at all reference times."""

    def __init__(self, configuration: Configuration, series: SeriesByPlace, memory_bytes: int) -> None:
        """``memory_bytes`` bounds what is kept to be found faster a second time.

        Raises RESOURCE_EXHAUSTION, before anything is made, for a dataset out of bounds.
        """
        steps = configuration.time_steps
        entries = list(enumerate(configuration.series))
        inputs = [(entry, series[place]) for place, entry in entries if entry.role == "input"]
        outputs = [(entry, series[place]) for place, entry in entries if entry.role == "output"]
        self.entries: list[SeriesConfiguration] = [entry for entry, _ in (*inputs, *outputs)]
        self.references = reference_times([one for _, one in inputs], steps)
        self.features: dict[Side, list[str]] = {
            "inputs": [*_names([entry for entry, _ in inputs]), *feature_names(configuration)],
            "targets": _names([entry for entry, _ in outputs]),
        }
        self.steps: dict[Side, int] = {"inputs": steps.input, "targets": steps.output}
        per_window = sum(self.steps[side] * len(self.features[side]) for side in self.steps)
        _check_size(steps, self.references.count, len(self.features["inputs"]), len(self.features["targets"]))
        self.block = min(max(_BLOCK_VALUES // per_window, 1), _LARGEST_BLOCK)
        share = min(_REMEMBERED_BYTES, memory_bytes // _REMEMBERED_SHARE) // len(self.entries)
        self._measured: list[Source] = [
            *(Remembered(series_source(entry, one, steps.input), share) for entry, one in inputs),
            *(Remembered(series_source(entry, one, steps.output), share) for entry, one in outputs),
        ]
        self._sources: dict[Side, list[tuple[Source, int]]] = {
            "inputs": [
                *((source, 1) for source in self._measured[: len(inputs)]),
                *calendar_sources(configuration, steps.input),
            ],
            "targets": [(source, 1) for source in self._measured[len(inputs) :]],
        }

    def spans(self) -> Iterator[slice]:
        """The reference times, block by block; the blocks depend on the windows' shape alone."""
        for start in range(0, self.references.count, self.block):
            yield slice(start, min(start + self.block, self.references.count))

    def blame(self, tell: TellShare = nobody) -> Blame:
        """Which reference times have no window, because of what."""
        found = Blame(np.full(self.references.count, KEPT, dtype=np.int16), np.full(self.references.count, NO_CAUSE))
        for span in self.spans():
            series, causes = found.series[span], found.causes[span]
            for place, source in enumerate(self._measured):
                sampled = source(self.references.part(span.start, span.stop))
                if sampled.causes is not None:
                    first = (series == KEPT) & (sampled.causes != NO_CAUSE)
                    series[first], causes[first] = place, sampled.causes[first]
            tell(span.stop / self.references.count)
        return found

    def columns(
        self, side: Side, span: slice, chosen: NDArray[np.bool_], wanted: Collection[int] | None = None
    ) -> Iterator[tuple[int, Column]]:
        """Each column with its place, of those reference times of the span that are ``chosen``.

        Columns whose place is not ``wanted`` are left out; None wants all.
        """
        references, first = self.references.part(span.start, span.stop), 0
        for source, width in self._sources[side]:
            places = [place for place in range(first, first + width) if wanted is None or place in wanted]
            if places:
                columns = source(references).columns
                for place in places:
                    yield place, columns[place - first].of(chosen)
            first += width


def _names(entries: list[SeriesConfiguration]) -> list[str]:
    """Labels, made different where two series have the same."""
    seen: dict[str, int] = {}
    names = []
    for entry in entries:
        seen[entry.label] = seen.get(entry.label, 0) + 1
        names.append(entry.label if seen[entry.label] == 1 else f"{entry.label} ({seen[entry.label]})")
    return names


def _check_size(steps: TimeSteps, references: int, inputs: int, targets: int) -> None:
    """For windows of so many columns."""
    per_window = steps.input * inputs + steps.output * targets
    if references * per_window <= MAX_VALUES:
        return
    most = MAX_VALUES // references
    ways: list[Remedy] = [wider_step(steps.step_minutes, references, MAX_VALUES // per_window)]
    for name, given, columns, rest in (
        ("input", steps.input, inputs, steps.output * targets),
        ("output", steps.output, targets, steps.input * inputs),
    ):
        if most - rest >= columns:
            ways.append([Setting(f"time_steps.{name}", given, rounded_down((most - rest) // columns))])
    raise ProblemError(
        Category.RESOURCE_EXHAUSTION,
        title="The dataset would be too large",
        detail=f"{references} windows of {per_window} numbers are {references * per_window} numbers; "
        f"at most {MAX_VALUES} are taken.",
        recovery=[*(sentence(way) for way in ways), "Or use fewer series or time features, or a shorter period."],
        technical_details={
            "windows": references,
            "values_of_a_window": per_window,
            "most_values": MAX_VALUES,
            "changes": described(ways),
        },
        status=422,
    )
