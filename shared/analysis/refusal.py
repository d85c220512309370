"""Saying no: what was found in a file, where, and what to do about it."""

from __future__ import annotations

from shared.problems import Category, ProblemError

_SHOWN_CHARACTERS = 80


def refusal(
    file_name: str,
    *,
    title: str,
    found: str,
    recovery: list[str],
    line: int | None = None,
    column: str | None = None,
    value: str | None = None,
) -> ProblemError:
    """A DATA_VALIDATION problem that names the file and, where there is one, the line, the column and the value.

    ``found`` completes the sentence that begins with the file's name and the place. Lines count from 1, the
    header's included.
    """
    shown = None if value is None else shorten(value)
    place = [f"line {line}" if line is not None else "", f"column {column!r}" if column is not None else ""]
    where = ", ".join(part for part in (repr(file_name), *place) if part)
    return ProblemError(
        Category.DATA_VALIDATION,
        title=title,
        detail=f"{where}: {found}" + (f" Found: {shown!r}." if shown is not None else ""),
        recovery=recovery,
        technical_details={"file_name": file_name, "line": line, "column": column, "value": shown},
    )


def shorten(text: str, length: int = _SHOWN_CHARACTERS) -> str:
    """``text``, cut to ``length`` characters and marked with an ellipsis where it was longer."""
    return text if len(text) <= length else text[: length - 1] + "…"
