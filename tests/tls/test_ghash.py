"""GHASH: vectors of its authors, and its definition bit by bit."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.gcm import hashed, product
from oracle.kernels import fewer

from analyzer.tls._ghash import Ghash

# McGrew and Viega, The Galois/Counter Mode of Operation, appendix B: test cases 2, 3, 8 and 14.
VECTORS = [
    (
        "66e94bd4ef8a2c3b884cfa59ca342b2e",
        "0388dace60b6a392f328c2b971b2fe78",
        "f38cbb1ad69223dcc3457ae5b6b0f885",
    ),
    (
        "b83b533708bf535d0aa6e52980d53b78",
        "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e"
        "21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091473f5985",
        "7f1b32b81b820d02614f8895ac1d4eac",
    ),
    (
        "aae06992acbf52a3e8f4a96ec9300bd7",
        "98e7247c07f0fe411c267e4384b0f600",
        "e2c63f0ac44ad0e02efa05ab6743d4ce",
    ),
    (
        "dc95c078a2408989ad48a21492842087",
        "cea7403d4d606b6e074ec5d3baf39d18",
        "83de425c5edc5d498f382c441041ca92",
    ),
]


@pytest.mark.parametrize(("key", "data", "expected"), VECTORS)
def test_vectors_of_the_authors(key, data, expected):
    assert Ghash().hashed(bytes.fromhex(key), b"", bytes.fromhex(data)).hex() == expected


def test_the_product_of_the_counterpart_is_that_of_rfc_8452():
    """RFC 8452 appendix A: GHASH of two blocks, without lengths."""
    h = 0x25629347589242761D31F826BA4B757B
    first = product(0x4F4F95668C83DFB6401762BB2D01A262, h)
    second = product(first ^ 0xD1A24DDD2721D006BBE45F20D3C9F362, h)
    assert second == 0xBD9B3997046731FB96251B91F9C99D7A


@settings(max_examples=fewer(200, 10), deadline=None)
@given(
    key=st.binary(min_size=16, max_size=16),
    head=st.binary(max_size=16),
    data=st.binary(max_size=100),
)
def test_as_defined(key, head, data):
    assert Ghash().hashed(key, head, data) == hashed(key, head, data)


@pytest.mark.parametrize("size", range(0, 50, fewer(1, 7)))
def test_each_size_with_all_bits_set(size):
    key, data = b"\xff" * 16, b"\xff" * size
    assert Ghash().hashed(key, b"\xff" * 13, data) == hashed(key, b"\xff" * 13, data)


def test_keys_after_each_other_leave_nothing_behind():
    made = Ghash()
    for key in (b"\xff" * 16, bytes(15) + b"\x01", b"\x80" + bytes(15)):
        assert made.hashed(key, b"head", b"data" * 9) == hashed(key, b"head", b"data" * 9)
