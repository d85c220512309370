"""``.env.example``: every variable that anything reads is there, everything there is read, and defaults are true."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError
from pydantic_core import PydanticUndefined

from deploy.validate.clean_environment import environment
from deploy.validate.findings import Finding
from shared.settings import Settings

EXAMPLE = ".env.example"
PREFIX = "FORETIDE_"
PLACEHOLDER = "placeholderplaceholderplaceholder"

# Handed from the supervisor to its children; nobody sets it.
_INTERNAL = {"FORETIDE_LIFELINE_FD"}
_CODE = ("foretide", "services", "shared")
_LINE = re.compile(r"(?P<optional>#?)(?P<name>FORETIDE_[A-Z0-9_]+)=(?P<value>.*)")
_VARIABLE = re.compile(r"FORETIDE_[A-Z0-9_]+[A-Z0-9]")


@dataclass(frozen=True, slots=True)
class Documented:
    """One variable of ``.env.example``; ``value`` is its default or an example."""

    name: str
    value: str
    required: bool


def parse_example(text: str) -> dict[str, Documented]:
    """The variables by name. A line without '#' has to be filled in for docker compose."""
    found = {}
    for line in text.splitlines():
        if match := _LINE.fullmatch(line):
            found[match["name"]] = Documented(match["name"], match["value"], required=not match["optional"])
    return found


def filled_in(documented: dict[str, Documented]) -> dict[str, str]:
    """What a ``.env`` holds when somebody did as the example says."""
    return {entry.name: entry.value or PLACEHOLDER for entry in documented.values() if entry.required}


def variables_in_code(root: Path) -> dict[str, str]:
    """Variables that the product reads, and where: fields of settings classes, and names written out."""
    found: dict[str, str] = {}
    for folder in _CODE:
        for path in sorted((root / folder).rglob("*.py")):
            where = str(path.relative_to(root))
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for node in ast.walk(tree):
                if isinstance(node, ast.ClassDef):
                    found |= dict.fromkeys(_settings_of(node), where)
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found |= dict.fromkeys({node.value} if _VARIABLE.fullmatch(node.value) else (), where)
    return {name: where for name, where in found.items() if name not in _INTERNAL}


def _settings_of(node: ast.ClassDef) -> set[str]:
    prefix = next(
        (
            keyword.value.value
            for call in ast.walk(node)
            if isinstance(call, ast.Call)
            for keyword in call.keywords
            if keyword.arg == "env_prefix" and isinstance(keyword.value, ast.Constant)
        ),
        None,
    )
    if not isinstance(prefix, str):
        return set()
    return {
        f"{prefix}{statement.target.id}".upper()
        for statement in node.body
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name)
    }


def check_environment(
    documented: dict[str, Documented], in_code: dict[str, str], in_files: dict[str, str], interpolated: set[str]
) -> Iterator[Finding]:
    """Compare ``.env.example`` with the code, with the deployment files and with Settings' defaults.

    ``in_files`` maps variables that deployment files hand to a process to the file; ``interpolated`` are those
    that docker-compose.yml puts into other values.
    """
    for name, where in sorted((in_code | in_files).items()):
        if name not in documented:
            yield Finding(EXAMPLE, f"{name} is missing ({where} uses it)")
    for name, where in sorted(in_files.items()):
        if name not in in_code:
            yield Finding(where, f"sets {name}, which nothing reads")
    for name in sorted(interpolated - documented.keys()):
        yield Finding(EXAMPLE, f"{name} is missing (docker-compose.yml uses it)")
    for name in sorted(documented.keys() - in_code.keys() - interpolated):
        yield Finding(EXAMPLE, f"{name} is explained, but nothing reads it")
    yield from _check_defaults(documented)


def _check_defaults(documented: dict[str, Documented]) -> Iterator[Finding]:
    needed = {f"{PREFIX}{name.upper()}": "x" for name, field in Settings.model_fields.items() if field.is_required()}
    identity = {"FORETIDE_JWT_SECRET": PLACEHOLDER}
    for name, field in Settings.model_fields.items():
        entry = documented.get(f"{PREFIX}{name.upper()}")
        default = field.get_default(call_default_factory=True)
        if entry is None or default in (PydanticUndefined, None):
            continue
        try:
            with environment({**needed, **identity, entry.name: entry.value}):
                said = getattr(Settings(), name)
        except ValidationError as error:
            yield Finding(EXAMPLE, f"{entry.name}={entry.value} is refused: {error.errors()[0]['msg']}")
            continue
        if said != default:
            yield Finding(EXAMPLE, f"{entry.name} has the default {default!r}, not {entry.value}")
