"""Which keys mean one and the same object in every store."""

from __future__ import annotations

import string
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.problems import Category
from shared.storage.errors import InvalidKey
from shared.storage.keys import BUCKETS, check_bucket, check_key, folder_prefix

ALLOWED = string.ascii_letters + string.digits + "_!.*'() &$=@;:+,?-"

segments = st.text(ALLOWED, min_size=1, max_size=60).filter(lambda text: ".." not in text and text != ".")
keys = st.lists(segments, min_size=1, max_size=10).map("/".join)


def accepted(key: str) -> bool:
    try:
        check_key(key)
    except InvalidKey:
        return False
    return True


@given(keys)
def test_a_key_of_allowed_characters_is_accepted(key: str) -> None:
    check_key(key)


@given(st.text(max_size=40))
def test_an_accepted_key_stays_below_its_bucket_and_has_no_second_spelling(key: str) -> None:
    if accepted(key):
        assert set(key) <= set(ALLOWED + "/")
        assert str(PurePosixPath(key)) == key
        assert not PurePosixPath(key).is_absolute()
        assert ".." not in PurePosixPath(key).parts


@given(keys, st.characters().filter(lambda character: character not in ALLOWED + "/"), st.integers(0, 700))
def test_any_other_character_anywhere_is_refused(key: str, character: str, position: int) -> None:
    assert not accepted(key[:position] + character + key[position:])


@pytest.mark.parametrize(
    "key", ["", "/", "/a", "a/", "a//b", ".", "./a", "a/./b", "..", "../a", "a/..", "a/../b", "a\n", "a\\b", "a%2Fb"]
)
def test_f55_a_key_is_never_a_path(key: str) -> None:
    with pytest.raises(InvalidKey) as refused:
        check_key(key)
    assert refused.value.problem.category == Category.DATA_VALIDATION


def test_a_key_may_have_900_bytes_in_parts_of_200() -> None:
    assert accepted("/".join(["a" * 200] * 4 + ["a" * 96]))
    assert not accepted("/".join(["a" * 200] * 4 + ["a" * 97]))
    assert not accepted("a" * 201)


@given(keys)
def test_a_prefix_is_the_folder_of_that_name(key: str) -> None:
    assert folder_prefix(key) == folder_prefix(f"{key}/") == f"{key}/"


@pytest.mark.parametrize("prefix", ["/", "a//", "../a", "a/../b/"])
def test_a_prefix_obeys_the_rules_of_keys(prefix: str) -> None:
    with pytest.raises(InvalidKey):
        folder_prefix(prefix)


def test_only_our_buckets_are_accepted() -> None:
    for bucket in BUCKETS:
        check_bucket(bucket)
    with pytest.raises(InvalidKey):
        check_bucket("csv-files")
