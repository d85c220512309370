"""``foretide serve``: one part of Foretide in this process."""

from __future__ import annotations

import asyncio
import os
from typing import Annotated, Any

import typer
import uvicorn

from foretide.cli.console import problems_end_the_command
from foretide.targets import GATEWAY, TARGETS, application_factory
from shared.runtime.collecting import collect_seldom
from shared.runtime.lifeline import hold_lifeline
from shared.runtime.scratch import scratch_folder
from shared.settings import Settings
from shared.telemetry.logs import configure_logging, logger

log = logger(__name__)

_HOLD_CONNECTIONS = (GATEWAY, "notifier")
_GRACE_SECONDS = 10
_ONCE_IDLE_SECONDS = 60.0
_LONGEST_HEADER = 128 * 1024
_LARGEST_SOCKET_MESSAGE = 1024 * 1024


def serve(
    service: Annotated[str, typer.Argument(help=f"One of: {', '.join(TARGETS)}.")],
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port for HTTP (workers answer health checks there).")] = 8000,
    once: Annotated[
        bool, typer.Option("--once", help="Workers only: take one job, run it to its end, exit (for a KEDA ScaledJob).")
    ] = False,
) -> None:
    """Run one service alone, configured by the environment (see .env.example).

    Example: foretide serve trainer-worker --port 8005
    """
    with problems_end_the_command():
        hold_lifeline()
        # Read when websockets is imported: a token of 12 KiB is a header line longer than its default (lesson F80).
        os.environ["WEBSOCKETS_MAX_LINE_LENGTH"] = str(_LONGEST_HEADER)
        configure_logging(
            service,
            level=os.environ.get("FORETIDE_LOG_LEVEL", "INFO"),
            log_format=os.environ.get("FORETIDE_LOG_FORMAT", "json"),
        )
        application = _gateway() if service == GATEWAY else application_factory(service)(Settings())
        if service in _HOLD_CONNECTIONS:
            collect_seldom()
        server = uvicorn.Server(
            uvicorn.Config(
                application,  # type: ignore[arg-type]
                host=host,
                port=port,
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=_GRACE_SECONDS,
                h11_max_incomplete_event_size=_LONGEST_HEADER,
                ws_max_size=_LARGEST_SOCKET_MESSAGE,
                ws_per_message_deflate=False,
            )
        )
        # The event loop that uvicorn itself would choose: uvloop where there is one.
        with scratch_folder(), asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
            runner.run(_run(server, application, once))


def _gateway() -> object:
    from foretide.gateway.app import create_gateway
    from foretide.gateway.settings import GatewaySettings

    settings = GatewaySettings()
    return create_gateway(settings.gateway_upstreams, cors_origins=settings.cors_origins)


async def _run(server: uvicorn.Server, application: Any, once: bool) -> None:
    if not once:
        await server.serve()
        return
    serving = asyncio.create_task(server.serve())
    ended = asyncio.create_task(application.state.worker.jobs_done.acquire())
    idle = asyncio.create_task(_idle(application))
    await asyncio.wait({serving, ended, idle}, return_when=asyncio.FIRST_COMPLETED)
    idle.cancel()
    ended.cancel()
    server.should_exit = True
    await serving


async def _idle(application: Any) -> None:
    """Returns when no job came in time; a job that came is waited for as long as it takes."""
    await asyncio.sleep(_ONCE_IDLE_SECONDS)
    if application.state.worker.busy:
        await asyncio.Event().wait()
    log.info("no job came", waited_seconds=_ONCE_IDLE_SECONDS)
