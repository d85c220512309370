"""One OpenAPI document of all services, made from theirs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import httpx

from foretide.gateway.upstreams import Upstreams

_TIMEOUT_SECONDS = 5.0
_REFERENCE = "#/components/schemas/"


async def fetch_documents(upstreams: Upstreams) -> dict[str, dict[str, Any]]:
    """Each service's own document; one that does not answer is left out."""
    async with httpx.AsyncClient(timeout=_TIMEOUT_SECONDS, trust_env=False) as client:

        async def fetch(service: str) -> dict[str, Any] | None:
            for url in upstreams.in_turn(service):
                try:
                    answer = await client.get(f"{url}/openapi.json")
                    document: dict[str, Any] = answer.raise_for_status().json()
                except (httpx.HTTPError, ValueError):
                    continue
                return document
            return None

        found = await asyncio.gather(*(fetch(service) for service in upstreams.services))
    return {name: document for name, document in zip(upstreams.services, found, strict=True) if document is not None}


def merge(documents: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """One document. Schemas of the same name that differ get their service's name in front."""
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {}
    security: dict[str, Any] = {}
    for service in sorted(documents):
        document = documents[service]
        own = document.get("components", {}).get("schemas", {})
        renamed = {name: f"{service.capitalize()}{name}" for name in own if schemas.get(name, own[name]) != own[name]}
        text = json.dumps(document)
        for old, new in renamed.items():
            text = text.replace(f'"{_REFERENCE}{old}"', f'"{_REFERENCE}{new}"')
        changed = json.loads(text)
        for name, schema in changed.get("components", {}).get("schemas", {}).items():
            schemas[renamed.get(name, name)] = schema
        security.update(changed.get("components", {}).get("securitySchemes", {}))
        for path, operations in changed.get("paths", {}).items():
            paths.setdefault(path, {}).update(operations)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Foretide",
            "version": "1",
            "description": "Time-series CSV files in, trained and compared forecasting models out. "
            f"Answering now: {', '.join(sorted(documents)) or 'no service'}.",
        },
        "paths": dict(sorted(paths.items())),
        "components": {"schemas": dict(sorted(schemas.items())), "securitySchemes": security},
    }
