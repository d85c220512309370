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
    err.print(f"[bold red]{problem.title}[/]", highlight=False)
    err.print(problem.user_message, highlight=False, markup=False)
    for step in problem.recovery:
        err.print(f"  • {step}", highlight=False, markup=False)


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
