"""The child process that chooses how to forecast a file (see ``shared.runtime.child``)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from services.upload.choices.wishes import Wishes
from shared.analysis.document import Analysis
from shared.runtime.child import Report, serve


def choose_for(specification: dict[str, Any], _: Report) -> dict[str, Any]:
    """From ``analysis``, the canonical copy ``parquet`` and ``wishes``: ``configuration`` and ``choices``."""
    # With Polars, which starts threads as it is imported: not before the process was copied.
    from services.upload.choices.choose import choose
    from services.upload.choices.columns import columns_to_read
    from services.upload.choices.excerpt import read_excerpt

    analysis = Analysis.model_validate(specification["analysis"])
    wishes = Wishes.model_validate(specification["wishes"])
    excerpt = read_excerpt(Path(specification["parquet"]), columns_to_read(analysis, wishes))
    plan = choose(analysis, excerpt, wishes, file_id=specification["file_id"])
    return {
        "configuration": plan.configuration.model_dump(mode="json"),
        "choices": [choice.model_dump(mode="json") for choice in plan.choices],
    }


if __name__ == "__main__":
    serve(choose_for)
