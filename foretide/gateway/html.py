"""HTML from data: whatever is not markup already is escaped."""

from __future__ import annotations

from html import escape


class Html(str):
    """Text that is markup."""

    __slots__ = ()


def escaped(text: str) -> Html:
    """Text as markup that shows it; markup as it is."""
    return text if isinstance(text, Html) else Html(escape(text))


def element(tag: str, *content: str, **attributes: str) -> Html:
    """``<tag attribute="value">content</tag>``; ``class_`` stands for ``class``."""
    said = "".join(f' {name.rstrip("_")}="{escape(value)}"' for name, value in attributes.items())
    return Html(f"<{tag}{said}>{joined(*content)}</{tag}>")


def joined(*content: str) -> Html:
    """One piece after the other."""
    return Html("".join(escaped(piece) for piece in content))


def marked(text: str) -> Html:
    """One paragraph's text, what stands between backticks as code."""
    parts = text.replace("``", "`").split("`")
    return joined(*(element("code", part) if number % 2 else part for number, part in enumerate(parts)))


def paragraphs(text: str) -> Html:
    """Text with empty lines between paragraphs."""
    return joined(*(element("p", marked(part)) for part in text.strip().split("\n\n")))
