"""Can each image import what it runs? Follows imports through what it copies, down to what it installs."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.metadata import packages_distributions
from pathlib import Path

from deploy.validate.dockerfile import DOCKERFILE, Target
from deploy.validate.findings import Finding
from foretide.cli.main import COMMANDS, LOCAL_COMMANDS

_OURS = ("foretide", "services", "shared")
_STARTS = (
    "foretide.cli.main",
    *sorted({module for name, module in COMMANDS.items() if name not in LOCAL_COMMANDS}),
    "shared.storage.s3",
)
"""The command line, and what is imported by name or late."""


def check_images(root: Path, targets: dict[str, Target]) -> Iterator[Finding]:
    """For every image that is run: the command line starts, and all of its service's modules can be imported."""
    distributions = packages_distributions()
    for target in targets.values():
        if not target.command or target.requirements is None:
            continue
        where = f"{DOCKERFILE}, target {target.name}"
        installed = installed_names((root / target.requirements).read_text(encoding="utf-8"))
        for module, importer in sorted(_needed(root, target).items()):
            if (what := _lack(root, target, module, distributions, installed)) is not None:
                yield Finding(where, f"{importer} imports {module}, {what}")


def installed_names(requirements: str) -> set[str]:
    """Normalised names of the distributions that a locked requirements file installs."""
    return {_normalised(match) for match in re.findall(r"^([A-Za-z0-9._-]+)==", requirements, re.MULTILINE)}


def _lack(
    root: Path, target: Target, module: str, distributions: Mapping[str, Sequence[str]], installed: set[str]
) -> str | None:
    top = module.partition(".")[0]
    if top in _OURS:
        file = _file_of(root, module)
        if file is None:
            return "which does not exist"
        path = str(file.relative_to(root))
        copied = any(path == source or path.startswith(f"{source}/") for source in target.sources)
        return None if copied else "which the image does not copy"
    if top in sys.stdlib_module_names or installed & {_normalised(name) for name in distributions.get(top, [])}:
        return None
    return f"which {target.requirements} does not install"


def _needed(root: Path, target: Target) -> dict[str, str]:
    """Every module imported from the image's starting points on, and one file that imports it.

    Of its own service (or the gateway) all files count, with all imports; of the rest what is imported when they are.
    """
    own = [source for source in target.sources if re.fullmatch(r"services/[a-z]+", source)] or ["foretide/gateway"]
    needed = dict.fromkeys(_STARTS, "bin/foretide")
    waiting = list(_STARTS)
    for path in sorted(file for folder in own for file in (root / folder).rglob("*.py")):
        for module in _imports(root, path, everywhere=True):
            if needed.setdefault(module, str(path.relative_to(root))) == str(path.relative_to(root)):
                waiting.append(module)
    while waiting:
        path_or_none = _file_of(root, waiting.pop())
        if path_or_none is None:
            continue
        for module in _imports(root, path_or_none, everywhere=False):
            if module not in needed:
                needed[module] = str(path_or_none.relative_to(root))
                waiting.append(module)
    return needed


def _imports(root: Path, path: Path, *, everywhere: bool) -> Iterator[str]:
    """Modules that a file imports; without ``everywhere`` those that it imports when it is imported itself."""
    nodes: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module
            submodules = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (name for name in submodules if name.partition(".")[0] in _OURS and _file_of(root, name))
        elif not _is_skipped(node, everywhere=everywhere):
            nodes.extend(ast.iter_child_nodes(node))


def _is_skipped(node: ast.AST, *, everywhere: bool) -> bool:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return not everywhere
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)


def _file_of(root: Path, module: str) -> Path | None:
    if module.partition(".")[0] not in _OURS:
        return None
    path = root.joinpath(*module.split("."))
    for file in (path.with_suffix(".py"), path / "__init__.py"):
        if file.exists():
            return file
    return None


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
