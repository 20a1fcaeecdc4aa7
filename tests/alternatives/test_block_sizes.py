"""Sizes of header blocks: RFC 7541 appendix C by hand, and the package hpack for all others."""

from hpack import Encoder
from hpack.huffman_constants import REQUEST_CODES_LENGTH
from hpack.table import HeaderTable
from hypothesis import given
from hypothesis import strategies as st

from analyzer.alternatives import block_sizes
from analyzer.alternatives.block_sizes import BlockSizes

NAMES = st.sampled_from([":path", ":status", "date", "cookie", "x-a", "x-b", "accept-encoding"])
VALUES = st.sampled_from(["/", "200", "gzip, deflate", "", "a", "x" * 1000, "y" * 2100, "z" * 4090])
FIELDS = st.tuples(NAMES | st.text(max_size=8), VALUES | st.text(max_size=150))
BLOCKS = st.lists(st.lists(FIELDS, max_size=12), max_size=8)


def test_requests_and_responses_of_the_appendix():
    """RFC 7541 C.4.1 to C.4.3: 17, 12 and 24 bytes."""
    first = [(":method", "GET"), (":scheme", "http"), (":path", "/")]
    first += [(":authority", "www.example.com")]
    third = [(":method", "GET"), (":scheme", "https"), (":path", "/index.html")]
    third += [(":authority", "www.example.com"), ("custom-key", "custom-value")]
    blocks = BlockSizes()
    assert [blocks.of(one) for one in (first, [*first, ("cache-control", "no-cache")], third)] == [
        17,
        12,
        24,
    ]


def test_tables_are_those_of_hpack():
    bits = block_sizes._bits()
    assert [bits[each] for each in range(256)] == list(REQUEST_CODES_LENGTH[:256])
    names, entries = block_sizes._static()
    whole = list(enumerate(HeaderTable.STATIC_TABLE, 1))
    assert entries == {entry: index for index, entry in whole}
    assert names == {entry[0]: index for index, entry in reversed(whole)}


@given(BLOCKS)
def test_blocks_are_as_long_as_those_of_hpack(blocks):
    encoder, sizes = Encoder(), BlockSizes()
    for fields in blocks:
        assert sizes.of(fields) == len(encoder.encode(fields))
        assert list(sizes._entries) == list(encoder.header_table.dynamic_entries)


@given(st.integers(0, 1 << 40), st.integers(4, 7))
def test_integers_are_as_long_as_those_of_hpack(value, bits):
    from hpack.hpack import encode_integer

    assert block_sizes._integer(value, bits) == len(encode_integer(value, bits))
