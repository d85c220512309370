from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from deploy.validate.compose import read_compose
from deploy.validate.dockerfile import DOCKERFILE, Target, parse_dockerfile
from deploy.validate.environment import EXAMPLE, Documented, parse_example
from deploy.validate.findings import Finding
from deploy.validate.kustomize import SECRETS, Rendered, read_documents, read_kustomizations
from deploy.validate.processes import Process, compose_processes, kubernetes_processes

REPOSITORY = Path(__file__).resolve().parents[3]
_COPIED = (".dockerignore", EXAMPLE, "docker-compose.yml", "deploy/docker", "deploy/k8s")
_LINKED = ("foretide", "requirements", "services", "shared")


class Copy:
    """A copy of the deployment files that a test may break; the code is the real one."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in _COPIED:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            source = REPOSITORY / name
            if source.is_dir():
                shutil.copytree(source, root / name)
            else:
                shutil.copy(source, root / name)
        for name in _LINKED:
            (root / name).symlink_to(REPOSITORY / name)

    def change(self, name: str, old: str, new: str) -> None:
        """Replace the first ``old`` in a file; it must be there."""
        path = self.root / name
        text = path.read_text()
        assert old in text, f"{name} no longer holds {old!r}: the test breaks nothing"
        path.write_text(text.replace(old, new, 1))

    def add(self, name: str, text: str) -> None:
        """Append to a file."""
        with (self.root / name).open("a") as file:
            file.write(text)

    @property
    def targets(self) -> dict[str, Target]:
        return parse_dockerfile((self.root / DOCKERFILE).read_text())

    @property
    def documented(self) -> dict[str, Documented]:
        return parse_example((self.root / EXAMPLE).read_text())

    @property
    def secrets(self) -> dict[str, dict[str, str]]:
        return {
            entry["metadata"]["name"]: entry["stringData"] for entry in read_documents(self.root, self.root / SECRETS)
        }

    @property
    def base(self) -> Rendered:
        return read_kustomizations(self.root, None)[0]

    def compose_process(self, name: str) -> Process:
        config = read_compose(self.root, self.documented)
        return next(p for p in compose_processes(config) if p.where.endswith(f", {name}"))

    def kubernetes_process(self, name: str) -> Process:
        return next(p for p in kubernetes_processes(self.base, self.secrets) if p.where.endswith(f" foretide-{name}"))


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    return Copy(tmp_path.resolve())


@pytest.fixture
def says() -> Callable[[Iterable[Finding], str, str], bool]:
    """Whether a finding about this place says this; all findings are shown if none does."""

    def check(findings: Iterable[Finding], where: str, what: str) -> bool:
        found = list(findings)
        assert any(where in entry.where and what in entry.what for entry in found), [str(entry) for entry in found]
        return True

    return check
