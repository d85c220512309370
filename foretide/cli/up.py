"""``foretide up``: everything on this machine."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import typer

from foretide.cli.console import err, out, problems_end_the_command
from foretide.cli.options import DEFAULT_DATA, DataDirectory
from foretide.local_stack import local_stack
from foretide.stack.supervisor import Change, PartChange
from shared.telemetry.logs import configure_logging


def up(
    data: DataDirectory = DEFAULT_DATA,
    port: Annotated[int, typer.Option(help="The one port of the gateway, on 127.0.0.1.")] = 8080,
    store: Annotated[
        Literal["folder", "s3"], typer.Option(help="Object store: a folder, or SeaweedFS over S3.")
    ] = "folder",
    workers: Annotated[int, typer.Option(min=1, max=32, help="Trainer worker processes.")] = 1,
) -> None:
    """Start RabbitMQ, PostgreSQL, an object store and all services; stop them with Ctrl-C.

    Example: foretide up --port 8080 --workers 2
    """
    with problems_end_the_command():
        configure_logging("up", level="WARNING", log_format="text")
        asyncio.run(_up(data, port, store, workers))


async def _up(data: Path, port: int, store: Literal["folder", "s3"], workers: int) -> None:
    with stop_on_signals() as stopped:
        out.print("Starting …")
        async with local_stack(data, port=port, store=store, workers=workers, on_change=_tell) as stack:
            out.print(f"\nForetide runs at [bold]{stack.url}/?token={stack.token}[/]\n", soft_wrap=True)
            out.print(f"  API          {stack.url}/docs")
            out.print(f"  Events       {stack.url}/asyncapi   broker {stack.bus_url}", soft_wrap=True)
            out.print(f"  Data, logs   {stack.servers.data_directory}", soft_wrap=True)
            out.print("\nCtrl-C stops it; the next start goes on with the same data.")
            await stopped.wait()
            out.print("Stopping …")
    out.print("Stopped.")


def _tell(change: PartChange) -> None:
    if change.change is Change.DIED:
        err.print(
            f"{change.part} ended ({change.exit_code}); starting it again in {change.restart_in_seconds:.1f} s",
            highlight=False,
        )


@contextmanager
def stop_on_signals() -> Iterator[asyncio.Event]:
    """Ctrl-C and ``kill`` set the event instead of ending the process in the middle of something."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    try:
        yield stopped
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
