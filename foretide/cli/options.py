"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

DataDirectory = Annotated[Path, typer.Option("--data", help="Where everything is kept; reused by the next start.")]
DEFAULT_DATA = Path(".foretide")
