"""``foretide demo``: the whole way on real data, from nothing to a table of metrics."""

from __future__ import annotations

import asyncio
import json
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated

import typer

from foretide.cli.client import save_results
from foretide.cli.console import out, problems_end_the_command
from foretide.cli.display import LiveDisplay, metrics_table
from foretide.cli.options import DEFAULT_DATA, DataDirectory
from foretide.cli.up import stop_on_signals
from foretide.client.http import Client
from foretide.client.run import run_session
from foretide.local_stack import RunningStack, local_stack
from foretide.stack.ports import is_free
from shared.problems import Category, ProblemError
from shared.telemetry.logs import configure_logging

_FILES = ("tetouan_power_10min.csv", "tetouan_weather_hourly.csv")
_PORTS = range(8080, 8180)


def demo(
    data: DataDirectory = DEFAULT_DATA,
    port: Annotated[int | None, typer.Option(help="Port of the gateway; else the first free one from 8080 on.")] = None,
) -> None:
    """Start everything, train two models on four months of real power consumption, show the comparison, stop.

    Example: foretide demo
    """
    with problems_end_the_command():
        configure_logging("demo", level="WARNING", log_format="text")
        asyncio.run(_demo(data, port or _free_port()))


async def _demo(data: Path, port: int) -> None:
    with stop_on_signals() as stopped:
        out.print("Starting RabbitMQ, PostgreSQL and the services …")
        async with local_stack(data, port=port) as stack:
            out.print(f"Foretide runs at {stack.url}", highlight=False)
            running = asyncio.create_task(_run(stack, data / "demo-results"))
            interrupted = asyncio.create_task(stopped.wait())
            await asyncio.wait({running, interrupted}, return_when=asyncio.FIRST_COMPLETED)
            interrupted.cancel()
            if not running.done():
                running.cancel()
                out.print("Interrupted; what was done is kept.")
            await asyncio.gather(running, interrupted, return_exceptions=True)
        out.print("Stopped.")
        if not running.cancelled():
            await running


async def _run(stack: RunningStack, folder: Path) -> None:
    package = files("foretide.demo")
    configuration = json.loads((package / "configuration.json").read_text(encoding="utf-8"))
    async with Client(stack.url, stack.token) as client:
        with (
            as_file(package / "data" / _FILES[0]) as power,
            as_file(package / "data" / _FILES[1]) as weather,
            LiveDisplay() as display,
        ):
            session_id = await run_session(client, [power, weather], configuration, display, name="Tetouan, day ahead")
        found = await client.results(session_id)
        out.print(metrics_table(found))
        best = found["bestModel"]
        out.print(f"Best: [bold]{best['model']}[/]. Skill is 1 - RMSE / RMSE of seasonal naive: above 0 beats it.")
        saved = await save_results(client, session_id, found, folder)
        out.print(f"\nPlots, models and results are in [bold]{folder}[/]:", soft_wrap=True)
        for path in sorted(saved):
            out.print(f"  {path.name}", highlight=False)
        out.print(
            "\nThe data set: see SOURCE.md in foretide/demo/data. Try your own next: foretide up, then foretide train."
        )


def _free_port() -> int:
    for port in _PORTS:
        if is_free(port):
            return port
    raise ProblemError(
        Category.RESOURCE_EXHAUSTION,
        title="No free port",
        detail=f"All ports from {_PORTS.start} to {_PORTS.stop - 1} on 127.0.0.1 are taken.",
        recovery=["Choose another one with --port."],
    )
