"""One OpenAPI document of all services: pure functions over their documents (OpenAPI 3.1)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from foretide.gateway.routes import SERVICES, service_for
from shared.telemetry.logs import logger

log = logger(__name__)

Json = dict[str, Any]
_METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})
_VERSION = "1.0.0"
_BEARER = "bearer"
_DESCRIPTION = """\
Time-series CSV files in, trained and compared forecasting models out.

Every call takes `Authorization: Bearer <token>`; `foretide up` prints a token, and `foretide token` another. What goes
wrong is answered as `application/problem+json` (RFC 9457). What happens is told at `/socket.io` and, to other systems,
on the bus: see [the events](/asyncapi).
"""
_TAGS = {
    "upload": "Files and sessions: chunked uploads, what is in a file, the configuration.",
    "dataset": "Windows, features and scalers made of the files.",
    "trainer": "Training runs, their jobs and progress.",
    "results": "Metrics, comparison, models, plots and downloads.",
    "notifier": "The events of a session, for who missed some; webhooks and their log.",
}


def merge(documents: Mapping[str, Json], *, unavailable: Collection[str] = ()) -> Json:
    """One document of what the gateway routes, each service's calls under a tag of its name.

    ``documents`` by service. Components of the same name that differ get their service's name in front. Services in
    ``unavailable`` do not answer now: they are named in the description and under ``x-unavailable-services``.
    """
    names = _new_names(documents)
    paths: defaultdict[str, Json] = defaultdict(dict)
    components: defaultdict[str, Json] = defaultdict(dict)
    schemes: Json = {_BEARER: {"type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "Your token."}}
    for service in (service for service in SERVICES if service in documents):
        document = _with_names(documents[service], names[service])
        for section, definitions in document.get("components", {}).items():
            if section != "securitySchemes":
                components[section] |= {
                    _name_of(names[service].get(reference := _reference(section, name), reference)): definition
                    for name, definition in definitions.items()
                }
        bearers = _bearer_schemes(document)
        own_schemes: Json = document.get("components", {}).get("securitySchemes", {})
        schemes |= {name: scheme for name, scheme in own_schemes.items() if name not in bearers}
        for path, method, operation in _routed_operations(service, document):
            paths[path][method] = {**operation, "tags": [service], **_security(operation, bearers)}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Foretide", "version": _VERSION, "description": _description(unavailable)},
        "tags": [{"name": name, "description": _TAGS[name]} for name in SERVICES if name in documents],
        "paths": dict(paths),
        "components": {
            **{section: dict(sorted(definitions.items())) for section, definitions in components.items()},
            "securitySchemes": schemes,
        },
        **({"x-unavailable-services": sorted(unavailable)} if unavailable else {}),
    }


def _description(unavailable: Collection[str]) -> str:
    if not unavailable:
        return _DESCRIPTION
    return f"{_DESCRIPTION}\n**Not answering when this was read:** {', '.join(sorted(unavailable))}."


def _routed_operations(service: str, document: Json) -> Iterator[tuple[str, str, Json]]:
    for path, item in document.get("paths", {}).items():
        for method in sorted(_METHODS & item.keys()):
            if service_for(path, method.upper()) == service:
                yield path, method, item[method]
            else:
                log.warning("call is not routed to its service", service=service, method=method, path=path)


def _bearer_schemes(document: Json) -> set[str]:
    schemes: Json = document.get("components", {}).get("securitySchemes", {})
    return {name for name, scheme in schemes.items() if scheme.get("scheme") == "bearer"}


def _security(operation: Json, bearers: set[str]) -> Json:
    """The operation's security with the one scheme's name; nothing for an operation that is open to all."""
    if "security" not in operation:
        return {}
    renamed = [
        {_BEARER if name in bearers else name: scopes for name, scopes in one.items()} for one in operation["security"]
    ]
    return {"security": renamed}


def _new_names(documents: Mapping[str, Json]) -> dict[str, dict[str, str]]:
    """For each service the references to components that must be renamed, to what they become."""
    owners: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    for service, document in documents.items():
        for section, definitions in document.get("components", {}).items():
            for name, definition in definitions.items():
                owners[_reference(section, name)][service] = definition
    shared = {reference: list(by.values()) for reference, by in owners.items() if len(by) > 1}
    differing = {reference for reference, same in shared.items() if any(one != same[0] for one in same)}
    # What refers to something that differs differs, too, however alike it reads.
    while more := {r for r, same in shared.items() if r not in differing and _mentions(same[0], differing)}:
        differing |= more
    return {service: {r: _prefixed(service, r) for r in differing if service in owners[r]} for service in documents}


def _reference(section: str, name: str) -> str:
    return f"#/components/{section}/{name}"


def _name_of(reference: str) -> str:
    return reference.rpartition("/")[2]


def _prefixed(service: str, reference: str) -> str:
    section, _, name = reference.rpartition("/")
    return f"{section}/{service.capitalize()}{name}"


def _mentions(value: Any, references: set[str]) -> bool:
    match value:
        case dict():
            return any(_mentions(inner, references) for inner in value.values())
        case list():
            return any(_mentions(inner, references) for inner in value)
        case _:
            return isinstance(value, str) and value in references


def _with_names(value: Any, names: Mapping[str, str]) -> Any:
    """The same with every reference renamed; in a discriminator's mapping they are plain strings."""
    match value:
        case dict():
            return {key: _with_names(inner, names) for key, inner in value.items()}
        case list():
            return [_with_names(inner, names) for inner in value]
        case str():
            return names.get(value, value)
        case _:
            return value
