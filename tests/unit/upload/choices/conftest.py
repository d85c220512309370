"""Plans for files that are written as somebody would upload them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.upload.choices.choose import Plan, choose
from services.upload.choices.columns import columns_to_read
from services.upload.choices.excerpt import read_excerpt
from services.upload.choices.wishes import Wishes
from shared.analysis.analyse import analyse_file
from shared.analysis.document import Analysis, AnalysisOverrides
from shared.problems import Problem, ProblemError
from shared.series.configuration import Configuration
from shared.series.dataset import Dataset, build_dataset
from shared.series.series import Series

START = datetime(2023, 1, 1, tzinfo=UTC)
Cells = Sequence[object] | np.ndarray[Any, Any]


@dataclass(frozen=True)
class Planned:
    """What was chosen for one file, and the file."""

    analysis: Analysis
    plan: Plan
    canonical: Path

    def value(self, name: str) -> Any:
        return next(choice.value for choice in self.plan.choices if choice.name == name)

    def reason(self, name: str) -> str:
        return next(choice.reason for choice in self.plan.choices if choice.name == name)

    @property
    def configuration(self) -> Configuration:
        return self.plan.configuration

    def dataset(self) -> Dataset:
        """The dataset that the dataset service would make."""
        columns = [str(entry.value_column) for entry in self.configuration.series]
        excerpt = read_excerpt(self.canonical, list(dict.fromkeys(columns)))
        series = {
            place: Series(entry.label, excerpt.times, excerpt.values[str(entry.value_column)])
            for place, entry in enumerate(self.configuration.series)
        }
        return build_dataset(self.configuration, series)


def csv_text(times: Sequence[datetime], columns: Mapping[str, Cells]) -> str:
    """A CSV file with ISO 8601 times; None makes an empty cell."""
    rows = [",".join(["time", *columns])]
    finest = "milliseconds" if any(time.microsecond for time in times) else "seconds"
    for place, time in enumerate(times):
        cells = [columns[name][place] for name in columns]
        rows.append(",".join([time.isoformat(timespec=finest), *("" if cell is None else str(cell) for cell in cells)]))
    return "\n".join(rows) + "\n"


def plan_for(folder: Path, content: str, *, overrides: AnalysisOverrides | None = None, **wishes: Any) -> Planned:
    """Analyse and choose, as the service does."""
    path, canonical = folder / "upload.csv", folder / "canonical.parquet"
    path.write_text(content, encoding="utf-8")
    analysis = analyse_file(path, file_name="load.csv", parquet_path=canonical, overrides=overrides)
    asked = Wishes(**wishes)
    excerpt = read_excerpt(canonical, columns_to_read(analysis, asked))
    return Planned(analysis, choose(analysis, excerpt, asked, file_id="file"), canonical)


PlanFor = Callable[..., Planned]
RefusedFor = Callable[..., Problem]


@pytest.fixture
def planned(tmp_path: Path) -> PlanFor:
    """The plan for times and columns, or for a text."""

    def made(times: Sequence[datetime] | str, columns: Mapping[str, Cells] | None = None, **more: Any) -> Planned:
        content = times if isinstance(times, str) else csv_text(times, columns or {})
        return plan_for(tmp_path, content, **more)

    return made


@pytest.fixture
def refused(planned: PlanFor) -> RefusedFor:
    """The problem with which these are refused."""

    def problem_of(*arguments: Any, **wishes: Any) -> Problem:
        with pytest.raises(ProblemError) as error:
            planned(*arguments, **wishes)
        assert error.value.problem.recovery
        return error.value.problem

    return problem_of
