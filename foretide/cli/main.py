"""The ``foretide`` command."""

from __future__ import annotations

import typer

from foretide.cli import client as client_commands
from foretide.cli import dead, demo, doctor, operations, serve, up

app = typer.Typer(
    help="Time-series CSV files in, trained and compared forecasting models out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(up.up)
app.command()(demo.demo)
app.command()(client_commands.train)
app.command()(client_commands.status)
app.command()(client_commands.results)
app.command()(operations.token)
app.command()(doctor.doctor)
app.command()(serve.serve)
app.command()(operations.migrate)
app.add_typer(dead.app, name="dead")


def main() -> None:
    """Entry point."""
    app()
