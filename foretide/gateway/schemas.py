"""JSON schemas for people: what type a field has, what values it takes, and an example of the whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from foretide.gateway.html import Html, element, joined, marked

Schema = Mapping[str, Any]
Schemas = Mapping[str, Schema]

_FORMATS = {
    "uuid": "3f6c1f0e-8d2a-4f57-9a3e-5b0c6b7d8e90",
    "date-time": "2026-01-31T12:00:00Z",
    "date": "2026-01-31",
    "uri": "https://example.org/",
}
_BOUNDS = (
    ("minimum", "at least {}"),
    ("exclusiveMinimum", "above {}"),
    ("maximum", "at most {}"),
    ("exclusiveMaximum", "below {}"),
    ("minLength", "{} characters or more"),
    ("maxLength", "{} characters at most"),
    ("minItems", "{} entries or more"),
    ("maxItems", "{} entries at most"),
    ("pattern", "matches {}"),
    ("default", "default {}"),
)


def anchor(name: str) -> str:
    """Where on the page a schema is described."""
    return f"schema-{name}"


def fields_table(schema: Schema) -> Html:
    """A row for each property: name, type, whether it is always there, meaning and limits."""
    required = schema.get("required", [])
    rows = (
        element(
            "tr",
            element("td", element("code", name)),
            element("td", type_of(field)),
            element("td", "required" if name in required else "optional", class_="need"),
            element("td", marked(field.get("description", "")), _limits(field)),
        )
        for name, field in schema.get("properties", {}).items()
    )
    head = element("tr", *(element("th", title) for title in ("Field", "Type", "", "Meaning")))
    return element("div", element("table", element("thead", head), element("tbody", *rows)), class_="wide")


def type_of(schema: Schema) -> Html:
    """The type in words, linked where it has a description of its own."""
    if "$ref" in schema:
        name = referred(schema)
        return element("a", name, href=f"#{anchor(name)}")
    if "const" in schema:
        return element("code", str(schema["const"]))
    if "enum" in schema:
        return _alternatives([element("code", str(value)) for value in schema["enum"]])
    if options := schema.get("anyOf") or schema.get("oneOf"):
        return _alternatives([type_of(option) for option in options])
    match schema.get("type"):
        case "array":
            return joined("list of ", type_of(schema.get("items", {})))
        case "object" if isinstance(schema.get("additionalProperties"), Mapping):
            return joined("object of ", type_of(schema["additionalProperties"]))
        case str() as name:
            return joined(schema.get("format", name))
        case _:
            return joined("anything")


def example_of(schema: Schema, schemas: Schemas, *, name: str = "text", inside: tuple[str, ...] = ()) -> Any:
    """A value that the schema allows, as JSON-able data; ``inside`` are the schemas that lead here."""
    if "$ref" in schema:
        target = referred(schema)
        return None if target in inside else example_of(schemas[target], schemas, name=name, inside=(*inside, target))
    for key in ("examples", "enum"):
        if schema.get(key):
            return schema[key][0]
    if "const" in schema:
        return schema["const"]
    if options := schema.get("anyOf") or schema.get("oneOf"):
        known = [option for option in options if option.get("type") != "null"]
        return example_of(known[0], schemas, name=name, inside=inside) if known else None
    match schema.get("type"):
        case "object":
            properties = schema.get("properties", {})
            return {key: example_of(field, schemas, name=key, inside=inside) for key, field in properties.items()}
        case "array":
            return [example_of(schema.get("items", {}), schemas, name=name, inside=inside)]
        case "integer" | "number":
            return schema.get("minimum", schema.get("default", schema.get("maximum", 1)))
        case "boolean":
            return schema.get("default", True)
        case "null":
            return None
        case "string":
            return _FORMATS.get(schema.get("format", ""), schema.get("default", name))
        case _:
            return {}


def referred(schema: Schema) -> str:
    """The name of the schema that this one refers to."""
    return str(schema["$ref"]).rpartition("/")[2]


def _alternatives(options: list[Html]) -> Html:
    pieces = [piece for option in options for piece in (" or ", option)]
    return joined(*pieces[1:])


def _limits(schema: Schema) -> Html:
    said = [text.format(schema[key]) for key, text in _BOUNDS if schema.get(key) is not None]
    return element("div", ", ".join(said), class_="limits") if said else Html()
