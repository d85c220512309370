"""The AsyncAPI document as a page to read: no JavaScript, nothing from elsewhere."""

from __future__ import annotations

from html import escape
from typing import Any

_KINDS = (("event", "Events"), ("command", "Commands"), ("progress", "Progress"))


def render(document: dict[str, Any]) -> str:
    """HTML: every message with its exchange, routing key and fields."""
    sections = [
        f"<h2>{title}</h2>" + "".join(_message(document, operation) for operation in _operations(document, kind))
        for kind, title in _KINDS
    ]
    paragraphs = "".join(f"<p>{_marked(part)}</p>" for part in document["info"]["description"].split("\n\n"))
    log = document["channels"]["eventLog"]
    return _PAGE.format(
        title=escape(document["info"]["title"]),
        description=paragraphs,
        log=_log(log),
        sections="".join(sections),
    )


def _log(channel: dict[str, Any]) -> str:
    title, queue = escape(channel["title"]), escape(channel["address"])
    return f"<p><b>{title}</b>, queue <code>{queue}</code>. {_marked(channel['description'])}</p>"


def _operations(document: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [
        operation
        for operation in document["operations"].values()
        if any(tag["name"] == kind for tag in operation.get("tags", []))
    ]


def _message(document: dict[str, Any], operation: dict[str, Any]) -> str:
    identifier = operation["channel"]["$ref"].rpartition("/")[2]
    channel, message = document["channels"][identifier], document["components"]["messages"][identifier]
    schema = _resolve(document, message["payload"]["properties"]["data"])
    exchange = channel["bindings"]["amqp"]["exchange"]
    owner = operation["tags"][0]["name"]
    return (
        f'<section id="{escape(identifier)}"><h3><a href="#{escape(identifier)}">{escape(channel["title"])}</a></h3>'
        f"<p>{_marked(channel['description'])}</p>"
        f"<p class=meta>exchange <code>{escape(exchange['name'])}</code> ({escape(exchange['type'])}), routing key "
        f"<code>{escape(channel['address'])}</code>, type <code>{escape(message['name'])}</code>, "
        f"service {escape(owner)}</p>{_fields(document, schema)}</section>"
    )


def _fields(document: dict[str, Any], schema: dict[str, Any]) -> str:
    required = set(schema.get("required", []))
    rows = "".join(
        f"<tr><td><code>{escape(name)}</code></td><td>{escape(_type(document, field))}</td>"
        f"<td>{'yes' if name in required else ''}</td><td>{_marked(field.get('description', ''))}</td></tr>"
        for name, field in schema.get("properties", {}).items()
    )
    return f"<table><tr><th>field of data</th><th>type</th><th>always</th><th></th></tr>{rows}</table>"


def _type(document: dict[str, Any], field: dict[str, Any]) -> str:
    if "$ref" in field:
        return str(field["$ref"].rpartition("/")[2])
    if "anyOf" in field:
        return " or ".join(_type(document, option) for option in field["anyOf"])
    if "enum" in field or "const" in field:
        return ", ".join(str(value) for value in field.get("enum", [field.get("const")]))
    if field.get("type") == "array":
        return f"list of {_type(document, field.get('items', {}))}"
    return str(field.get("format") or field.get("type") or "any")


def _resolve(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in schema:
        return schema
    found: dict[str, Any] = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found


def _marked(text: str) -> str:
    """Escaped, with `code` between backticks."""
    parts = escape(text).replace("``", "`").split("`")
    return "".join(f"<code>{part}</code>" if index % 2 else part for index, part in enumerate(parts))


_PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="stylesheet" href="/pages/page.css"></head>
<body><main><h1>{title}</h1>{description}{log}
<p>The same for programs: <a href="/asyncapi.json">/asyncapi.json</a></p>{sections}</main></body></html>"""
