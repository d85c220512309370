"""Which Foretide a command talks to: the one named in the environment, or the one that runs on a data directory."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from foretide.whole_file import write_whole
from shared.problems import Category, ProblemError

STATE_FILE = "running.json"


@dataclass(frozen=True, slots=True)
class Running:
    """Where it is and who we are to it."""

    url: str
    token: str
    bus_url: str
    database_url: str = ""
    store_url: str = ""


def running(data: Path) -> Running:
    """``FORETIDE_URL`` and ``FORETIDE_TOKEN``, or the stack of this data directory. Raises a problem for neither."""
    url, token = os.environ.get("FORETIDE_URL"), os.environ.get("FORETIDE_TOKEN")
    if url and token:
        return Running(url.rstrip("/"), token, os.environ.get("FORETIDE_BUS_URL", ""))
    file = data / STATE_FILE
    if not file.exists():
        raise ProblemError(
            Category.NOT_FOUND,
            title="No Foretide runs here",
            detail=f"Nothing runs on the data directory {data}, and FORETIDE_URL with FORETIDE_TOKEN is not set.",
            recovery=["Start one with `foretide up`.", "Or name its directory with --data, or set the two variables."],
        )
    return Running(**json.loads(file.read_text()))


def remember(data: Path, stack: Running) -> None:
    """What runs on this data directory, readable for its owner only."""
    write_whole(data / STATE_FILE, json.dumps(asdict(stack)), mode=0o600)


def forget(data: Path) -> None:
    """Nothing runs on this data directory any more."""
    (data / STATE_FILE).unlink(missing_ok=True)
