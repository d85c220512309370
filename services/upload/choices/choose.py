"""From the analysis of one file, its newest rows and a person's wishes to a whole configuration, every choice said."""

from __future__ import annotations

from dataclasses import dataclass

from services.upload.choices.calendar import choose_time_features
from services.upload.choices.choice import ASKED, Choice, Chosen
from services.upload.choices.columns import asked_inputs, choose_targets
from services.upload.choices.decisions import Decisions
from services.upload.choices.excerpt import Excerpt
from services.upload.choices.lay import Lay, choose_distance, choose_inputs
from services.upload.choices.lengths import choose_lengths, horizon_reason, input_reason
from services.upload.choices.models import choose_models
from services.upload.choices.refusals import listed
from services.upload.choices.seasons import choose_season
from services.upload.choices.steps import Steps, choose_max_gap, choose_method, choose_step, to_ns
from services.upload.choices.windows import Lengths, Windows
from services.upload.choices.wishes import Wishes
from shared.analysis.document import Analysis
from shared.series.configuration import Configuration, Split, parse_configuration
from shared.series.series import NANOSECONDS_PER_MINUTE

_ZONE_REASONS = {
    "given": ASKED,
    "assumed": "The times say neither their offset from UTC nor their zone; they were taken for UTC.",
    "offset": "The times say their offset from UTC.",
}


@dataclass(frozen=True, slots=True)
class Plan:
    """A configuration that is valid, and how it came about."""

    configuration: Configuration
    choices: list[Choice]


def choose(analysis: Analysis, excerpt: Excerpt, wishes: Wishes, *, file_id: str) -> Plan:
    """Everything that was not asked for is chosen; the file is called ``file_id`` in the configuration.

    Raises DATA_VALIDATION for a wish that cannot be met and a file with nothing to forecast, INSUFFICIENT_DATA, with
    what there is and what is needed, for too little data.
    """
    decided = decide(analysis, excerpt, wishes)
    return Plan(parse_configuration(decided.document(file_id)), decided.choices())


def decide(analysis: Analysis, excerpt: Excerpt, wishes: Wishes) -> Decisions:
    """The decisions alone; raises what :func:`choose` does."""
    targets = choose_targets(analysis, excerpt, wishes)
    asked = asked_inputs(analysis, wishes, targets.value)
    step = choose_step(excerpt, wishes)
    method = choose_method(excerpt, step.value, wishes)
    gap = choose_max_gap(excerpt, step.value, method.value, wishes)
    max_gap = None if gap.value is None else to_ns(gap.value)
    lay = Lay.of(excerpt, Steps(excerpt.first, to_ns(step.value), method.value, max_gap))
    sampled = lay.grid.sampled(excerpt.times, excerpt.values[targets.value[0]])
    season = choose_season(sampled, step.value, wishes)

    def windows_of(input_steps: int, horizon: int) -> Windows:
        return lay.windows(targets.value, asked, Lengths(input_steps, horizon, Split()))

    room = lay.room(analysis, [*targets.value, *asked])
    chosen = choose_lengths(season.value, windows_of, room, wishes)
    lengths = chosen.value
    if wishes.input_columns is not None:
        inputs = Chosen(asked, ASKED)
    else:
        inputs = choose_inputs(analysis, excerpt, lay, targets.value, lengths)
    span = (excerpt.last - excerpt.first) / NANOSECONDS_PER_MINUTE
    features = choose_time_features(span, step.value, lengths.split.train, wishes)
    distance = choose_distance(excerpt, lay, targets.value, inputs.value, 2 * len(features.value), lengths, wishes)
    return Decisions(
        first=excerpt.first,
        time_column=_time_column(analysis, wishes),
        timezone=_timezone(analysis, wishes),
        targets=targets,
        inputs=inputs,
        step_minutes=step,
        method=method,
        max_gap_minutes=gap,
        season=season,
        lengths=chosen,
        horizon_reason=horizon_reason(season.value, lengths, step.value, wishes),
        input_reason=input_reason(season.value, lengths, wishes),
        window_steps=distance,
        time_features=features,
        models=choose_models(lengths.split.validation > 0, wishes),
    )


def _time_column(analysis: Analysis, wishes: Wishes) -> Chosen[str]:
    """The analysis has made this choice, or was told."""
    told = analysis.overrides.time_column is not None or analysis.overrides.time_format is not None
    if wishes.time_column is not None or told:
        return Chosen(analysis.time_column, ASKED)
    taken = analysis.time_candidates[0]
    others = sorted({candidate.column for candidate in analysis.time_candidates} - {taken.column})
    reason = f"Its cells read as times ({taken.format})"
    if taken.ambiguous:
        reason += ", day and month could be exchanged"
    reason += f"; the most regular of several, there are also: {listed(others)}." if others else "."
    return Chosen(analysis.time_column, reason)


def _timezone(analysis: Analysis, wishes: Wishes) -> Chosen[str]:
    if wishes.timezone is not None:
        return Chosen(wishes.timezone, ASKED)
    return Chosen(analysis.timezone, _ZONE_REASONS[analysis.timezone_source])
