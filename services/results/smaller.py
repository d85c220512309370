"""What to ask for instead of a file of the results for which memory did not suffice."""

from __future__ import annotations

from typing import Any


def less_at_once(specification: dict[str, Any]) -> list[str]:
    """By what was to be made: of a plot fewer models and windows, of a table what is stored already."""
    match specification["work"]:
        case "plot":
            models, windows = len(specification["models"]), len(specification["options"].get("windows") or ())
            return [
                *([f"Ask for one jobId at a time, instead of {models}."] if models > 1 else []),
                *([f"Ask for one window, instead of {windows}."] if windows > 1 else []),
                "Take the plots that are stored: loss_curve and predictions.",
            ]
        case "csv":
            return ["Take format=parquet, which is stored and need not be made, and read its forecasts."]
        case _:
            return ["Train on fewer windows: raise time_steps.step_minutes, or use a shorter period."]
