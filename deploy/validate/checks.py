"""All checks on one repository, in one list of findings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from deploy.validate import commands, images, processes
from deploy.validate.compose import COMPOSE, check_compose, interpolated, read_compose
from deploy.validate.dockerfile import DOCKERFILE, check_dockerfile, parse_dockerfile
from deploy.validate.environment import EXAMPLE, PREFIX, check_environment, parse_example, variables_in_code
from deploy.validate.findings import Finding, Unreadable
from deploy.validate.kustomize import SECRETS, Rendered, read_documents, read_kustomizations
from deploy.validate.processes import Process
from deploy.validate.references import Secrets, check_references
from deploy.validate.schemas import check_schemas
from foretide.targets import TARGETS


def validate(root: Path, renderer: list[str] | None) -> list[Finding]:
    """Everything that is wrong below ``root``, each once; ``renderer`` is the command that renders kustomizations."""
    try:
        return list(dict.fromkeys(_findings(root, renderer)))
    except Unreadable as error:
        return [error.finding]


def _findings(root: Path, renderer: list[str] | None) -> Iterator[Finding]:
    targets = parse_dockerfile(_read(root, DOCKERFILE))
    documented = parse_example(_read(root, EXAMPLE))
    config = read_compose(root, documented)
    kustomizations = read_kustomizations(root, renderer)
    secrets = _documented_secrets(root)

    yield from check_dockerfile(root, targets)
    yield from images.check_images(root, targets)
    yield from check_compose(root, config, targets, documented)
    for rendered in kustomizations:
        yield from check_schemas(rendered)
        yield from check_references(rendered, secrets)
    yield from _check_secrets_are_used(kustomizations, secrets)

    composed = list(processes.compose_processes(config))
    for process in composed:
        yield from commands.check_passed_settings(process)
    deployed = [p for rendered in kustomizations for p in processes.kubernetes_processes(rendered, secrets)]
    for process in [*composed, *deployed]:
        yield from commands.check_process(process, targets)
    yield from commands.check_default_commands(targets)
    yield from _check_all_are_deployed(composed, deployed)

    in_files = {
        name: process.where for process in [*composed, *deployed] for name in process.variables if PREFIX in name
    }
    used = set(interpolated(_read(root, COMPOSE)))
    yield from check_environment(documented, variables_in_code(root), in_files, used)


def _check_all_are_deployed(composed: list[Process], deployed: list[Process]) -> Iterator[Finding]:
    for place, found in ((COMPOSE, composed), ("deploy/k8s", deployed)):
        for target in sorted(set(TARGETS) - {process.serves for process in found}):
            yield Finding(place, f"starts no {target}")
        if not any(process.arguments == ("migrate",) for process in found):
            yield Finding(place, "migrates no database")


def _check_secrets_are_used(kustomizations: list[Rendered], secrets: Secrets) -> Iterator[Finding]:
    for rendered in kustomizations:
        if rendered.of_kind("Secret"):
            yield Finding(rendered.where, "holds a Secret; secrets are not kept in the repository")
    text = str([rendered.manifests for rendered in kustomizations])
    for name in secrets:
        if f"'{name}'" not in text:
            yield Finding(SECRETS, f"the Secret {name!r} is used nowhere")


def _documented_secrets(root: Path) -> Secrets:
    return {entry["metadata"]["name"]: entry["stringData"] for entry in read_documents(root, root / SECRETS)}


def _read(root: Path, name: str) -> str:
    try:
        return (root / name).read_text(encoding="utf-8")
    except OSError as error:
        raise Unreadable(name, f"cannot be read: {error.strerror}") from error
