"""The Dockerfile: its targets, what they copy and install, and hadolint's opinion."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from deploy.validate.findings import Finding, Unreadable
from deploy.validate.tools import run_tool

DOCKERFILE = "deploy/docker/Dockerfile"
IGNORED = ".dockerignore"

_FROM = re.compile(r"FROM\s+(\S+)\s+AS\s+(\S+)", re.IGNORECASE)


@dataclass(slots=True)
class Target:
    """One stage. ``sources`` are paths in the repository, stages below included; ``command`` is its CMD."""

    name: str
    sources: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    user: str = ""
    has_health_check: bool = False

    @property
    def requirements(self) -> str | None:
        """The requirements file that it installs."""
        return next((source for source in self.sources if source.startswith("requirements/")), None)


def parse_dockerfile(text: str) -> dict[str, Target]:
    """The stages by name. Raises :class:`Unreadable` for a FROM without a name."""
    targets: dict[str, Target] = {}
    current: Target | None = None
    for line in text.replace("\\\n", " ").splitlines():
        instruction, _, rest = line.strip().partition(" ")
        if instruction == "FROM":
            match = _FROM.fullmatch(line.strip())
            if match is None:
                raise Unreadable(DOCKERFILE, f"every stage needs a name: {line}")
            below = targets.get(match[1])
            current = Target(match[2])
            if below is not None:
                current.sources, current.has_health_check = list(below.sources), below.has_health_check
            targets[current.name] = current
        elif current is not None:
            _read_instruction(current, instruction, rest.strip())
    return targets


def _read_instruction(target: Target, instruction: str, rest: str) -> None:
    match instruction:
        case "COPY":
            words = [word for word in rest.split() if not word.startswith("--")]
            target.sources.extend(words[:-1])
        case "CMD":
            target.command = json.loads(rest)
        case "USER":
            target.user = rest
        case "HEALTHCHECK":
            target.has_health_check = rest != "NONE"


def check_dockerfile(root: Path, targets: dict[str, Target]) -> Iterator[Finding]:
    """hadolint, and whether each stage can be built from what the repository and .dockerignore let through."""
    linted = run_tool("hadolint", "--no-color", root / DOCKERFILE)
    for line in linted.stdout.splitlines():
        yield Finding(DOCKERFILE, line.removeprefix(f"{root / DOCKERFILE}:"))
    sent = _sent_to_the_builder(root)
    for target in targets.values():
        where = f"{DOCKERFILE}, target {target.name}"
        for source in target.sources:
            if not (root / source).exists():
                yield Finding(where, f"copies {source}, which does not exist")
            elif not any(source == path or source.startswith(f"{path}/") for path in sent):
                yield Finding(where, f"copies {source}, which {IGNORED} keeps out of the build")
        if target.command and target.user.partition(":")[0] in ("", "0", "root"):
            yield Finding(where, "runs as root")
        if target.command and not target.has_health_check:
            yield Finding(where, "has no health check")


def _sent_to_the_builder(root: Path) -> set[str]:
    """Paths that .dockerignore lets through; it ignores everything and then names exceptions."""
    lines = [line for line in (root / IGNORED).read_text().splitlines() if line and not line.startswith("#")]
    if lines[:1] != ["*"]:
        raise Unreadable(IGNORED, "must ignore everything ('*') before it names exceptions")
    return {line.removeprefix("!") for line in lines if line.startswith("!")}
