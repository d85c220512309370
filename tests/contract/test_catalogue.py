"""The messages are a contract: outside systems know them from /asyncapi.json alone."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from cloudevents.core.formats.json import JSONFormat
from jsonschema import Draft202012Validator

from shared.bus import topology
from shared.bus.asyncapi import build_document
from shared.events.catalogue import CATALOGUE, Kind
from shared.events.envelope import Envelope, decode, event_type, routing_key
from tests.contract import snapshot
from tests.payloads import example

PUBLISHED = json.loads(snapshot.FILE.read_text(encoding="utf-8"))


def test_nothing_that_was_published_changed_its_meaning_or_disappeared() -> None:
    assert snapshot.breaking_changes(PUBLISHED, json.loads(json.dumps(snapshot.current()))) == []


def test_the_snapshot_knows_every_message() -> None:
    assert set(PUBLISHED) == set(CATALOGUE), "python -m tests.contract.snapshot"


def test_a_field_that_disappears_or_changes_is_found_and_a_new_one_is_not() -> None:
    changed = copy.deepcopy(PUBLISHED)
    fields = changed["file.uploaded"]["schema"]["properties"]
    fields["new"] = {"type": "string"}
    assert snapshot.breaking_changes(PUBLISHED, changed) == []
    fields["rows"] = {"type": "string"}
    del fields["columns"]
    del changed["session.created"]
    assert sorted(snapshot.breaking_changes(PUBLISHED, changed)) == [
        "file.uploaded.columns is gone",
        "file.uploaded.rows changed its type",
        "session.created is gone",
    ]


@pytest.mark.parametrize("definition", CATALOGUE.values(), ids=lambda definition: definition.name)
def test_every_message_is_described_and_its_example_is_valid(definition: Any) -> None:
    document = build_document()
    identifier = "".join(part if n == 0 else part.capitalize() for n, part in enumerate(definition.name.split(".")))
    schema = {**document["components"]["messages"][identifier]["payload"], "components": document["components"]}
    envelope = Envelope(
        source="/foretide/test",
        type=event_type(definition.name),
        subject="s",
        sequence="1" if definition.numbered else None,
        data=example(definition.payload),
    )
    Draft202012Validator(schema).validate(json.loads(envelope.to_bytes()))
    exchange = document["channels"][identifier]["bindings"]["amqp"]["exchange"]["name"]
    kinds = {Kind.EVENT: topology.EVENTS, Kind.COMMAND: topology.COMMANDS, Kind.PROGRESS: topology.PROGRESS}
    assert exchange == kinds[definition.kind]
    if definition.numbered:
        assert not Draft202012Validator(schema).is_valid({**json.loads(envelope.to_bytes()), "sequence": 1})


def test_every_reference_of_the_document_resolves_and_it_is_the_same_every_time() -> None:
    document = build_document()
    assert document == build_document()
    for part in json.dumps(document).split('"$ref": "#/')[1:]:
        place: Any = document
        for step in part.split('"')[0].split("/"):
            place = place[step]


def test_the_log_is_described_as_it_is_declared_and_carries_every_event_and_no_command() -> None:
    document = build_document()
    log = document["channels"]["eventLog"]
    declared = topology.log_queue()
    assert log["address"] == log["bindings"]["amqp"]["queue"]["name"] == declared.name
    assert log["x-queue-arguments"] == declared.arguments
    assert set(log["x-consume"]["arguments"]) == {"x-stream-offset"}
    events = {definition.name for definition in CATALOGUE.values() if definition.kind is Kind.EVENT}
    assert {document["components"]["messages"][name]["title"] for name in log["messages"]} == events


def test_the_official_cloudevents_sdk_reads_our_bytes() -> None:
    envelope = Envelope(source="/foretide/upload", type=event_type("session.created"), subject="s", data={"a": 1})
    event = JSONFormat().read(None, envelope.to_bytes())
    assert (event.get_id(), event.get_type(), event.get_subject()) == (str(envelope.id), envelope.type, "s")
    assert event.get_data() == {"a": 1}
    assert "sequence" not in event.get_attributes(), "what is absent is left out"


def test_types_and_routing_keys_belong_together_and_foreign_ones_are_refused() -> None:
    assert routing_key(event_type("file.uploaded")) == "file.uploaded"
    for foreign in ("file.uploaded", "io.foretide.", "io.foretide.file.uploaded", "com.other.file.uploaded.v1"):
        with pytest.raises(ValueError, match="not a Foretide"):
            routing_key(foreign)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"specversion": "0.3"}', b"\xff"])
def test_what_is_no_envelope_is_a_value_error(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        decode(body)
