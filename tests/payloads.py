"""Payloads of every event, made from their models."""

from __future__ import annotations

from typing import Any, get_args, get_origin
from uuid import UUID, uuid4

from pydantic import BaseModel

from shared.events.payloads import Reference
from shared.problems import Category, ProblemError

_REFERENCE = Reference(bucket="b", key="s/plots/violin.png", sha256="0" * 64, bytes=1)
_PROBLEM = ProblemError(Category.INTERNAL, title="t", detail="d").problem


def example(model: type[BaseModel]) -> dict[str, Any]:
    """A valid payload with every required field."""
    values = {name: _value_of(field.annotation) for name, field in model.model_fields.items() if field.is_required()}
    return model.model_validate(values).model_dump(mode="json")


def _value_of(annotation: Any) -> Any:
    if annotation is UUID:
        return uuid4()
    if annotation is Reference:
        return _REFERENCE
    if annotation is type(_PROBLEM):
        return _PROBLEM
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is list:
        return [_value_of(arguments[0])]
    if origin is dict or annotation is dict:
        return {"artifact": _REFERENCE} if Reference in arguments else {}
    if arguments and str(origin) == "typing.Literal":
        return arguments[0]
    if arguments:
        return _value_of(arguments[0])
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return example(annotation)
    return {str: "text", int: 1, float: 1.0, bool: True}.get(annotation, "text")
