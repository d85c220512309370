"""The child process that forecasts (see ``shared.runtime.child``): it keeps every model's library loaded."""

from __future__ import annotations

import os
from typing import Any

from services.trainer.child.threads import limit_threads
from services.trainer.forecasting.work import carry_out
from services.trainer.models.registry import load_all
from shared.runtime.child import Report, serve


def forecast(specification: dict[str, Any], report: Report) -> dict[str, Any]:
    """See :func:`services.trainer.forecasting.work.carry_out`."""
    limit_threads(specification["threads"])
    return carry_out(specification)


if __name__ == "__main__":
    # One window is forecast: a GPU would take longer to be reached than a processor to be done.
    os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "2", "TF_ENABLE_ONEDNN_OPTS": "0", "CUDA_VISIBLE_DEVICES": "-1"}
    load_all()
    serve(forecast)
