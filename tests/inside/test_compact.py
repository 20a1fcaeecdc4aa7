"""The form in which bodies are compared: what says the same in JSON is equal."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.inside._compact import compact

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4)
    ),
    max_leaves=10,
)


@given(VALUES, st.sampled_from([None, 1, "\t"]))
def test_writers_agree(value, indent):
    """As Python writes it by default, and as JavaScript does."""
    spaced = json.dumps(value, indent=indent).encode()
    short = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    assert compact(spaced) == compact(short.encode())
    assert json.loads(compact(spaced)) == value


@pytest.mark.parametrize(
    ("text", "made"),
    [
        (b'["a b", 1]', b'["a b",1]'),
        (b'["\\u00e9\\u20AC\\ud83d\\ude00\\/"]', '["é€😀/"]'.encode()),
        # These mean something else without their escape, or nothing.
        (b'["\\u0022\\u005c\\u000a\\n\\\\u00e9"]', b'["\\u0022\\u005c\\u000a\\n\\\\u00e9"]'),
        (b'["\\ud83d", "\\ud83d\\u0041", "\\ude00"]', b'["\\ud83d","\\ud83dA","\\ude00"]'),
        (b'["\\u00', b'["\\u00'),
        (b'["\\', b'["\\'),
        (b"", b""),
        (b"{ \xff }", b"{\xff}"),
    ],
)
def test_forms(text, made):
    assert compact(text) == made
    assert compact(made) == made


def test_what_has_the_form_is_not_copied():
    text = b'["chat",{"text":"a b \\" c"}]'
    assert compact(text) is text


@given(st.binary(max_size=40) | st.text(alphabet='"\\u0dDeE8 /', max_size=30).map(str.encode))
def test_any_bytes(text):
    assert compact(compact(text)) == compact(text)
    assert len(compact(text)) <= len(text)
