"""What the analysis of one file says, as it is stored, published and shown."""

from __future__ import annotations

from typing import Annotated, Literal
from zoneinfo import available_timezones

from pydantic import AliasGenerator, BaseModel, ConfigDict, Field, field_validator
from pydantic.alias_generators import to_camel

Encoding = Literal["utf-8", "utf-8-sig", "utf-16-le", "utf-16-be", "windows-1252", "iso-8859-1"]
Delimiter = Literal[",", ";", "\t", "|"]
DecimalMark = Literal[".", ","]
Kind = Literal["time", "number", "text"]

LISTED = 100
"""Gaps, duplicates and rejected rows are counted all and listed up to this many."""


class Part(BaseModel):
    """Base of the analysis' parts: values, never changed once made, written by their names on the wire."""

    model_config = ConfigDict(frozen=True, extra="forbid", serialize_by_alias=True, validate_by_name=True)


class AnalysisOverrides(Part):
    """What a person decided instead of the analysis; what is left out, the analysis decides.

    Columns are chosen by index, counted from 0, never by header text. Names are taken in camelCase, too.
    """

    model_config = ConfigDict(
        strict=True, validate_by_alias=True, alias_generator=AliasGenerator(validation_alias=to_camel)
    )

    encoding: Encoding | None = None
    delimiter: Delimiter | None = None
    decimal_mark: DecimalMark | None = None
    has_header: bool | None = None
    time_column: int | None = Field(default=None, ge=0)
    clock_column: int | None = Field(
        default=None, ge=0, description="The column with the time of day, where date and time are in two."
    )
    day_first: bool | None = Field(
        default=None, description="Whether 03/04/2024 is the 3rd of April (true) or the 4th of March (false)."
    )
    time_format: str | None = Field(
        default=None,
        min_length=1,
        max_length=100,
        description="A candidate's format or its date part alone (dd/mm/yyyy), or a pattern like %d %b %Y %H:%M.",
    )
    timezone: str | None = Field(
        default=None,
        description="The zone of times written without an offset, like Europe/Vienna; else UTC is assumed.",
    )
    text_columns: list[Annotated[int, Field(ge=0)]] = Field(
        default_factory=list, max_length=2000, description="Indices of columns not to be read as numbers."
    )

    @field_validator("timezone")
    @classmethod
    def _zone_exists(cls, value: str | None) -> str | None:
        # These two are made by some systems for their own use.
        if value is not None and value not in available_timezones() - {"localtime", "Factory"}:
            raise ValueError(f"{value!r} is no name of the time zone database, like Europe/Vienna or UTC")
        return value


class Unreadable(Part):
    """The first cell of a number column that is neither a number nor a sign for a missing one."""

    line: int
    value: str


class Column(Part):
    """One column as it stands in the file. ``name`` is unique in the file and names it in the Parquet copy too."""

    index: int
    name: str
    label: str = Field(description="The header's text as written; empty without a header.")
    kind: Kind
    numeric_share: float = Field(description="Share of all rows that hold a finite number, 0 to 1; 0 for times.")
    missing: int = Field(description="Rows that are empty here or hold a sign for a missing value.")
    missing_share: float = Field(default=0.0, description="Their share of all rows, 0 to 1.")
    missing_tokens: dict[str, int] = Field(description="Those signs as written, the empty one included.")
    unreadable: int = Field(description="Rows of a number column that hold something else; they become missing.")
    first_unreadable: Unreadable | None
    min: float | None
    max: float | None
    mean: float | None


class TimeCandidate(Part):
    """A way to read times that fits every non-empty row of its column."""

    index: int
    column: str
    clock_column: str | None = Field(description="The column with the time of day, where date and time are in two.")
    format: str
    score: float = Field(description="0 to 1: in order, without repetition, evenly spaced, unmistakably a time.")
    timezone: str = Field(description="Zone of times written without an offset; UTC for all others.")
    ambiguous: bool = Field(description="Day and month could also be read the other way round.")


class Gap(Part):
    """Times that the step width leads one to expect and that are not there."""

    from_: str = Field(alias="from", description="The last time before the gap, ISO 8601, UTC.")
    to: str = Field(description="The first time after it.")
    missing: int


class RejectedRow(Part):
    """A row that is not in the Parquet copy, by its line in the file."""

    line: int
    reason: str


class Ambiguity(Part):
    """Something that can be read in more than one way, and the choice that was made."""

    subject: Literal["day_month", "time_column", "timezone", "repeated_hour"]
    column: str | None
    choice: str | None
    alternatives: list[str]
    detail: str


class Analysis(Part):
    """Everything found in one file. ``row_count = canonical_rows + rejected_count + duplicates``, always."""

    encoding: Encoding
    delimiter: Delimiter
    decimal_mark: DecimalMark
    quote_character: Literal['"'] | None
    has_header: bool
    row_count: int = Field(description="Rows of data; blank lines are counted apart.")
    blank_rows: int
    columns: list[Column]
    time_candidates: list[TimeCandidate] = Field(description="Best first; the first one was taken.")
    time_column: str
    timezone: str = Field(description="The zone that times without an offset were read in; UTC where they have one.")
    timezone_source: Literal["given", "assumed", "offset"] = Field(
        default="assumed",
        description="Given by a person, assumed for want of anything that says it, or said by the times themselves.",
    )
    first_time: str = Field(description="ISO 8601, UTC.")
    last_time: str
    step_minutes: float | None = Field(description="Median distance of neighbouring times; none for one row.")
    step_mode_minutes: float | None = Field(description="Most frequent distance.")
    irregular_steps: int = Field(description="Distances that differ from the median.")
    gaps: list[Gap]
    gap_count: int
    duplicates: int = Field(
        description="Rows whose time, and time of issue if any, an earlier row has already; the earlier one is kept."
    )
    duplicate_rows: list[RejectedRow]
    unsorted: int = Field(description="Rows whose time is before the time of the row ahead of them.")
    rejected_rows: list[RejectedRow]
    rejected_count: int
    canonical_rows: int
    ambiguities: list[Ambiguity]
    preview: list[list[str]] = Field(description="The first rows of data, cells as written.")
    overrides: AnalysisOverrides = Field(
        default=AnalysisOverrides(), description="What a person decided; everything else was found."
    )
