"""Members of JSON, found without building it: never other than what msgspec finds."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from analyzer.inside._members import Members

NAMES = ("type", "id", "error", "x", "T", "t")
MEMBERS = Members(NAMES)
HEAD = msgspec.defstruct("Head", [(name, Raw, Raw()) for name in NAMES])
DECODER = msgspec.json.Decoder(HEAD)

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=6), inner, max_size=4)
    ),
    max_leaves=10,
)
OBJECTS = st.dictionaries(st.sampled_from([*NAMES, "other", "é"]), VALUES, max_size=6)


def by_msgspec(text):
    """What msgspec finds; None: it is no object."""
    try:
        head = DECODER.decode(text)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    found = {name: bytes(getattr(head, name)) for name in NAMES}
    return {name: value for name, value in found.items() if value}


@given(OBJECTS, st.booleans(), st.sampled_from([None, 1, "\t"]))
def test_objects(value, is_ascii, indent):
    text = json.dumps(value, ensure_ascii=is_ascii, indent=indent).encode("utf-8", "replace")
    found = MEMBERS.read(text)
    if found is None:
        assert b'"\\' in text  # a name with an escape
    else:
        assert found == by_msgspec(text)
        assert {name: json.loads(cell) for name, cell in found.items()} == {
            name: cell for name, cell in value.items() if name in NAMES
        }


@given(
    OBJECTS,
    st.lists(
        st.tuples(
            st.floats(0, 1), st.sampled_from(["", *'{}[],:"\\ \n-+.0e1tfnu\0\x1f', "\\ud83d", "é"])
        ),
        min_size=1,
        max_size=3,
    ),
)
def test_what_it_takes_is_json(value, changes):
    """Text with other bytes in some places: it may be left, but never taken for another."""
    text = json.dumps(value)
    for where, other in changes:
        at = int(where * (len(text) - 1))
        text = text[:at] + other + text[at + 1 :]
    found = MEMBERS.read(text.encode())
    assert found is None or found == by_msgspec(text.encode())


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b'{"id":1,"id":2}', {"id": b"2"}),
        (b' {"id":1}', None),
        (b'{"id" : [1, 2] ,"x":"\\"}"}\n', {"id": b"[1, 2]", "x": b'"\\"}"'}),
        (b'{"a":{"id":1},"t":-0.5e+3}', {"t": b"-0.5e+3"}),
        (b'{"a":"\xff 12345678 \xff","T":null}', {"T": b"null"}),
        (b'{"a":"\\ud83d\\ude00\\u00E9","T":true}', {"T": b"true"}),
        (b'{"a":"12345678\\n12345678\\/","x":false}', {"x": b"false"}),
        (b"{}", {}),
        (b"{ } ", {}),
    ],
)
def test_examples(text, found):
    """RFC 8259 4 to 7."""
    assert MEMBERS.read(text) == found


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b"{", b"[]", b"1", b"{}x", b'{"id"}', b'{"id":}', b'{"id":1,}', b'{"id":1 "x":2}'),
        *(b'{"id":01}', b'{"id":1.}', b'{"id":-}', b'{"id":1e}', b'{"id":+1}', b'{"id":nul}'),
        *(b'{"id":"\x01"}', b'{"id":"\\q"}', b'{"id":"\\u12g4"}', b'{"id":"', b'{"id":"\\'),
        *(b'{"id":"\\ud83d"}', b'{"id":"\\ude00"}', b'{"id":"\\ud83d\\u0041"}', b'{"id":[1}}'),
        *(b'{"id":tru', b'{"id":falsy}', b'{"id":[1,]}', b'{"id":{"a"}}', b'{"id":{1:2}}'),
    ],
)
def test_what_is_no_object(text):
    assert MEMBERS.read(text) is None
    assert by_msgspec(text) is None


def test_what_is_left_although_it_is_json():
    deep = b'{"id":' + b"[" * 70 + b"]" * 70 + b"}"
    assert MEMBERS.read(deep) is None
    assert MEMBERS.read(b'{"\\u0069d":1}') is None
    assert by_msgspec(b'{"\\u0069d":1}') == {"id": b"1"}
