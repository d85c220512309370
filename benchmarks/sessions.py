"""What the benchmarks of trainings share: a session with a noisy daily cycle, through the public interface."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from foretide.client.http import Client


def write_load(path: Path, *, days: int) -> Path:
    """Hourly values with a daily cycle and noise, as a CSV file."""
    hours = np.arange(24 * days)
    times = np.datetime64("2020-01-01T00:00") + hours * np.timedelta64(1, "h")
    values = 50 + 20 * np.sin(hours * np.pi / 12) + np.random.default_rng(7).normal(0, 2, len(hours))
    rows = [f"{moment}:00;{value:.3f}" for moment, value in zip(times, values, strict=True)]
    path.write_text("time;load\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return path


async def configured_session(client: Client, file: Path, models: list[dict[str, Any]]) -> str:
    """The last day's load to the next day's; nothing is generated yet."""
    past, future = {"start_hours": -23, "end_hours": 0}, {"start_hours": 1, "end_hours": 24}
    session_id = await client.create_session([await client.upload(file)], "benchmark")
    await client.configure(
        session_id,
        {
            "series": [
                {"file": file.name, "role": "input", "horizon": past},
                {"file": file.name, "role": "output", "horizon": future},
            ],
            "time_steps": {"input": 24, "output": 24, "step_minutes": 60},
            "models": models,
        },
    )
    return session_id
