"""Whatever is analysed: a configuration that is accepted and makes a dataset, or a problem that helps."""

from __future__ import annotations

import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import event, given, settings
from hypothesis import strategies as st

from shared.problems import Category, Problem, ProblemError
from shared.series.configuration import parse_configuration
from shared.series.configuration_files import FileColumns, check_against_files

from .conftest import START, Planned, csv_text, plan_for

_LONGEST_MINUTES = 150 * 365 * 1440
MINUTES = [1 / 60, 0.5, 1, 7, 10, 15, 60, 61.3, 90, 360, 1440, 10_080, 43_830, 525_960]


@st.composite
def times(draw: st.DrawFn) -> list[datetime]:
    count = draw(st.integers(1, 400))
    step = draw(st.sampled_from(MINUTES))
    random = np.random.default_rng(draw(st.integers(0, 1000)))
    jitter = draw(st.sampled_from([0.0, 0.001, 0.2, 3.0]))
    widths = step * (1 + jitter * random.random(count))
    if draw(st.booleans()):
        widths[random.random(count) < 0.05] *= draw(st.sampled_from([2, 30, 1000]))
    start = START - timedelta(days=365 * 100) + timedelta(minutes=draw(st.integers(0, 3000)))
    return [start + timedelta(minutes=float(offset)) for offset in widths.cumsum() if offset < _LONGEST_MINUTES]


@st.composite
def column(draw: st.DrawFn, count: int) -> list[object]:
    random = np.random.default_rng(draw(st.integers(0, 1000)))
    steps = np.arange(count)
    shapes = {
        "wave": 10 * np.sin(2 * np.pi * steps / draw(st.integers(2, 200))) + random.normal(size=count),
        "noise": random.normal(size=count),
        "walk": random.normal(size=count).cumsum(),
        "constant": np.full(count, 3.25),
        "counter": steps.astype(float),
        "huge": 1e300 * random.normal(size=count),
        "tiny": 1e-300 * random.random(count),
        "spikes": np.where(random.random(count) < 0.02, 1e6, 0.0),
    }
    values = shapes[draw(st.sampled_from(sorted(shapes)))]
    missing = random.random(count) < draw(st.sampled_from([0.0, 0.0, 0.02, 0.3, 0.9]))
    return [None if gone else repr(float(value)) for gone, value in zip(missing, values, strict=True)]


@st.composite
def files(draw: st.DrawFn) -> str:
    moments = draw(times())
    count = len(moments)
    names = draw(st.lists(st.sampled_from(["load", "Last", "y", "a b", "°C", "time (2)"]), min_size=1, unique=True))
    return csv_text(moments, {name: draw(column(count)) for name in names})


def plan_or_problem(folder: Path, content: str, **wishes: Any) -> Planned | Problem:
    try:
        return plan_for(folder, content, **wishes)
    except ProblemError as error:
        return error.problem


WISHES = st.fixed_dictionaries(
    {},
    optional={
        "horizon": st.integers(1, 60),
        "input_steps": st.integers(1, 60),
        "season_steps": st.integers(1, 60),
        "step_minutes": st.sampled_from(MINUTES),
        "method": st.sampled_from(["linear", "nearest"]),
        "time_features": st.lists(st.sampled_from(["year", "month", "week", "day"]), unique=True),
    },
)


@settings(max_examples=120, deadline=None)
@given(content=files(), wishes=WISHES)
def test_any_analysed_file_gives_a_dataset_or_a_problem_that_helps(content: str, wishes: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = plan_or_problem(Path(folder), content, **wishes)
        if isinstance(found, Problem):
            event(found.title)
            assert found.category in (Category.DATA_VALIDATION, Category.INSUFFICIENT_DATA)
            assert found.recovery
            return
        event("planned")
        document = found.configuration.model_dump(mode="json")
        again = parse_configuration(document)
        columns = [entry.name for entry in found.analysis.columns]
        offers = FileColumns("load.csv", columns, columns, found.analysis.time_column)
        assert check_against_files(again, {"file": offers}) == found.configuration
        parts = found.dataset().parts
        assert len(parts.train) >= 1
        assert len(parts.test) >= 1
        assert all(choice.reason for choice in found.plan.choices)
