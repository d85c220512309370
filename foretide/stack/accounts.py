"""Which account PostgreSQL runs as: it refuses to be root."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.problems import Category, ProblemError

UNPRIVILEGED = ("postgres", "foretide", "nobody")
"""Tried in this order when the owner is root."""


@dataclass(frozen=True, slots=True)
class Account:
    """A user of this machine whom this process can run programs as."""

    name: str
    user_id: int
    group_id: int

    @property
    def is_me(self) -> bool:
        """Whether programs run as this account anyway."""
        return self.user_id == os.geteuid()

    def can_run(self, program: Path) -> bool:
        """Whether this account reaches ``program`` and all that it loads (asked with ``--version``)."""
        return self._succeeds([program, "--version"])

    def can_enter(self, folder: Path) -> bool:
        """Whether this account reaches ``folder``: no folder above it may be private to others."""
        return self._succeeds(["/bin/sh", "-c", 'cd "$1"', "sh", folder])

    def run(self, arguments: Sequence[str | Path], text: str = "") -> subprocess.CompletedProcess[str]:
        """Run a program to its end as this account, in the root folder and with a bare environment."""
        return subprocess.run(
            [str(argument) for argument in arguments],
            input=text,
            capture_output=True,
            text=True,
            errors="replace",
            cwd="/",
            env={"PATH": os.defpath, "HOME": "/"},
            check=False,
            user=None if self.is_me else self.user_id,
            group=None if self.is_me else self.group_id,
            extra_groups=None if self.is_me else [],
        )

    def own(self, folder: Path) -> None:
        """Give ``folder`` and all in it to this account (root only, unless it is its own already)."""
        os.chown(folder, self.user_id, self.group_id)
        for entry in folder.rglob("*"):
            os.chown(entry, self.user_id, self.group_id, follow_symlinks=False)

    def _succeeds(self, arguments: Sequence[str | Path]) -> bool:
        try:
            return self.run(arguments).returncode == 0
        except PermissionError:
            return False


def account_without_privileges(candidates: Sequence[str] = UNPRIVILEGED) -> Account:
    """The one who asks; for root the first of ``candidates`` that this machine has.

    Raises :class:`ProblemError` when root asks and there is none.
    """
    if os.geteuid() != 0:
        return Account(f"user {os.geteuid()}", os.geteuid(), os.getegid())
    for name in candidates:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    raise ProblemError(
        Category.STORAGE_UNAVAILABLE,
        title="No account for PostgreSQL",
        detail=f"PostgreSQL does not run as root, and there is none of the users {', '.join(candidates)}.",
        recovery=["Run Foretide as a normal user.", "Or add a user for it: useradd --system foretide"],
    )
