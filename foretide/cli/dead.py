"""``foretide dead``: messages that could not be handled."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from foretide.cli.console import out, problems_end_the_command
from foretide.cli.options import DEFAULT_DATA, DataDirectory
from foretide.running import running
from shared.bus.port import DeadLetter
from shared.bus.rabbit_dead import DeadLetters, dead_letters
from shared.problems import not_found

app = typer.Typer(help="List, show, replay or drop messages that could not be handled.", no_args_is_help=True)

Identifier = Annotated[str, typer.Argument(help="The message's id, or its beginning.")]
Every = Annotated[bool, typer.Option("--all", help="All of them.")]


@app.command("list")
def list_letters(data: DataDirectory = DEFAULT_DATA) -> None:
    """Every dead letter, oldest first.

    Example: foretide dead list
    """
    with problems_end_the_command():
        letters = asyncio.run(_with_letters(data_url(data), lambda dead: dead.all()))
        if not letters:
            out.print("There are no dead letters.")
            return
        table = Table("id", "queue", "attempts", "why")
        for letter in letters:
            table.add_row(letter.message_id, letter.queue, str(letter.attempts), letter.error)
        out.print(table)


@app.command()
def show(identifier: Identifier, data: DataDirectory = DEFAULT_DATA) -> None:
    """One dead letter, whole, as JSON.

    Example: foretide dead show 6f1c2a
    """
    with problems_end_the_command():
        letters = asyncio.run(_with_letters(data_url(data), lambda dead: dead.all()))
        for letter in _matching(letters, identifier):
            out.print_json(
                json.dumps(
                    {
                        "id": letter.message_id,
                        "queue": letter.queue,
                        "attempts": letter.attempts,
                        "error": letter.error,
                        "body": _body(letter),
                    }
                )
            )


@app.command()
def replay(
    identifier: Annotated[str | None, typer.Argument(help="The message's id, or its beginning.")] = None,
    every: Every = False,
    data: DataDirectory = DEFAULT_DATA,
) -> None:
    """Send dead letters back to their queue, once what stopped them is mended.

    Example: foretide dead replay --all
    """
    with problems_end_the_command():
        chosen = _chosen(identifier, every)
        done = asyncio.run(_with_letters(data_url(data), lambda dead: dead.replay(chosen)))
        _tell("replayed", done, identifier)


@app.command()
def drop(
    identifier: Annotated[str | None, typer.Argument(help="The message's id, or its beginning.")] = None,
    every: Every = False,
    data: DataDirectory = DEFAULT_DATA,
) -> None:
    """Remove dead letters for good.

    Example: foretide dead drop 6f1c2a
    """
    with problems_end_the_command():
        chosen = _chosen(identifier, every)
        done = asyncio.run(_with_letters(data_url(data), lambda dead: dead.drop(chosen)))
        _tell("dropped", done, identifier)


def data_url(data: Path) -> str:
    """The broker: configured, or that of the stack which runs on this data directory."""
    return os.environ.get("FORETIDE_BUS_URL") or running(data).bus_url


async def _with_letters(url: str, work: Callable[[DeadLetters], Awaitable[list[DeadLetter]]]) -> list[DeadLetter]:
    async with dead_letters(url) as dead:
        return await work(dead)


def _chosen(identifier: str | None, every: bool) -> Callable[[DeadLetter], bool]:
    if every == (identifier is not None):
        raise typer.BadParameter("name one message, or give --all")
    return lambda letter: every or letter.message_id.startswith(identifier or "")


def _matching(letters: list[DeadLetter], identifier: str) -> list[DeadLetter]:
    found = [letter for letter in letters if letter.message_id.startswith(identifier)]
    if not found:
        raise not_found("Dead letter", identifier)
    return found


def _tell(what: str, letters: list[DeadLetter], identifier: str | None) -> None:
    if not letters and identifier:
        raise not_found("Dead letter", identifier)
    for letter in letters:
        out.print(f"{what} {letter.message_id} ({letter.queue})", highlight=False)
    out.print(f"{len(letters)} {what}.")


def _body(letter: DeadLetter) -> object:
    try:
        return json.loads(letter.body)
    except ValueError:
        return letter.body.decode(errors="replace")
