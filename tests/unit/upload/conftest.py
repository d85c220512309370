"""Analysing bytes as if somebody had uploaded them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from services.upload.analysis.analyse import analyse_file
from services.upload.analysis.document import Analysis, AnalysisOverrides, Column
from shared.problems import Category, Problem, ProblemError


@dataclass(frozen=True)
class Analysed:
    """An analysis and the canonical copy that was written with it."""

    analysis: Analysis
    canonical: pl.DataFrame

    def column(self, index: int) -> Column:
        return self.analysis.columns[index]

    def times(self) -> list[str]:
        return self.canonical["time"].dt.strftime("%Y-%m-%d %H:%M").to_list()


Analyse = Callable[..., Analysed]
Refuse = Callable[..., Problem]


@pytest.fixture
def analyse(tmp_path: Path) -> Analyse:
    """Analyse text (as UTF-8) or bytes; keyword arguments but ``timezone`` are overrides."""

    def analysed(content: str | bytes, *, timezone: str = "UTC", **overrides: object) -> Analysed:
        return analyse_bytes(tmp_path, content, timezone=timezone, overrides=AnalysisOverrides(**overrides))

    return analysed


@pytest.fixture
def refuse(analyse: Analyse) -> Refuse:
    """The problem with which this content is refused."""

    def refused(content: str | bytes, **settings: object) -> Problem:
        with pytest.raises(ProblemError) as error:
            analyse(content, **settings)
        problem = error.value.problem
        assert problem.category == Category.DATA_VALIDATION
        assert "'load.csv'" in problem.detail
        assert problem.recovery
        return problem

    return refused


def analyse_bytes(folder: Path, content: str | bytes, *, timezone: str, overrides: AnalysisOverrides) -> Analysed:
    """Also checks what holds for every file: no row is lost without being counted."""
    path, parquet_path = folder / "upload", folder / "canonical.parquet"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    analysis = analyse_file(
        path, file_name="load.csv", parquet_path=parquet_path, timezone=timezone, overrides=overrides
    )
    canonical = pl.read_parquet(parquet_path)
    assert canonical.height == analysis.canonical_rows
    assert analysis.row_count == analysis.canonical_rows + analysis.duplicates + analysis.rejected_count
    assert set(folder.iterdir()) == {path, parquet_path}
    return Analysed(analysis, canonical)
