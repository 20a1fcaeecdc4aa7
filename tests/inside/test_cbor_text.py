"""CBOR: compared with cbor2; what is cut, deep or endless is refused."""

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.inside.cbor_text import CborError, elements, value

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(VALUES, max_size=8))
def test_elements_are_those_that_cbor2_writes(values):
    assert elements(cbor2.dumps(values)) == [cbor2.dumps(each) for each in values]


@given(st.integers(-(2**64), 2**64 - 1) | st.text())
def test_values(one):
    assert value(cbor2.dumps(one)) == one


def test_indefinite_lengths():
    # RFC 8949 3.2.1 and 3.2.3: [_ 1, [2, 3], (_ "strea", "ming")]
    data = bytes.fromhex("9f018202037f657374726561646d696e67ffff")
    assert elements(data) == [b"\x01", b"\x82\x02\x03", bytes.fromhex("7f657374726561646d696e67ff")]


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b"\x01", b"\x82\x01", b"\x9f\x01", b"\x81\x9f", b"\x81\xff", b"\x81\x1c"),
        *(b"\x81" * 100_000, b"\x9f" * 100_000, b"\x9b" + b"\xff" * 8, b"\x81\x01\x01"),
        b"\x81\x5b\x7f" + b"\xff" * 7,
    ],
)
def test_what_is_none_is_refused(data):
    with pytest.raises(CborError):
        elements(data)


@given(st.binary(max_size=60))
def test_nothing_else_is_raised(data):
    for read in (elements, value):
        try:
            read(data)
        except CborError:
            continue
