"""``foretide token`` and ``foretide migrate``."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated
from uuid import UUID, uuid4

import typer

from foretide.cli.console import out, problems_end_the_command
from foretide.cli.options import DEFAULT_DATA, DataDirectory
from foretide.stack.secret_file import SecretFile
from shared.database.migrate import migrate as apply_migrations
from shared.identity.issuer import issue_token
from shared.problems import Category, ProblemError


def token(
    data: DataDirectory = DEFAULT_DATA,
    user: Annotated[
        str | None, typer.Option(help="User id (UUID), 'new' for a fresh one; else the local user.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=3650, help="How long the token is valid.")] = 30,
) -> None:
    """Print a token for the API of `foretide up`, to be sent as 'Authorization: Bearer …'.

    Example: curl -H "Authorization: Bearer $(foretide token)" http://127.0.0.1:8080/api/training/sessions
    """
    with problems_end_the_command():
        secrets = _secrets(data)
        user_id = str(uuid4()) if user == "new" else user or secrets.identifier("local_user_id")
        out.print(
            issue_token(secrets.token("jwt_secret"), _user_id(user_id), lifetime=timedelta(days=days)),
            soft_wrap=True,
            highlight=False,
        )


def migrate() -> None:
    """Bring the database's schema up to date; what was applied before is left alone.

    Example: FORETIDE_MIGRATION_DATABASE_URL=postgresql://postgres:…@host/postgres foretide migrate
    """
    with problems_end_the_command():
        url = os.environ.get("FORETIDE_MIGRATION_DATABASE_URL") or os.environ.get("FORETIDE_DATABASE_URL")
        if not url:
            raise ProblemError(
                Category.DATA_VALIDATION,
                title="Which database?",
                detail="FORETIDE_MIGRATION_DATABASE_URL is not set.",
                recovery=[
                    "Set it to the URL of the database's owner.",
                    "`foretide up` migrates its own database itself.",
                ],
            )
        password = os.environ.get("FORETIDE_AUTHENTICATOR_PASSWORD")
        done = asyncio.run(apply_migrations(url, authenticator_password=password))
        out.print(f"Applied: {', '.join(done)}" if done else "The schema is up to date.", highlight=False)


def _secrets(data: Path) -> SecretFile:
    file = data / "secrets.json"
    if not file.exists():
        raise ProblemError(
            Category.NOT_FOUND,
            title="There is no Foretide data here",
            detail=f"{data} holds no secrets: `foretide up` has not run with it yet.",
            recovery=["Run `foretide up` first.", "Or name its directory with --data."],
        )
    return SecretFile(file)


def _user_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise ProblemError(
            Category.DATA_VALIDATION,
            title="A user id is a UUID",
            detail=f"{text!r} is none.",
            recovery=["Use --user new for a fresh one."],
        ) from error
