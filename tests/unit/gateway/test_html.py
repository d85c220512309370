from __future__ import annotations

from foretide.gateway.html import Html, element, marked, paragraphs


def test_text_is_escaped_wherever_it_stands() -> None:
    assert element("p", "<script>", title='"><b>') == '<p title="&quot;&gt;&lt;b&gt;">&lt;script&gt;</p>'


def test_markup_goes_in_as_it_is() -> None:
    assert element("p", element("b", "1 < 2"), " & more") == "<p><b>1 &lt; 2</b> &amp; more</p>"


def test_what_is_joined_to_markup_is_text_again() -> None:
    assert element("p", Html("<i>") + "<script>") == "<p>&lt;i&gt;&lt;script&gt;</p>"


def test_backticks_mark_code_which_is_escaped_too() -> None:
    assert marked("send `<id>` or ``*``") == "send <code>&lt;id&gt;</code> or <code>*</code>"


def test_empty_lines_part_paragraphs() -> None:
    assert paragraphs("one\nline\n\n<two>") == "<p>one\nline</p><p>&lt;two&gt;</p>"
