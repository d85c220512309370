"""Names of downloads."""

from __future__ import annotations

from urllib.parse import unquote

from hypothesis import given
from hypothesis import strategies as st

from shared.storage.disposition import content_disposition


def test_a_plain_name_is_kept() -> None:
    assert content_disposition("a b.csv") == "attachment; filename=\"a b.csv\"; filename*=UTF-8''a%20b.csv"


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_f08_no_name_ends_the_header_or_chooses_a_folder(name: str) -> None:
    header = content_disposition(name)

    assert header.isascii()
    assert header.isprintable()
    assert header.count('"') == 2
    encoded = header.rpartition("''")[2]
    assert not {"/", "\\", "\r", "\n", "\0"} & set(unquote(encoded))
    assert len(unquote(encoded)) == len(name)
