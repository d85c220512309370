"""The child process that reads an uploaded file (see ``shared.runtime.child``)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from shared.analysis.document import AnalysisOverrides
from shared.runtime.child import Report, serve


def analyse(specification: dict[str, Any], report: Report) -> dict[str, Any]:
    """Analyse ``csv`` and write the canonical copy to ``parquet``; the analysis as JSON-able data.

    Reports the share that is done.
    """
    # With Polars, which starts threads as it is imported: not before the process was copied.
    from shared.analysis.analyse import analyse_file

    analysis = analyse_file(
        Path(specification["csv"]),
        file_name=specification["file_name"],
        parquet_path=Path(specification["parquet"]),
        overrides=AnalysisOverrides.model_validate(specification["overrides"]),
        tell=lambda share: report({"share": share}),
    )
    return analysis.model_dump(mode="json")


if __name__ == "__main__":
    serve(analyse)
