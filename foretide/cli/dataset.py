"""``foretide dataset build``: training windows from CSV files, without any service."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from foretide.cli.console import out, problems_end_the_command
from shared.problems import Category, ProblemError

if TYPE_CHECKING:
    from foretide.offline_dataset import OfflineDataset

app = typer.Typer(help="Training windows without services.", no_args_is_help=True)


@app.callback()
def dataset() -> None:
    """Training windows without services."""


@app.command()
def build(
    configuration: Annotated[Path, typer.Argument(help="Configuration document (JSON).", show_default=False)],
    data: Annotated[Path, typer.Option("--data", help="Folder with the CSV files that it names.", show_default=False)],
    out_file: Annotated[Path, typer.Option("--out", help="The .npz file to write.", show_default=False)],
    float64: Annotated[bool, typer.Option("--float64", help="Write float64 instead of float32.")] = False,
    report: Annotated[bool, typer.Option("--report", help="Print what was dropped and why.")] = False,
) -> None:
    """Make windows, features, parts and scaled arrays from CSV files, as the dataset service does.

    Example: foretide dataset build configuration.json --data folder --out windows.npz --report
    """
    import numpy as np

    from foretide.offline_dataset import build_offline, write_offline

    with problems_end_the_command():
        folder = _folder(data)
        _can_be_written(out_file)
        try:
            made = build_offline(_read(configuration), folder)
        except ProblemError as error:
            found = error.problem.technical_details or {}
            if report and "dropped" in found:
                _print_drops(found)
            raise
        write_offline(out_file, made.dataset, np.float64 if float64 else np.float32)
        shape, parts = made.dataset.shape("inputs"), made.dataset.parts
        out.print(
            f"{out_file}: {shape[0]} windows of {shape[1]} steps and {shape[2]} features; "
            f"train {len(parts.train)}, validation {len(parts.validation)}, test {len(parts.test)}",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
        if made.unused:
            out.print(f"Not used here: {', '.join(made.unused)}.", highlight=False, markup=False, soft_wrap=True)
        if report:
            _print_report(made)


def _print_report(made: OfflineDataset) -> None:
    kept, embargoed = len(made.dataset.reference_times), made.dataset.parts.embargoed
    out.print(f"{kept} windows kept, {embargoed} of them in no part because of the embargo.", highlight=False)
    _print_drops(made.dataset.report)
    for note in made.notes:
        out.print(f"Note: {note}", highlight=False, markup=False, soft_wrap=True)


def _print_drops(report: Mapping[str, Any]) -> None:
    out.print(f"{report['reference_times']} reference times were looked at.", highlight=False)
    counts = Table("series", "role", "cause", "windows dropped")
    for entry in report["dropped"]:
        counts.add_row(escape(entry["series"]), entry["role"], entry["cause"], str(entry["windows"]))
    out.print(counts if report["dropped"] else "Nothing was dropped.")
    stretches = Table("longest stretches", "from", "to", "windows")
    for stretch in report["stretches"]["kept"]:
        stretches.add_row("kept", *_cells(stretch))
    for stretch in report["stretches"]["dropped"]:
        stretches.add_row(f"{escape(stretch['series'])}: {stretch['cause']}", *_cells(stretch))
    out.print(stretches)


def _cells(stretch: dict[str, Any]) -> tuple[str, str, str]:
    return stretch["from"], stretch["to"], str(stretch["windows"])


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ProblemError(
            Category.DATA_VALIDATION,
            title="The configuration cannot be read",
            detail=f"{path}: {error}",
            recovery=["Name a file with one JSON document."],
        ) from error


def _folder(path: Path) -> Path:
    if not path.is_dir():
        raise ProblemError(
            Category.DATA_VALIDATION,
            title="There is no such folder",
            detail=f"--data {path} is no folder.",
            recovery=["Name the folder that holds the CSV files."],
        )
    return path


def _can_be_written(path: Path) -> None:
    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise ProblemError(
            Category.DATA_VALIDATION,
            title="The windows cannot be written there",
            detail=f"--out {path} is a folder, is in none that exists, or may not be written.",
            recovery=["Name a file in a folder that exists and is yours."],
        )
