"""Programs from the development requirements, run without anything of the caller's environment but its path."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from deploy.validate.findings import Unreadable


def find_tool(name: str) -> Path | None:
    """The program beside this Python, else on the path."""
    beside = Path(sys.executable).parent / name
    if beside.exists():
        return beside
    found = shutil.which(name)
    return Path(found) if found else None


def run_tool(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run to the end. Raises :class:`Unreadable` where the program is missing."""
    program = find_tool(name)
    if program is None:
        raise Unreadable(name, "is not installed; `make setup-test` installs it")
    return subprocess.run(
        [program, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={"PATH": os.environ.get("PATH", os.defpath), "HOME": os.environ.get("HOME", "/")},
    )
