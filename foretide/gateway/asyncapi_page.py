"""The AsyncAPI 3 document as a page to read: no JavaScript, nothing from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from foretide.gateway.html import Html, element, joined, marked, paragraphs
from foretide.gateway.schemas import anchor, example_of, fields_table, referred, type_of

Json = Mapping[str, Any]

_KINDS = {"event": "Events", "command": "Commands", "progress": "Progress"}
_REPLAY = "Replay"
_SCHEMAS = "Schemas"
_ENVELOPE = "Envelope"


def render(document: Json) -> str:
    """The whole page: every channel with its messages, every schema with its fields."""
    groups = _grouped(document)
    shown = {_data_schema(document, channel) for channels in groups.values() for channel in channels}
    schemas = {name: schema for name, schema in document["components"]["schemas"].items() if name not in shown}
    page = element(
        "div",
        element("nav", _contents(document, groups, schemas), class_="contents"),
        element(
            "main",
            _introduction(document),
            *(_group(document, title, channels) for title, channels in groups.items()),
            element("h2", _SCHEMAS, id=_SCHEMAS),
            *(_schema(name, schema) for name, schema in schemas.items()),
        ),
        class_="page with-contents",
    )
    head = joined(
        Html('<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'),
        element("title", document["info"]["title"]),
        Html('<link rel="icon" href="/assets/foretide.svg"><link rel="stylesheet" href="/assets/foretide.css">'),
    )
    return f"<!doctype html>{element('html', element('head', head), element('body', _bar(), page), lang='en')}"


def _bar() -> Html:
    links = (("/", "Foretide"), ("/docs", "HTTP API"), ("/asyncapi", "Events"))
    return element("header", *(element("a", text, href=address) for address, text in links), class_="bar")


def _grouped(document: Json) -> dict[str, list[str]]:
    """Channels by kind, in the document's order; a channel of no kind is one to read the past from."""
    groups: dict[str, list[str]] = {title: [] for title in (*_KINDS.values(), _REPLAY)}
    for identifier in document["channels"]:
        tags = [tag["name"] for tag in _operation(document, identifier).get("tags", [])]
        groups[next((_KINDS[tag] for tag in tags if tag in _KINDS), _REPLAY)].append(identifier)
    return {title: channels for title, channels in groups.items() if channels}


def _operation(document: Json, channel: str) -> Json:
    operations: Mapping[str, Json] = document["operations"]
    return next((one for one in operations.values() if referred(one["channel"]) == channel), {})


def _contents(document: Json, groups: Mapping[str, list[str]], schemas: Mapping[str, Json]) -> Html:
    entries = [
        (title, [(channel, document["channels"][channel]["title"]) for channel in channels])
        for title, channels in groups.items()
    ]
    entries.append((_SCHEMAS, [(anchor(name), name) for name in schemas]))
    return joined(
        *(
            element(
                "details",
                element("summary", title),
                element("ul", *(element("li", element("a", text, href=f"#{target}")) for target, text in links)),
                **({"open": ""} if title != _SCHEMAS else {}),
            )
            for title, links in entries
        )
    )


def _introduction(document: Json) -> Html:
    servers = (
        element(
            "p",
            element("strong", name),
            ": ",
            element("code", f"{server['protocol']}://{server['host']}"),
            " ",
            marked(server.get("description", "")),
        )
        for name, server in document.get("servers", {}).items()
    )
    return joined(
        element("h1", document["info"]["title"], " ", element("small", document["info"]["version"])),
        paragraphs(document["info"]["description"]),
        *servers,
        element("p", "For programs: ", element("a", "asyncapi.json", href="/asyncapi.json"), "."),
    )


def _group(document: Json, title: str, channels: list[str]) -> Html:
    return joined(element("h2", title, id=title), *(_channel(document, identifier) for identifier in channels))


def _channel(document: Json, identifier: str) -> Html:
    channel = document["channels"][identifier]
    messages = [_message_of(document, reference) for reference in channel["messages"].values()]
    heading = element("h3", element("a", channel["title"], href=f"#{identifier}"))
    described = joined(heading, paragraphs(channel["description"]), _binding(document, identifier))
    if len(messages) == 1:
        return element("article", described, _message(document, messages[0]), id=identifier)
    links = (
        element("li", element("a", message["title"], href=f"#{name}"))
        for name, message in zip(channel["messages"], messages, strict=True)
    )
    return element("article", described, element("p", "Carries:"), element("ul", *links, class_="names"), id=identifier)


def _binding(document: Json, identifier: str) -> Html:
    channel, operation = document["channels"][identifier], _operation(document, identifier)
    amqp = channel["bindings"]["amqp"]
    owner = next((tag["name"] for tag in operation.get("tags", []) if tag["name"] not in _KINDS), None)
    facts: list[tuple[str, str]] = []
    if "exchange" in amqp:
        facts.append((f"{amqp['exchange']['type'].capitalize()} exchange", amqp["exchange"]["name"]))
        facts.append(("Routing key", channel["address"]))
    else:
        facts.append(("Queue", amqp["queue"]["name"]))
        facts += [(name, str(value)) for name, value in channel.get("x-queue-arguments", {}).items()]
        consume = channel.get("x-consume", {})
        facts += [(f"Consume with {name}", text) for name, text in consume.get("arguments", {}).items()]
        facts += [(f"Delivered with {name}", text) for name, text in consume.get("headers", {}).items()]
    if owner:
        facts.append(("Sent by" if operation["action"] == "send" else "Carried out by", owner))
    return element(
        "dl", *(element("div", element("dt", name), element("dd", element("code", value))) for name, value in facts)
    )


def _message_of(document: Json, reference: Json) -> Json:
    message: Json = document["components"]["messages"][referred(reference)]
    return message


def _data_schema(document: Json, channel: str) -> str | None:
    """The schema that is shown at the channel of its one message."""
    references = list(document["channels"][channel]["messages"].values())
    if len(references) != 1:
        return None
    return referred(_message_of(document, references[0])["payload"]["properties"]["data"])


def _message(document: Json, message: Json) -> Html:
    schemas = document["components"]["schemas"]
    data = referred(message["payload"]["properties"]["data"])
    example = message["examples"][0]["payload"] if message.get("examples") else example_of(message["payload"], schemas)
    return joined(
        element(
            "p",
            "Type ",
            element("code", message["name"]),
            ", in the ",
            element("a", "envelope", href=f"#{anchor(_ENVELOPE)}"),
            " of every message. Its ",
            element("code", "data"),
            ":",
            id=anchor(data),
        ),
        fields_table(schemas[data]),
        element(
            "details", element("summary", "Example"), element("pre", json.dumps(example, indent=2, ensure_ascii=False))
        ),
    )


def _schema(name: str, schema: Json) -> Html:
    shown = fields_table(schema) if schema.get("properties") else element("p", type_of(schema))
    return element("article", element("h3", name), paragraphs(schema.get("description", "")), shown, id=anchor(name))
