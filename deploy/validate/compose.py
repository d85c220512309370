"""docker-compose.yml: Compose's own reading of it, its schema, and what it must and must not do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from deploy.validate.dockerfile import DOCKERFILE, Target
from deploy.validate.environment import Documented, filled_in
from deploy.validate.findings import Finding, Unreadable
from deploy.validate.tools import run_tool

COMPOSE = "docker-compose.yml"
_REFERENCE = re.compile(r"(?<!\$)\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<operator>:?[-?+])?")


def read_compose(root: Path, documented: Mapping[str, Documented]) -> dict[str, Any]:
    """The file as Compose understands it, with a ``.env`` as the example asks for. Raises :class:`Unreadable`."""
    with TemporaryDirectory() as folder:
        env_file = Path(folder) / "env"
        env_file.write_text("".join(f"{name}={value}\n" for name, value in filled_in(dict(documented)).items()))
        done = run_tool(
            "docker-compose", "--env-file", env_file, "--file", root / COMPOSE, "config", "--format", "json"
        )
    if done.returncode != 0:
        raise Unreadable(COMPOSE, done.stderr.strip().splitlines()[0])
    config: dict[str, Any] = json.loads(done.stdout)
    return config


def interpolated(text: str) -> dict[str, set[str]]:
    """Variables that the file puts into values, each with the operators (``:?``, ``:-`` …) it is used with."""
    found: dict[str, set[str]] = {}
    for match in _REFERENCE.finditer(text):
        found.setdefault(match["name"], set()).add(match["operator"] or "")
    return found


def check_compose(
    root: Path, config: dict[str, Any], targets: dict[str, Target], documented: dict[str, Documented]
) -> Iterator[Finding]:
    """Everything about the file that needs no other part of the product."""
    checked = run_tool("check-jsonschema", "--builtin-schema", "vendor.compose-spec", root / COMPOSE)
    if checked.returncode != 0:
        yield Finding(COMPOSE, " ".join(checked.stdout.split()))
    for name, operators in sorted(interpolated((root / COMPOSE).read_text()).items()):
        entry = documented.get(name)
        if entry is not None and entry.required and operators != {":?"}:
            yield Finding(COMPOSE, f"{name} must be refused when empty: use ${{{name}:?…}} everywhere")
    for name, service in config["services"].items():
        yield from _check_service(f"{COMPOSE}, {name}", service, targets)
        yield from _check_dependencies(f"{COMPOSE}, {name}", service, config["services"], targets)


def _check_service(where: str, service: dict[str, Any], targets: dict[str, Target]) -> Iterator[Finding]:
    for port in service.get("ports", []):
        if port.get("host_ip") != "127.0.0.1":
            yield Finding(where, f"publishes port {port.get('published')} to other machines; put 127.0.0.1: before it")
    build = service.get("build")
    if build is None:
        if ":" not in service.get("image", ""):
            yield Finding(where, "the image has no tag")
        if service.get("image", "").startswith("chrislusf/seaweedfs:"):
            yield from _check_seaweedfs(where, service["command"])
        return
    if build.get("dockerfile") != DOCKERFILE or build.get("target") not in targets:
        yield Finding(where, f"builds {build.get('dockerfile')}, target {build.get('target')}, which does not exist")
    if "image" in service:
        yield Finding(where, "names an image: `up` would look for it in a registry before building it")
    confined = (
        service.get("read_only") is True
        and service.get("cap_drop") == ["ALL"]
        and "no-new-privileges:true" in service.get("security_opt", [])
    )
    if not confined:
        yield Finding(where, "is not confined: read_only, cap_drop ALL and no-new-privileges are needed")


def _check_seaweedfs(where: str, command: list[str]) -> Iterator[Finding]:
    """Its flags, against the same program from its wheel."""
    explained = run_tool("weed", command[0], "-h")
    known = set(re.findall(r"^  (-[\w.]+)", explained.stdout + explained.stderr, re.MULTILINE))
    for argument in command[1:]:
        if argument.partition("=")[0] not in known:
            yield Finding(where, f"`weed {command[0]}` knows no {argument}")


def _check_dependencies(
    where: str, service: dict[str, Any], services: dict[str, Any], targets: dict[str, Target]
) -> Iterator[Finding]:
    for name, dependency in service.get("depends_on", {}).items():
        if dependency["condition"] == "service_healthy" and not _has_health_check(services[name], targets):
            yield Finding(where, f"waits for {name} to be healthy, but {name} has no health check")
        if dependency["condition"] == "service_completed_successfully" and services[name].get("restart") != "no":
            yield Finding(where, f"waits for {name} to end, but {name} is restarted for ever")


def _has_health_check(service: dict[str, Any], targets: dict[str, Target]) -> bool:
    check = service.get("healthcheck")
    if check is not None:
        return not check.get("disable", False)
    target = targets.get(service.get("build", {}).get("target", ""))
    return target is not None and target.has_health_check
