"""Would each process start? Its command is the command line's, its image holds it, its settings are complete."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import typer
from pydantic import ValidationError
from typer.core import TyperGroup
from typer.exceptions import TyperException

from deploy.validate.clean_environment import environment
from deploy.validate.dockerfile import DOCKERFILE, Target
from deploy.validate.environment import PREFIX
from deploy.validate.findings import Finding
from deploy.validate.processes import Process, option, served
from foretide.cli.main import build
from foretide.gateway.settings import GatewaySettings
from foretide.targets import API_OF_SERVICE, GATEWAY, SERVICES, TARGETS
from shared.settings import Settings
from shared.storage.s3_location import parse_s3_url


def refusal(arguments: list[str]) -> str | None:
    """Why ``foretide`` does not take these arguments; None if it does."""
    if not arguments:
        return "no command is given"
    group = typer.main.get_command(build())
    assert isinstance(group, TyperGroup)
    context = typer.Context(group)
    command = group.get_command(context, arguments[0])
    if command is None:
        return f"there is no command {arguments[0]!r}"
    try:
        command.make_context(arguments[0], arguments[1:], parent=context)
    except TyperException as error:
        return str(error)
    target = served(arguments)
    if target is not None and target not in TARGETS:
        return f"`foretide serve` knows no {target!r}"
    if "--once" in arguments and not (target or "").endswith("-worker"):
        return "--once is for workers"
    return None


def check_default_commands(targets: dict[str, Target]) -> Iterator[Finding]:
    """The CMD of every image."""
    for target in targets.values():
        if target.command and (reason := refusal(target.command)):
            yield Finding(f"{DOCKERFILE}, target {target.name}", f"CMD {' '.join(target.command)}: {reason}")


def check_process(process: Process, targets: dict[str, Target]) -> Iterator[Finding]:
    """One process: image, command, port, settings."""
    if process.target not in targets:
        yield Finding(process.where, f"the Dockerfile has no target {process.target!r}")
        return
    if reason := refusal(list(process.arguments)):
        yield Finding(process.where, f"foretide {' '.join(process.arguments)}: {reason}")
        return
    if process.serves is None:
        return
    if process.serves != GATEWAY and f"services/{_service(process.serves)}" not in targets[process.target].sources:
        yield Finding(process.where, f"the image {process.target!r} does not hold {process.serves}")
    if option(process.arguments, "--host") != "0.0.0.0":
        yield Finding(process.where, "listens inside its container alone; --host 0.0.0.0 is needed")
    if option(process.arguments, "--port") != str(process.port):
        yield Finding(process.where, f"listens on another port than the declared {process.port}")
    yield from _check_settings(process)


def _service(target: str) -> str:
    return SERVICES[target].split(".")[1]


def _check_settings(process: Process) -> Iterator[Finding]:
    given = {name: value for name, value in process.variables.items() if value is not None}
    try:
        with environment(given):
            if process.serves == GATEWAY:
                yield from _check_upstreams(process, GatewaySettings().gateway_upstreams)
                return
            settings = Settings()
        parse_s3_url(settings.store_url)
    except ValidationError as error:
        for fault in error.errors():
            names = "_".join(str(part) for part in fault["loc"]).upper()
            yield Finding(process.where, f"does not start: {PREFIX + names if names else ''} {fault['msg']}")
    except ValueError as error:
        yield Finding(process.where, f"does not start: {error}")


def _check_upstreams(process: Process, upstreams: dict[str, list[str]]) -> Iterator[Finding]:
    for service, target in API_OF_SERVICE.items():
        for url in upstreams.get(service, [""]):
            parts = urlsplit(url)
            if process.addresses.get(parts.netloc) != target or parts.scheme != "http":
                yield Finding(process.where, f"nothing serves {target} at {url or 'any upstream'}")
    for service in sorted(upstreams.keys() - API_OF_SERVICE.keys()):
        yield Finding(process.where, f"the gateway routes to no service {service!r}")


def check_passed_settings(process: Process) -> Iterator[Finding]:
    """A variable in ``.env`` must reach the services under compose."""
    if process.serves in (None, GATEWAY):
        return
    for name in Settings.model_fields:
        if f"{PREFIX}{name.upper()}" not in process.variables:
            yield Finding(process.where, f"does not pass on {PREFIX}{name.upper()}")
