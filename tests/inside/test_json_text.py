"""JSON: members as they are written, nothing raised whatever the text."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from analyzer.inside.json_text import decoded, elements, is_given, members, name_of, text_of


@pytest.mark.parametrize(
    ("token", "text"),
    [
        (b'"a"', "a"),
        (b'"a\\u00e9\\n"', "aé\n"),
        ('"Grüße"'.encode(), "Grüße"),
        (b"17", "17"),
        (b"-1.5e3", "-1.5e3"),
        (b"123456789012345678901234567890", "123456789012345678901234567890"),
        (b"null", None),
        (b"true", None),
        (b'{"a":1}', None),
        (b"", None),
        (b'"\xff"', None),
        (b'"' + b"a" * 5000 + b'"', None),
    ],
)
def test_text_of(token, text):
    assert text_of(Raw(token)) == text


def test_names_are_strings():
    assert name_of(b'"a"') == "a"
    assert name_of(b"1") is None


def test_null_is_not_given():
    assert is_given(b"0")
    assert not is_given(b"null")
    assert not is_given(b"")


def test_deep_nesting_and_huge_numbers_are_refused_or_skipped():
    deep = b'{"a":' + b"[" * 200_000
    assert members(deep) is None
    assert elements(b"[" * 200_000) is None
    assert text_of(members(b'{"n":' + b"9" * 5000 + b"}")["n"]) is None


def test_of_members_that_stand_twice_the_last_counts():
    assert bytes(members(b'{"a":1,"a":2}')["a"]) == b"2"


@given(st.binary(max_size=60) | st.text(max_size=30).map(str.encode))
def test_nothing_raises(payload):
    for read in (elements, members, text_of):
        read(payload)
    decoded(msgspec.json.Decoder(int), payload)
