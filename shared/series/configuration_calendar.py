"""The calendar features of the configuration document."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from shared.series.configuration_fields import Days, Hours, Name, Part, Scale


class TimeFeature(Part):
    """One calendar feature: where it is taken, in which time, and its range."""

    local: bool = False
    at: Literal["horizon", "reference"] = "horizon"
    start_hours: Hours = -24
    end_hours: Hours = 0
    scale: Scale | None = None


class HolidayFeature(TimeFeature):
    """1 on public holidays: of a country, or on the dates given instead of them; further columns as wanted."""

    country: str | None = Field(default=None, max_length=10)
    subdivision: str | None = Field(default=None, max_length=20)
    dates: Days | None = None
    day_before: bool = Field(default=False, description="A column more: 1 where the next day is a holiday.")
    day_after: bool = Field(default=False, description="A column more: 1 where the day before was a holiday.")
    lists: dict[Name, Days] = Field(default_factory=dict, max_length=50, description="Own days: a column for each.")

    @property
    def marks_holidays(self) -> bool:
        """Whether there are holidays, beside own lists."""
        return self.country is not None or self.dates is not None

    @model_validator(mode="after")
    def _says_which_days(self) -> Self:
        if not self.marks_holidays and not self.lists:
            raise ValueError("neither country nor dates nor lists are given")
        if not self.marks_holidays and (self.day_before or self.day_after):
            raise ValueError("day_before and day_after need a country or dates")
        if self.subdivision is not None and self.country is None:
            raise ValueError("subdivision needs its country")
        return self


class TimeFeatures(Part):
    """Which calendar features are appended to the inputs, always in this order."""

    year: TimeFeature | None = None
    month: TimeFeature | None = None
    week: TimeFeature | None = None
    day: TimeFeature | None = None
    holiday: HolidayFeature | None = None

    @property
    def wanted(self) -> dict[str, TimeFeature]:
        """Those that are asked for, by name, in their order."""
        features = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: feature for name, feature in features.items() if feature is not None}
