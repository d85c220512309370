"""The child process that makes a dataset (see ``shared.runtime.child``)."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from shared.runtime.child import Report, serve

_SLOW_TO_IMPORT = ("matplotlib.figure", "shared.series.configuration", "skops.io")


def build(specification: dict[str, Any], report: Report) -> dict[str, Any]:
    """See :func:`services.dataset.building.build`."""
    from services.dataset import building

    return building.build(specification, report)


if __name__ == "__main__":
    for name in _SLOW_TO_IMPORT:
        import_module(name)
    # With Polars, which starts threads as it is imported: not before the process was copied.
    serve(build, prepare=lambda: import_module("services.dataset.building"))
