"""Analysing bytes as if somebody had uploaded them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from shared.analysis import blocks
from shared.analysis.analyse import analyse_file
from shared.analysis.document import Analysis, AnalysisOverrides, Column
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


_SHORT = 5000

Analyse = Callable[..., Analysed]
Refuse = Callable[..., Problem]


@pytest.fixture
def analyse(tmp_path: Path) -> Analyse:
    """Analyse text (as UTF-8) or bytes; keyword arguments are overrides. Times are UTC unless one says otherwise."""

    def analysed(content: str | bytes, **overrides: object) -> Analysed:
        return analyse_bytes(tmp_path, content, AnalysisOverrides.model_validate({"timezone": "UTC", **overrides}))

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


def analyse_bytes(folder: Path, content: str | bytes, overrides: AnalysisOverrides) -> Analysed:
    """Also checks what holds for every file: no row is lost without being counted, and blocks make no difference."""
    path, parquet_path = folder / "upload", folder / "canonical.parquet"
    data = content.encode() if isinstance(content, str) else content
    path.write_bytes(data)
    found = _analysed(path, parquet_path, overrides)
    analysis, canonical = found.analysis, found.canonical
    assert canonical.height == analysis.canonical_rows
    assert analysis.row_count == analysis.canonical_rows + analysis.duplicates + analysis.rejected_count
    assert set(folder.iterdir()) == {path, parquet_path}
    if len(data) < _SHORT:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(blocks, "_PIECE_BYTES", 64)
            in_pieces = _analysed(path, parquet_path, overrides)
        assert without_means(in_pieces.analysis) == without_means(analysis)
        assert in_pieces.canonical.equals(canonical)
    return found


def _analysed(path: Path, parquet_path: Path, overrides: AnalysisOverrides) -> Analysed:
    analysis = analyse_file(path, file_name="load.csv", parquet_path=parquet_path, overrides=overrides)
    return Analysed(analysis, pl.read_parquet(parquet_path))


def without_means(analysis: Analysis) -> Analysis:
    """Sums of floats depend on the order in which they are added."""
    columns = [column.model_copy(update={"mean": None}) for column in analysis.columns]
    return analysis.model_copy(update={"columns": columns})
