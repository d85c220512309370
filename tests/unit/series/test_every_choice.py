"""F65: every choice of the document changes what is made, or is refused, or is noted as without effect."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.problems import ProblemError
from shared.series.artifact import write_dataset
from shared.series.configuration import parse_configuration
from shared.series.dataset import build_dataset
from shared.series.manifest import make_manifest
from shared.series.notes import configuration_notes
from shared.series.series import Series
from tests.unit.series.examples import changed, document, hourly

FULL = document(
    time_features={
        name: {"local": False, "start_hours": -5, "scale": {"min": 0, "max": 1}}
        for name in ("year", "month", "week", "day")
    }
    | {"holiday": {"country": "DE", "local": True}},
    timezone="Europe/Vienna",
    split={"train": 0.6, "validation": 0.2, "test": 0.2, "backtest": {"folds": 2, "windows": 20}},
)
CHOICES: list[tuple[str, Any]] = [
    ("series.0.file", "temperature"),
    ("series.0.role", "output"),
    ("series.0.value_column", "kW"),
    ("series.0.issue_column", "issued"),
    ("series.0.name", "other"),
    ("series.2.unit", "kW"),
    ("series.0.unit", "kW"),
    ("series.0.kind", "current"),
    ("series.0.horizon.start_hours", -0.5),
    ("series.0.horizon.end_hours", 0.5),
    ("series.0.method", "mean"),
    ("series.0.method", "nearest"),
    ("series.0.average", True),
    ("series.0.max_gap_minutes", 30),
    ("series.0.scale", None),
    ("series.0.scale", {"min": -1, "max": 1}),
    ("time_steps.input", 8),
    ("time_steps.output", 4),
    ("time_steps.step_minutes", 30),
    ("time_steps.offset_minutes", 5),
    ("timezone", "Asia/Tokyo"),
    *((f"time_features.{name}", None) for name in ("year", "month", "week", "day", "holiday")),
    ("time_features.day.local", True),
    ("time_features.day.at", "reference"),
    ("time_features.day.start_hours", -4),
    ("time_features.day.end_hours", 1),
    ("time_features.day.scale", None),
    ("time_features.holiday.country", "AT"),
    ("time_features.holiday.subdivision", "BW"),
    ("time_features.holiday.dates", ["2024-01-02"]),
    ("time_features.holiday.day_before", True),
    ("time_features.holiday.day_after", True),
    ("time_features.holiday.lists", {"shutdown": ["2024-01-02"]}),
    ("scaling.fit", "all"),
    *(("scaling.kind", kind) for kind in ("standard", "robust", "none")),
    ("split", {"train": 0.5, "validation": 0.2, "test": 0.3}),
    ("split.shuffle", True),
    ("split.seed", 3),
    ("split.embargo", False),
    ("split.backtest", None),
    ("split.backtest.folds", 1),
    ("split.backtest.windows", 10),
    ("season_hours", 12),
    ("unheard_of", 1),
]
ELSEWHERE = {"series.time_column", "models", "time_limit_seconds"}
"""The one is checked against the file's analysis, the others are the trainer's and change no dataset."""


def series_of(file: str, column: str | None) -> Series:
    """A gap in each, so that the largest gap to bridge has an effect."""
    whole = hourly(300, seed=zlib.crc32(f"{file} {column}".encode()))
    keep = [place for place in range(300) if not 100 <= place < 103]
    return Series(file, whole.times[keep], whole.values[keep])


def made(document: dict[str, Any], folder: Path) -> tuple[str, dict[str, Any], list[str]]:
    """The artifact's hash, what else the manifest says, and the notes."""
    configuration = parse_configuration(document)
    files = {place: series_of(entry.file, entry.value_column) for place, entry in enumerate(configuration.series)}
    dataset = build_dataset(configuration, files)
    sha256 = write_dataset(folder / "dataset.npz", dataset)
    manifest = make_manifest(configuration, dataset, {entry.file: "" for entry in configuration.series}, sha256)
    for name in ("configuration", "fingerprint", "hashes", "notes"):
        del manifest[name]
    return sha256, manifest, configuration_notes(configuration)


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Any], list[str]]:
    return made(FULL, tmp_path_factory.mktemp("before"))


@pytest.mark.parametrize(("path", "value"), CHOICES)
def test_f65_a_choice_has_an_effect_or_is_refused_or_noted(
    path: str, value: Any, before: tuple[str, dict[str, Any], list[str]], tmp_path: Path
) -> None:
    after = outcome(changed(path, value, FULL), tmp_path)

    assert after != before
    assert not isinstance(after, str) or path.split(".")[-1] in after


def outcome(document: dict[str, Any], folder: Path) -> tuple[str, dict[str, Any], list[str]] | str:
    """What is made, or why nothing is."""
    try:
        return made(document, folder)
    except ProblemError as error:
        return error.problem.detail


def leaves(part: Any, at: str = "") -> Iterator[str]:
    """The places of a document's choices: series are counted as one."""
    if isinstance(part, dict) and part:
        for name, value in part.items():
            yield from leaves(value, f"{at}.{name}" if at else name)
    elif isinstance(part, list) and at == "series":
        yield from leaves(part[0], at)
    else:
        yield at


def test_f65_every_choice_there_is_was_tried() -> None:
    tried = {".".join(word for word in path.split(".") if not word.isdigit()) for path, _ in CHOICES}
    stored = parse_configuration(FULL).model_dump(mode="json")
    # The cycles take the same choices, and holidays those beside their own.
    inherited = {f"time_features.holiday.{name}" for name in stored["time_features"]["day"]}
    missing = [
        place
        for place in leaves(stored)
        if not any(place == one or place.startswith(f"{one}.") or one.startswith(f"{place}.") for one in tried)
        and place not in ELSEWHERE | inherited
    ]
    assert missing == []
