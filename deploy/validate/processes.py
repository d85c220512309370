"""Every process of ours that the deployment files start, in one form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from deploy.validate.compose import COMPOSE
from deploy.validate.kustomize import Manifest, Rendered

IMAGES = "foretide/"


@dataclass(frozen=True, slots=True)
class Process:
    """A container: ``target`` of the Dockerfile, arguments of ``foretide``, variables (None: passed on if set).

    ``addresses`` are host:port of the processes that answer HTTP beside it, each with their ``serve`` target.
    """

    where: str
    target: str
    arguments: tuple[str, ...]
    variables: dict[str, str | None] = field(repr=False)
    port: int | None
    addresses: dict[str, str | None] = field(repr=False)

    @property
    def serves(self) -> str | None:
        """What follows ``serve``."""
        return served(self.arguments)


def served(arguments: tuple[str, ...] | list[str]) -> str | None:
    """The target of ``foretide serve``, None for another command."""
    return arguments[1] if len(arguments) > 1 and arguments[0] == "serve" else None


def option(arguments: tuple[str, ...], name: str) -> str | None:
    """The value of ``--name value``."""
    return arguments[arguments.index(name) + 1] if name in arguments[:-1] else None


def compose_processes(config: dict[str, Any]) -> Iterator[Process]:
    """Those of docker-compose.yml."""
    own = {name: service for name, service in config["services"].items() if "build" in service}
    addresses = {
        f"{name}:{option(tuple(service['command']), '--port')}": served(service["command"])
        for name, service in own.items()
    }
    for name, service in own.items():
        arguments = tuple(service["command"])
        port = option(arguments, "--port")
        yield Process(
            f"{COMPOSE}, {name}",
            service["build"]["target"],
            arguments,
            dict(service.get("environment", {})),
            int(port) if port else None,
            addresses,
        )


def pod_of(manifest: Manifest) -> Manifest | None:
    """The pod template of a workload."""
    match manifest["kind"]:
        case "Deployment" | "Job":
            template: Manifest = manifest["spec"]["template"]
        case "ScaledJob":
            template = manifest["spec"]["jobTargetRef"]["template"]
        case _:
            return None
    return template


def kubernetes_processes(rendered: Rendered, secrets: dict[str, dict[str, str]]) -> Iterator[Process]:
    """Those of a kustomization; ``secrets`` are the documented ones by name, with their keys and examples."""
    maps = {entry["metadata"]["name"]: entry.get("data", {}) for entry in rendered.of_kind("ConfigMap")}
    addresses = _service_addresses(rendered)
    for manifest in rendered.manifests:
        template = pod_of(manifest)
        for container in template["spec"]["containers"] if template else ():
            ports = container.get("ports", [])
            yield Process(
                rendered.place(manifest),
                container["image"].rpartition(IMAGES)[2].partition(":")[0],
                tuple(container.get("args", ())),
                _variables(container, maps, secrets),
                ports[0]["containerPort"] if ports else None,
                addresses,
            )


def _variables(
    container: Manifest, maps: dict[str, dict[str, str]], secrets: dict[str, dict[str, str]]
) -> dict[str, str | None]:
    variables: dict[str, str | None] = {}
    for source in container.get("envFrom", []):
        if "configMapRef" in source:
            variables |= maps.get(source["configMapRef"]["name"], {})
        if "secretRef" in source:
            variables |= secrets.get(source["secretRef"]["name"], {})
    for entry in container.get("env", []):
        reference = entry.get("valueFrom", {}).get("secretKeyRef", {})
        variables[entry["name"]] = entry.get("value", secrets.get(reference.get("name"), {}).get(reference.get("key")))
    return variables


def _service_addresses(rendered: Rendered) -> dict[str, str | None]:
    pods = [pod for manifest in rendered.manifests if (pod := pod_of(manifest))]
    return {
        f"{service['metadata']['name']}:{port['port']}": served(pod["spec"]["containers"][0].get("args", []))
        for service in rendered.of_kind("Service")
        for port in service["spec"]["ports"]
        for pod in pods
        if service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()
    }
