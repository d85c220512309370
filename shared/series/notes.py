"""What a configuration asks for that has no effect, or that makes results look better than they are (F65, F71).

Neither is refused, for frontends send such fields with every document; both are said, in the dataset's manifest.
"""

from __future__ import annotations

from collections.abc import Iterator

from shared.series.configuration import Configuration, SeriesConfiguration
from shared.series.configuration_calendar import TimeFeature

_DEFAULT_HORIZON = (TimeFeature().start_hours, TimeFeature().end_hours)


def configuration_notes(configuration: Configuration) -> list[str]:
    """One sentence for each, beginning with the field's place in the document."""
    return [*_without_effect(configuration), *_flattering(configuration)]


def _without_effect(configuration: Configuration) -> Iterator[str]:
    features, split, scaling = configuration.time_features.wanted, configuration.split, configuration.scaling
    for place, series in enumerate(configuration.series):
        if series.kind == "current":
            yield f"series.{place}.horizon has no effect: kind current is the last value known at the reference time."
    for name, feature in features.items():
        horizon = (feature.start_hours, feature.end_hours)
        if feature.at == "reference" and horizon != _DEFAULT_HORIZON:
            yield f"time_features.{name}: the horizon has no effect, for it is taken at the reference time."
    holiday = configuration.time_features.holiday
    if holiday and holiday.dates is not None and holiday.country is not None:
        yield f"time_features.holiday.country {holiday.country!r} has no effect: the dates given take its place."
    if configuration.timezone != "UTC" and not any(feature.local for feature in features.values()):
        yield "timezone has no effect: no time feature is taken in local time."
    if split.seed and not split.shuffle:
        yield "split.seed has no effect: the split is chronological."
    if scaling.kind == "none" and scaling.fit == "all":
        yield "scaling.fit has no effect: nothing is scaled."


def _flattering(configuration: Configuration) -> Iterator[str]:
    split = configuration.split
    if split.shuffle:
        yield (
            "split.shuffle puts windows that overlap into different parts, and no embargo can part them: "
            "errors on the test part will look smaller than they are."
        )
    elif not split.embargo:
        yield "split.embargo is off: windows at the parts' borders share values."
    if configuration.scaling.fit == "all" and configuration.scaling.kind != "none":
        yield "scaling.fit all: the scalers know the test part's range."
    for target in configuration.outputs:
        for series in configuration.inputs:
            if series.kind == "historical" and _same_column(series, target) and _overlap(series, target):
                yield (
                    f"input {series.label!r} holds values of output {target.label!r} itself: "
                    f"its horizon ends at {series.horizon.end_hours:g} h, the output begins at "
                    f"{target.horizon.start_hours:g} h."
                )


def _same_column(one: SeriesConfiguration, other: SeriesConfiguration) -> bool:
    return (one.file, one.value_column) == (other.file, other.value_column)


def _overlap(series: SeriesConfiguration, target: SeriesConfiguration) -> bool:
    return (
        series.horizon.end_hours >= target.horizon.start_hours
        and series.horizon.start_hours <= target.horizon.end_hours
    )
