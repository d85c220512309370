"""The AsyncAPI 3.0 document of the bus, generated from the catalogue and the topology.

An outside system needs only this document and a broker URL: which exchange, which routing key, what a message
looks like, and the stream from which the past can be read. Source: https://www.asyncapi.com/docs/reference/specification/v3.0.0
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from shared.bus import topology
from shared.events.catalogue import CATALOGUE, Kind, MessageDefinition
from shared.events.envelope import CONTENT_TYPE, Envelope, event_type

VERSION = "1.1.0"
_LOG_PREFETCH = 100
_EXCHANGES = {Kind.EVENT: topology.EVENTS, Kind.COMMAND: topology.COMMANDS, Kind.PROGRESS: topology.PROGRESS}
_SUBJECTS = {"session_id": "The session's id.", "upload_id": "The upload's id, or the one-shot forecast job's."}
_DESCRIPTION = """\
Foretide's services talk over RabbitMQ; any other system may listen.

Bind a durable queue of your own to the topic exchange `foretide.events` with the routing keys that you want (`#` for
all), or read the stream queue `foretide.log` from any offset to hear the last seven days again. Every message is a
CloudEvents 1.0 JSON object in structured mode. Delivery is at least once: drop an `id` that you have seen. Events of
one session carry its `sequence`, counted from 1 without holes.

An event's channel names the exchange; its address is the routing key. A channel that `is` a queue is read as it is:
`x-queue-arguments` are those that it was declared with, `x-consume` says how to consume it.

Commands are carried out by one service each and are not meant for outsiders: use the HTTP API.
"""


def build_document() -> dict[str, Any]:
    """The document as JSON-able data; the same on every call."""
    schemas = _schemas()
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Foretide events",
            "version": VERSION,
            "description": _DESCRIPTION,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": CONTENT_TYPE,
        "servers": {
            "broker": {
                "host": "broker.example:5672",
                "protocol": "amqp",
                "protocolVersion": "0.9.1",
                "description": "The RabbitMQ that operations gave you; `foretide up` prints its own.",
                "security": [{"$ref": "#/components/securitySchemes/broker"}],
            }
        },
        "channels": {
            **{_identifier(d): _channel(d) for d in CATALOGUE.values()},
            "eventLog": _log_channel(),
        },
        "operations": {
            **{_operation_name(d): _operation(d) for d in CATALOGUE.values()},
            "replayEvents": _replay(),
        },
        "components": {
            "messages": {_identifier(d): _message(d, schemas) for d in CATALOGUE.values()},
            "schemas": schemas,
            "securitySchemes": {"broker": {"type": "userPassword", "description": "A user of the broker."}},
        },
    }


def _identifier(definition: MessageDefinition) -> str:
    first, *rest = definition.name.split(".")
    return first + "".join(part.capitalize() for part in rest)


def _operation_name(definition: MessageDefinition) -> str:
    identifier = _identifier(definition)
    return f"{'receive' if definition.kind is Kind.COMMAND else 'send'}{identifier[0].upper()}{identifier[1:]}"


def _exchange_kind(name: str) -> str:
    return next(exchange.kind for exchange in topology.EXCHANGES if exchange.name == name)


def _channel(definition: MessageDefinition) -> dict[str, Any]:
    exchange = _EXCHANGES[definition.kind]
    address = definition.name if definition.kind is not Kind.PROGRESS else f"{{{definition.subject}}}"
    channel: dict[str, Any] = {
        "address": address,
        "title": definition.name,
        "description": definition.summary,
        "messages": {_identifier(definition): {"$ref": f"#/components/messages/{_identifier(definition)}"}},
        "bindings": {
            "amqp": {
                "is": "routingKey",
                "exchange": {
                    "name": exchange,
                    "type": _exchange_kind(exchange),
                    "durable": True,
                    "autoDelete": False,
                    "vhost": "/",
                },
            }
        },
    }
    if definition.kind is Kind.PROGRESS:
        channel["parameters"] = {definition.subject: {"description": _SUBJECTS[definition.subject]}}
    return channel


def _log_channel() -> dict[str, Any]:
    log = topology.log_queue()
    events = [d for d in CATALOGUE.values() if d.kind is Kind.EVENT]
    return {
        "address": log.name,
        "title": "The event log",
        "description": "A stream of all events of the last seven days, which reading does not use up.",
        "messages": {_identifier(d): {"$ref": f"#/components/messages/{_identifier(d)}"} for d in events},
        "bindings": {
            "amqp": {
                "is": "queue",
                "queue": {"name": log.name, "durable": True, "exclusive": False, "autoDelete": False, "vhost": "/"},
            }
        },
        # The AMQP binding knows neither a queue's arguments nor a consumer's.
        "x-queue-arguments": log.arguments,
        "x-consume": {
            "acknowledge": True,
            "prefetch": _LOG_PREFETCH,
            "arguments": {
                topology.OFFSET_ARGUMENT: "Where to begin: `first`, `last`, `next`, the number of a message, or an "
                "AMQP timestamp. That finds the batch that was written then: drop by `time` what is older."
            },
            "headers": {
                topology.OFFSET_ARGUMENT: "The number of the message. After a lost connection go on with the next one."
            },
        },
    }


def _operation(definition: MessageDefinition) -> dict[str, Any]:
    identifier = _identifier(definition)
    return {
        "action": "receive" if definition.kind is Kind.COMMAND else "send",
        "channel": {"$ref": f"#/channels/{identifier}"},
        "summary": definition.summary.splitlines()[0],
        "tags": [{"name": definition.owner}, {"name": definition.kind.value}],
        "messages": [{"$ref": f"#/channels/{identifier}/messages/{identifier}"}],
    }


def _replay() -> dict[str, Any]:
    return {
        "action": "send",
        "channel": {"$ref": "#/channels/eventLog"},
        "summary": "Past events, from any offset.",
    }


def _message(definition: MessageDefinition, schemas: dict[str, Any]) -> dict[str, Any]:
    type_ = event_type(definition.name, definition.version)
    envelope = schemas["Envelope"]
    numbered = ["sequence"] if definition.numbered else []
    return {
        "name": type_,
        "title": definition.name,
        "summary": definition.summary.splitlines()[0],
        "contentType": CONTENT_TYPE,
        "payload": {
            "type": "object",
            "required": [*envelope["required"], *numbered],
            "properties": {
                **envelope["properties"],
                "type": {"const": type_},
                "data": {"$ref": f"#/components/schemas/{definition.payload.__name__}"},
            },
        },
    }


def _schemas() -> dict[str, Any]:
    models: list[type[BaseModel]] = [Envelope, *(definition.payload for definition in CATALOGUE.values())]
    _, document = models_json_schema(
        [(model, "serialization") for model in models], ref_template="#/components/schemas/{model}"
    )
    definitions: dict[str, Any] = document["$defs"]
    # What is always sent, whatever Python's defaults are.
    definitions["Envelope"]["required"] = [
        "specversion",
        "id",
        "source",
        "type",
        "subject",
        "time",
        "datacontenttype",
        "data",
    ]
    return definitions
