from __future__ import annotations

import json
from typing import Any

import pytest

from foretide.gateway.schemas import example_of, fields_table, type_of
from shared.bus.asyncapi import build_document
from shared.events.catalogue import CATALOGUE, MessageDefinition


@pytest.mark.parametrize("definition", CATALOGUE.values(), ids=lambda definition: definition.name)
def test_the_example_of_every_message_is_one_that_the_contract_takes(definition: MessageDefinition) -> None:
    schemas = build_document()["components"]["schemas"]
    example = example_of(schemas[definition.payload.__name__], schemas)
    definition.payload.model_validate_json(json.dumps(example))


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "string"}, "string"),
        ({"type": "string", "format": "uuid"}, "uuid"),
        ({"type": "array", "items": {"type": "integer"}}, "list of integer"),
        ({"anyOf": [{"type": "number"}, {"type": "null"}]}, "number or null"),
        ({"enum": ["input", "output"]}, "<code>input</code> or <code>output</code>"),
        ({"const": "1.0"}, "<code>1.0</code>"),
        ({"$ref": "#/components/schemas/Reference"}, '<a href="#schema-Reference">Reference</a>'),
        ({"type": "object", "additionalProperties": {"type": "number"}}, "object of number"),
        ({}, "anything"),
    ],
)
def test_a_type_is_told_in_words(schema: dict[str, Any], words: str) -> None:
    assert type_of(schema) == words


def test_limits_stand_beside_the_meaning() -> None:
    table = fields_table({"properties": {"epoch": {"type": "integer", "minimum": 0, "maximum": 9, "default": 1}}})
    assert "at least 0, at most 9, default 1" in table


def test_a_schema_within_itself_ends() -> None:
    schemas = {"Node": {"type": "object", "properties": {"next": {"$ref": "#/components/schemas/Node"}}}}
    assert example_of({"$ref": "#/components/schemas/Node"}, schemas) == {"next": None}
