"""``foretide train``, ``status`` and ``results``: the client side."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from foretide.cli.console import out, problems_end_the_command
from foretide.cli.display import LiveDisplay, duration, metrics_table
from foretide.cli.options import DEFAULT_DATA, DataDirectory
from foretide.client.http import Client
from foretide.client.run import run_session
from foretide.running import running
from shared.problems import Category, ProblemError

Session = Annotated[str | None, typer.Argument(help="The session's id; without it the newest one.")]


def train(
    files: Annotated[list[Path], typer.Argument(help="CSV files.", show_default=False)],
    config: Annotated[
        Path, typer.Option("--config", help="Configuration document (JSON): what from what, which models.")
    ],
    name: Annotated[str | None, typer.Option(help="Name of the session.")] = None,
    data: DataDirectory = DEFAULT_DATA,
) -> None:
    """Upload CSV files, train what the configuration says, and show the comparison.

    Example: foretide train load.csv weather.csv --config configuration.json
    """
    with problems_end_the_command():
        configuration = _read_configuration(config)
        target = running(data)

        async def run() -> None:
            async with Client(target.url, target.token) as client:
                with LiveDisplay() as display:
                    session_id = await run_session(client, files, configuration, display, name=name)
                out.print(metrics_table(await client.results(session_id)))
                out.print(f"foretide results {session_id} --save FOLDER   keeps models, data and plots")

        asyncio.run(run())


def status(session: Session = None, data: DataDirectory = DEFAULT_DATA) -> None:
    """Where a session stands: its phase and its jobs.

    Example: foretide status
    """
    with problems_end_the_command():
        target = running(data)

        async def run() -> None:
            async with Client(target.url, target.token) as client:
                found = await client.status(session or await _newest(client))
            left = "" if found["etaSeconds"] is None else f", {duration(found['etaSeconds'])} left"
            out.print(
                f"session {found['sessionId']}: [bold]{found['phase']}[/] {found['progress']:.0f} %{left}",
                highlight=False,
            )
            if found["problem"]:
                out.print(f"{found['problem']['title']}: {found['problem']['detail']}", highlight=False, markup=False)
            table = Table("model", "target", "status", "progress", "attempt")
            for job in found["jobs"]:
                table.add_row(
                    job["model"], job["target"], job["status"], f"{job['progress']:.0f} %", str(job["attempt"])
                )
            if found["jobs"]:
                out.print(table)

        asyncio.run(run())


def results(
    session: Session = None,
    save: Annotated[Path | None, typer.Option("--save", help="Folder for documents, models and plots.")] = None,
    data: DataDirectory = DEFAULT_DATA,
) -> None:
    """The comparison of a session's models; with --save also their files.

    Example: foretide results --save results
    """
    with problems_end_the_command():
        target = running(data)

        async def run() -> None:
            async with Client(target.url, target.token) as client:
                session_id = session or await _newest(client)
                found = await client.results(session_id)
                out.print(metrics_table(found))
                if save is not None:
                    for path in await save_results(client, session_id, found, save):
                        out.print(f"  {path}", highlight=False, soft_wrap=True)

        asyncio.run(run())


async def save_results(client: Client, session_id: str, found: dict[str, Any], folder: Path) -> list[Path]:
    """Every document, model and plot of the session as a file; their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    saved = []
    base = f"/api/training/results/{session_id}"
    for entry in found["results"]:
        if entry["status"] != "completed":
            continue
        job_id, kind = entry["jobId"], entry["resultsMetadata"]["model_type"]
        name = f"{kind}_{job_id[:8]}"
        for form in entry["formats"]:
            # A zip file holds the others, of the whole run.
            if form != "zip":
                file = folder / f"{name}_{'forecasts' if form == 'csv' else 'results'}.{form}"
                saved.append(await client.download(f"{base}/download", file, jobId=job_id, format=form))
        saved.append(await client.download(f"{base}/models/{job_id}", folder / name))
    for plot in await client.plots(session_id):
        owner = f"{plot['jobId'][:8]}_" if plot["jobId"] else ""
        saved.append(await client.download(plot["url"], folder / f"{owner}{plot['plotName']}.png"))
    return saved


async def _newest(client: Client) -> str:
    sessions = await client.sessions()
    if not sessions:
        raise ProblemError(
            Category.NOT_FOUND,
            title="There is no session yet",
            detail="Nothing was uploaded so far.",
            recovery=["Begin with `foretide train FILE --config CONFIGURATION` or `foretide demo`."],
        )
    newest: str = sessions[0]["sessionId"]
    return newest


def _read_configuration(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ProblemError(
            Category.NOT_FOUND,
            title="There is no such configuration",
            detail=f"{path}: {error.strerror}.",
            recovery=["Check the path given with --config."],
        ) from error
    except ValueError as error:
        raise ProblemError(
            Category.DATA_VALIDATION,
            title="The configuration is not JSON",
            detail=f"{path}: {error}.",
            recovery=["Correct the file at that place."],
        ) from error
    if not isinstance(document, dict):
        raise ProblemError(
            Category.DATA_VALIDATION,
            title="The configuration is not an object",
            detail=f"{path} holds a {type(document).__name__}.",
            recovery=["Begin with '{'; see the README for an example."],
        )
    return document
