"""Whether a country's holidays are known."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import holidays

from shared.problems import Category, ProblemError
from shared.series.configuration import Configuration
from shared.series.configuration_calendar import HolidayFeature

_ANY_YEAR = 2024


def check_holidays(configuration: Configuration) -> None:
    """Raises a problem for a country or subdivision that is not known."""
    feature = configuration.time_features.holiday
    if feature is None or feature.country is None:
        return
    try:
        country_holidays(feature, _ANY_YEAR)
    except NotImplementedError as error:
        raise ProblemError(
            Category.DATA_VALIDATION,
            title="The holidays are not known",
            detail=f"time_features.holiday: {error}",
            recovery=[
                "Give an ISO 3166 country code such as AT, and the code of its subdivision if any.",
                "Or give dates instead.",
            ],
        ) from error


def country_holidays(feature: HolidayFeature, year: int) -> Iterable[date]:
    """The public holidays of one year. Raises NotImplementedError for a country or subdivision that is not known."""
    return holidays.country_holidays(str(feature.country), subdiv=feature.subdivision, years=year)
