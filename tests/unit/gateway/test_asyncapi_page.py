from __future__ import annotations

import copy
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from foretide.gateway.asyncapi_page import render
from shared.bus.asyncapi import build_document

_VOID = {"meta", "link"}


class Page(HTMLParser):
    """Checks that elements are closed in order; keeps text, ids and links."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.attributes: set[str] = set()
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attributes}
        given = dict(attributes)
        self.ids += [given["id"]] if given.get("id") else []  # type: ignore[list-item]
        self.links += [value for name in ("href", "src") if (value := given.get(name))]
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return build_document()


@pytest.fixture(scope="module")
def html(document: dict[str, Any]) -> str:
    return render(document)


def text_of(html: str) -> str:
    return re.sub(r"<[^>]*>", "", html)


def test_every_channel_message_and_field_is_on_the_page(document: dict[str, Any], html: str) -> None:
    page = Page(html)
    for identifier, channel in document["channels"].items():
        assert identifier in page.ids
        assert channel["address"] in text_of(html)
    for message in document["components"]["messages"].values():
        assert message["name"] in text_of(html)
    for schema in document["components"]["schemas"].values():
        for field in schema.get("properties", {}):
            assert f"<code>{field}</code>" in html


def test_every_link_on_the_page_leads_somewhere_and_no_id_is_there_twice(html: str) -> None:
    page = Page(html)
    assert len(page.ids) == len(set(page.ids))
    inside = {link.removeprefix("#") for link in page.links if link.startswith("#")}
    assert inside <= set(page.ids)
    assert inside


def test_the_page_needs_no_script_and_nothing_from_elsewhere(html: str) -> None:
    page = Page(html)
    assert "script" not in page.tags
    assert not any(link.startswith(("http", "//")) for link in page.links)
    assert not any(name == "style" or name.startswith("on") for name in page.attributes)


def test_required_and_optional_fields_can_be_told_apart(html: str) -> None:
    generated = html.split('id="datasetsGenerated"')[1].split("</article>")[0]
    rows = {row.split("</code>")[0].rpartition("<code>")[2]: row for row in generated.split("<tr>")[2:]}
    assert "required" in rows["windows"]
    assert "optional" in rows["run_after"]
    assert "Training was asked for together with the datasets." in rows["run_after"]
    assert "at least 1" in rows["windows"]


def test_text_in_the_document_is_shown_never_run(document: dict[str, Any]) -> None:
    hostile = copy.deepcopy(document)
    attack = '<script>alert(1)</script><img src=x onerror="alert(2)">'
    hostile["info"] |= {"title": attack, "description": attack}
    channel = hostile["channels"]["fileUploaded"]
    channel |= {"title": attack, "description": f"`{attack}`", "address": attack}
    field = hostile["components"]["schemas"]["FileUploaded"]["properties"]["rows"]
    field |= {"description": attack, "default": attack, "type": attack}
    html = render(hostile)
    page = Page(html)
    assert "script" not in page.tags
    assert "img" not in page.tags
    assert text_of(html).count("&lt;script&gt;") >= 6


def test_an_example_of_the_document_is_shown_before_one_of_ours(document: dict[str, Any]) -> None:
    with_example = copy.deepcopy(document)
    with_example["components"]["messages"]["sessionCreated"]["examples"] = [{"payload": {"id": "the document's own"}}]
    assert "the document&#x27;s own" in render(with_example)
