"""How the command line talks: plain sentences on standard error, results on standard output."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import ValidationError
from rich.console import Console

from shared.problems import Problem, ProblemError

out = Console()
err = Console(stderr=True)


def show_problem(problem: Problem) -> None:
    """What went wrong and what to do about it."""
    # Lines are left to the terminal: a path or a command that is broken cannot be copied.
    err.print(problem.title, style="bold red", highlight=False, markup=False, soft_wrap=True)
    for line in (problem.user_message, *(f"  • {step}" for step in problem.recovery)):
        err.print(line, highlight=False, markup=False, soft_wrap=True)


@contextmanager
def problems_end_the_command() -> Iterator[None]:
    """Turn a problem into its text and exit status 1; other errors are faults of ours and show themselves."""
    try:
        yield
    except ProblemError as error:
        show_problem(error.problem)
        sys.exit(1)
    except ValidationError as error:
        err.print("[bold red]The settings are not complete[/]")
        for fault in error.errors():
            name = "_".join(str(part) for part in fault["loc"]).upper()
            err.print(f"  • {f'FORETIDE_{name}: ' if name else ''}{fault['msg']}", highlight=False, markup=False)
        err.print("See .env.example for what each variable means; `foretide up` needs none of them.")
        sys.exit(2)
