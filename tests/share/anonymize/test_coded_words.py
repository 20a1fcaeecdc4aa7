"""Words of HTTP/2 heads: both lengths stay, and different words stay different."""

from __future__ import annotations

import pytest
from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH
from hypothesis import given
from hypothesis import strategies as st

from analyzer.share.anonymize.coded_words import CodedWords

WORDS = CodedWords(bytes(range(32)))


def bits(text: bytes) -> int:
    return sum(REQUEST_CODES_LENGTH[byte] for byte in text)


@given(st.binary(max_size=80))
def test_both_lengths_stay(text: bytes) -> None:
    made = WORDS.text(text)
    assert len(made) == len(text)
    assert bits(made) == bits(text)
    encode = HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH).encode
    assert len(encode(made)) == len(encode(text))


def test_words_change() -> None:
    text = b"/chat/Margarethe-Schmidt/lobby?user=margarethe&token=4711abcdef"
    made = WORDS.text(text)
    for word in (b"Margarethe", b"Schmidt", b"margarethe", b"4711abcdef"):
        assert word not in made
    assert made.startswith(b"/")
    assert made.count(b"=") == 2


def test_different_words_stay_different() -> None:
    numbers = [b"%04d" % number for number in range(10_000)]
    assert len({WORDS.text(each) for each in numbers}) == 10_000


def test_words_of_protocols_stay() -> None:
    assert WORDS.text(b"/socket.io/?EIO=4&transport=websocket") == (
        b"/socket.io/?EIO=4&transport=websocket"
    )


@pytest.mark.parametrize("name", ["李华", "Jürgen", "😀"])
def test_characters_in_escapes_change(name: str) -> None:
    escaped = "".join(f"%{byte:02X}" for byte in name.encode())
    made = WORDS.text(escaped.encode()).decode()
    assert made.count("%") == escaped.count("%")
    assert bits(made.encode()) == bits(escaped.encode())
    assert made != escaped
    bytes.fromhex(made.replace("%", "")).decode()  # still UTF-8


def test_words_depend_on_the_key() -> None:
    other = CodedWords(bytes(32))
    assert other.text(b"/private/place") != WORDS.text(b"/private/place")
