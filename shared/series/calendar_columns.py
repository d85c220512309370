"""Which columns the calendar features make: known from the configuration alone, without any country's holidays."""

from __future__ import annotations

from shared.series.configuration import Configuration
from shared.series.configuration_calendar import HolidayFeature, TimeFeature


def feature_names(configuration: Configuration) -> list[str]:
    """The columns' names in the order in which they are appended."""
    wanted = configuration.time_features.wanted
    return [column for name, feature in wanted.items() for column in column_names(name, feature)]


def feature_of_each_column(configuration: Configuration) -> list[TimeFeature]:
    """For each column of :func:`feature_names` the feature that it is part of."""
    wanted = configuration.time_features.wanted
    return [feature for name, feature in wanted.items() for _ in column_names(name, feature)]


def column_names(name: str, feature: TimeFeature) -> list[str]:
    """One feature's columns, in order."""
    return _holiday_names(feature) if isinstance(feature, HolidayFeature) else [f"{name} sine", f"{name} cosine"]


def _holiday_names(feature: HolidayFeature) -> list[str]:
    names = ["holiday"] if feature.marks_holidays else []
    names += ["day before holiday"] if feature.day_before else []
    names += ["day after holiday"] if feature.day_after else []
    return [*names, *feature.lists]
