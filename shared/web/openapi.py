"""The OpenAPI document says what is really sent: every error is one problem, ``application/problem+json``."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from shared.problems import PROBLEM_CONTENT_TYPE, Problem

Json = dict[str, Any]

_REFERENCE = "#/components/{section}/{name}"
_RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 0}}}
_RESPONSES: dict[str, tuple[str, str, Json]] = {
    "401": ("Unauthorized", "There is no valid token.", {}),
    "404": ("NotFound", "There is no such thing, or it is somebody else's.", {}),
    "409": ("Conflict", "It cannot be done in the state that this is in.", {}),
    "422": ("Invalid", "The request is not as expected; `detail` names the field and its value.", {}),
    "429": ("TooManyRequests", "Too much was asked in too short a time.", _RETRY_AFTER),
    "4XX": ("Refused", "Refused; `category` and `detail` say why, `recovery` what to do.", {}),
    "503": ("Away", "The database, the store or the bus is away; nothing was lost.", _RETRY_AFTER),
}
_CHANGING = ("post", "put", "patch", "delete")


class Application(FastAPI):
    """A FastAPI application whose document describes errors as they are."""

    def openapi(self) -> Json:
        """The document, made once."""
        if self.openapi_schema is None:
            self.openapi_schema = with_problems(super().openapi())
        return self.openapi_schema


def with_problems(document: Json) -> Json:
    """The document with the problems that each of its calls may answer, instead of FastAPI's own error."""
    components: Json = document.setdefault("components", {})
    schemas: Json = components.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    _, definitions = models_json_schema(
        [(Problem, "serialization")], ref_template=_REFERENCE.format(section="schemas", name="{model}")
    )
    schemas.update(definitions["$defs"])
    components.setdefault("responses", {}).update(
        {name: _response(description, headers) for name, description, headers in _RESPONSES.values()}
    )
    for path, item in document.get("paths", {}).items():
        for method, operation in item.items():
            responses: Json = operation.setdefault("responses", {})
            responses.pop("422", None)
            for status in _statuses(path, method, operation):
                reference = _REFERENCE.format(section="responses", name=_RESPONSES[status][0])
                responses.setdefault(status, {"$ref": reference})
    return document


def _statuses(path: str, method: str, operation: Json) -> list[str]:
    told = ["4XX", "503"]
    if operation.get("security"):
        told += ["401", "429"]
    if "{" in path:
        told.append("404")
    if method in _CHANGING:
        told.append("409")
    if operation.get("parameters") or "requestBody" in operation:
        told.append("422")
    return sorted(told)


def _response(description: str, headers: Json) -> Json:
    reference = _REFERENCE.format(section="schemas", name="Problem")
    response: Json = {
        "description": description,
        "content": {PROBLEM_CONTENT_TYPE: {"schema": {"$ref": reference}}},
    }
    return {**response, "headers": headers} if headers else response
