"""Memory did not suffice for a piece of work: what to ask for instead, with numbers."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.results.smaller import less_at_once
from services.trainer.serving.forecasts import _fewer_rows
from services.upload.smaller import shorter_period, smaller_file
from shared.problems import Category, ProblemError
from shared.runtime.child import Children


def test_of_a_file_a_quarter_of_its_bytes_is_asked_for(tmp_path: Path) -> None:
    csv = tmp_path / "raw.csv"
    csv.write_bytes(b"x" * 2_000_000)

    advice = smaller_file({"csv": str(csv), "file_name": "load.csv"})

    assert advice[0] == "Split 'load.csv' (2 MB) into files of at most 0.5 MB, by columns or by time."


def test_of_a_series_that_a_forecast_is_chosen_for_the_newest_quarter() -> None:
    advice = shorter_period({"analysis": {"row_count": 4000}})

    assert advice[0] == "Upload a shorter period: the newest 1000 of its 4000 rows."


def test_of_rows_to_forecast_from_a_quarter_and_one_model(tmp_path: Path) -> None:
    rows = tmp_path / "rows"
    rows.write_bytes(b"x" * 1000)

    assert _fewer_rows({"rows": str(rows), "models": [{}, {}]}) == [
        "Ask for one model by its jobId, instead of 2 at once.",
        "Send fewer rows: at most 250 bytes of them instead of 1000.",
    ]
    assert len(_fewer_rows({"rows": str(tmp_path), "models": [{}]})) == 1


def test_of_plots_fewer_models_and_windows() -> None:
    several = {"work": "plot", "models": [{}, {}, {}], "options": {"windows": [1, 2]}}

    assert less_at_once(several)[:2] == [
        "Ask for one jobId at a time, instead of 3.",
        "Ask for one window, instead of 2.",
    ]
    assert len(less_at_once({"work": "plot", "models": [{}], "options": {"windows": None}})) == 1
    assert all(less_at_once({"work": work}) for work in ("csv", "results"))


async def test_a_child_that_takes_more_than_it_may_is_told_with_the_limit_and_the_advice() -> None:
    def advice(specification: dict[str, object]) -> list[str]:
        return [f"Ask for less than {specification['takes']}."]

    children = Children("tests.unit.runtime.greedy_child", what="Growing", advice=advice)
    with pytest.raises(ProblemError) as raised:
        await children.run({"memory_bytes": 1 << 26, "takes": 1 << 29})
    await children.stop()

    problem = raised.value.problem
    assert problem.category is Category.RESOURCE_EXHAUSTION
    assert problem.recovery == ["Ask for less than 536870912.", "Or give it more memory than 0.0625 GiB."]
    assert "0.0625 GiB" in problem.detail
    assert problem.technical_details == {"memory_bytes": 1 << 26}
