"""``foretide doctor``: is everything there that Foretide needs, and if not, what to do."""

from __future__ import annotations

import asyncio
import ctypes
import os
import shutil
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import httpx
import typer
from rich.table import Table

from foretide.cli.console import out
from foretide.cli.options import DEFAULT_DATA, DataDirectory
from foretide.running import running
from foretide.stack.postgres_files import installed_package
from foretide.stack.rabbitmq import broker_program
from shared.bus.rabbit import connect
from shared.database.pool import Database
from shared.problems import ProblemError
from shared.storage.open import open_store

_LEAST_FREE_BYTES = 2 * 1024**3


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    what: str
    good: bool
    found: str
    advice: str = ""


def doctor(data: DataDirectory = DEFAULT_DATA) -> None:
    """Check every dependency and every configured server, and say what to do about what is missing.

    Example: foretide doctor
    """
    findings = asyncio.run(_examine(data))
    table = Table("", "what", "found", "what to do")
    for finding in findings:
        table.add_row("ok" if finding.good else "[red]no[/]", finding.what, finding.found, finding.advice)
    out.print(table)
    if not all(finding.good for finding in findings):
        raise typer.Exit(1)


async def _examine(data: Path) -> list[Finding]:
    findings = [_python(), _program("RabbitMQ", broker_program), _program("PostgreSQL", installed_package)]
    findings += [_package(name, extra) for name, extra in (("tensorflow", "trainer"), ("sklearn", "trainer"))]
    findings += [boosting(), _package("polars", "upload"), _package("matplotlib", "results"), _disk(data)]
    for variable, check in (
        ("FORETIDE_BUS_URL", _bus),
        ("FORETIDE_DATABASE_URL", _database),
        ("FORETIDE_STORE_URL", _store),
    ):
        if url := os.environ.get(variable):
            findings.append(await _server(variable, url, check))
    findings.append(await _stack(data))
    return findings


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    return Finding(
        "Python", sys.version_info >= (3, 11), version, "" if sys.version_info >= (3, 11) else "Use 3.11 or newer."
    )


def _program(name: str, find: Callable[[], Path]) -> Finding:
    try:
        return Finding(name, True, str(find()))
    except ProblemError as error:
        return Finding(name, False, error.problem.detail, " ".join(error.problem.recovery))


def _package(name: str, extra: str) -> Finding:
    there = find_spec(name) is not None
    return Finding(
        name, there, "installed" if there else "missing", "" if there else f"pip install 'foretide[{extra}]'"
    )


def boosting() -> Finding:
    """Its own library alone is loaded: importing all of the package would take seconds."""
    package = find_spec("lightgbm")
    if package is None or package.origin is None:
        return _package("lightgbm", "trainer")
    try:
        for library in Path(package.origin).parent.glob("lib/lib_lightgbm.*"):
            ctypes.CDLL(str(library))
    except OSError as error:
        system = "brew install libomp" if sys.platform == "darwin" else "apt-get install libgomp1"
        return Finding("lightgbm", False, str(error), f"{system}, or run deploy/machine/setup.sh again.")
    return Finding("lightgbm", True, "installed")


def _disk(data: Path) -> Finding:
    folder = data.absolute()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    good = free > _LEAST_FREE_BYTES
    return Finding("free disk space", good, f"{free / 1024**3:.1f} GiB", "" if good else "Free at least 2 GiB.")


async def _server(variable: str, url: str, check: Callable[[str], Awaitable[None]]) -> Finding:
    try:
        async with asyncio.timeout(15):
            await check(url)
    except (ProblemError, ValueError, TimeoutError) as error:
        return Finding(
            variable, False, str(error) or "no answer within 15 s", "Check the address, the login and the firewall."
        )
    return Finding(variable, True, "answers")


async def _bus(url: str) -> None:
    await (await connect(url, "doctor")).close()


async def _database(url: str) -> None:
    database = Database(url, pool_size=2)
    await database.open(wait_seconds=5)
    try:
        async with database.transaction() as transaction:
            await transaction.fetch_value("select count(*) from public.training_sessions")
    finally:
        await database.close()


async def _store(url: str) -> None:
    async with open_store(url, public_url="http://127.0.0.1", signing_secret="doctor", wait_seconds=5) as store:
        if not await store.ready():
            raise ValueError("the store does not take objects")


async def _stack(data: Path) -> Finding:
    try:
        target = running(data)
    except ProblemError:
        return Finding("running stack", True, "none on this data directory", "`foretide up` starts one.")
    try:
        async with httpx.AsyncClient(timeout=10) as client:
            answer = await client.get(f"{target.url}/readyz")
    except httpx.HTTPError as error:
        return Finding(
            "running stack", False, f"{target.url}: {type(error).__name__}", "Start it again with `foretide up`."
        )
    if not answer.is_success:
        return Finding("running stack", False, f"{target.url}: HTTP {answer.status_code}", "Restart `foretide up`.")
    services: dict[str, str] = answer.json()["services"]
    late = [f"{name} is {state}" for name, state in services.items() if state != "ready"]
    found = f"{target.url}: {', '.join(late) or f'all {len(services)} services are ready'}"
    return Finding("running stack", not late, found, f"Read the logs in {data / 'logs'}." if late else "")
