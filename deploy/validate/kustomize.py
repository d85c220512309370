"""Rendering of a kustomization: by kubectl or kustomize where they are, else a plain reading of its resources."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from deploy.validate.findings import Unreadable
from deploy.validate.tools import find_tool, run_tool

Manifest = dict[str, Any]

BASE = "deploy/k8s/base"
OVERLAYS = "deploy/k8s/overlays"
SECRETS = "deploy/k8s/secret.example.yaml"
PLAIN = "a plain reading of resources and components, without patches"


@dataclass(frozen=True, slots=True)
class Rendered:
    """A kustomization's objects; ``how`` names what rendered them."""

    where: str
    how: str
    manifests: list[Manifest] = field(repr=False)

    def of_kind(self, *kinds: str) -> list[Manifest]:
        """The objects of these kinds."""
        return [manifest for manifest in self.manifests if manifest["kind"] in kinds]

    def names(self, *kinds: str) -> set[str]:
        """The names of the objects of these kinds."""
        return {manifest["metadata"]["name"] for manifest in self.of_kind(*kinds)}

    def place(self, manifest: Manifest) -> str:
        """Where a finding about this object is."""
        return f"{self.where}, {manifest['kind']} {manifest['metadata']['name']}"


def renderer() -> list[str] | None:
    """The command that renders a folder, or None. kubectl before 1.24 is left out: it knows no components."""
    if find_tool("kustomize"):
        return ["kustomize", "build"]
    if find_tool("kubectl"):
        version = run_tool("kubectl", "version", "--client", "--output", "json").stdout
        if version and "kustomizeVersion" in json.loads(version):
            return ["kubectl", "kustomize"]
    return None


def read_kustomizations(root: Path, command: list[str] | None) -> list[Rendered]:
    """The base and every overlay. Raises :class:`Unreadable`."""
    folders = [root / BASE, *sorted(path.parent for path in (root / OVERLAYS).glob("*/kustomization.yaml"))]
    return [_render(root, folder, command) for folder in folders]


def read_documents(root: Path, path: Path) -> list[Manifest]:
    """The objects in a YAML file. Raises :class:`Unreadable`."""
    where = str(path.relative_to(root))
    try:
        documents = list(yaml.load_all(path.read_text(encoding="utf-8"), yaml.CSafeLoader))
    except (OSError, yaml.YAMLError) as error:
        raise Unreadable(where, " ".join(str(error).split())) from error
    for document in documents:
        if not isinstance(document, dict) or not {"apiVersion", "kind"} <= document.keys():
            raise Unreadable(where, "holds something that is no Kubernetes object")
    return documents


def _render(root: Path, folder: Path, command: list[str] | None) -> Rendered:
    where = str(folder.relative_to(root))
    if command is None:
        return Rendered(where, PLAIN, _plain(root, folder.resolve()))
    done = run_tool(*command, folder)
    if done.returncode != 0:
        raise Unreadable(where, f"{' '.join(command)}: {done.stderr.strip().splitlines()[-1]}")
    return Rendered(where, " ".join(command), list(yaml.load_all(done.stdout, yaml.CSafeLoader)))


def _plain(root: Path, folder: Path) -> list[Manifest]:
    file = folder / "kustomization.yaml"
    [kustomization] = read_documents(root, file)
    manifests: list[Manifest] = []
    for entry in [*kustomization.get("resources", []), *kustomization.get("components", [])]:
        path = (folder / entry).resolve()
        manifests += _plain(root, path) if path.is_dir() else read_documents(root, path)
    return manifests
