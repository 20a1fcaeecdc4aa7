"""Header blocks: what another decoder makes of them, and that its table moves alike."""

from __future__ import annotations

import hpack
import pytest

from analyzer.share.anonymize.coded_words import CodedWords
from analyzer.share.anonymize.header_blocks import HeaderBlocks

WORDS = CodedWords(bytes(range(32)))
REQUEST = [
    (":method", "CONNECT"),
    (":protocol", "websocket"),
    (":scheme", "https"),
    (":authority", "margarethe.example:8443"),
    (":path", "/room/Margarethe?secret=geheimnis"),
    ("sec-websocket-version", "13"),
    ("cookie", "session=geheimnis"),
    ("x-own-header", "Margarethe"),
]


@pytest.mark.parametrize("huffman", [True, False])
def test_blocks_in_a_row(huffman: bool) -> None:
    encoder, decoder, true = hpack.Encoder(), hpack.Decoder(), hpack.Decoder()
    blocks = HeaderBlocks(WORDS)
    for number in range(5):
        head = [*REQUEST, ("x-number", f"{number}-Margarethe")]
        block = encoder.encode(head, huffman=huffman)
        made, fields = blocks.rewritten(block)
        assert len(made) == len(block)
        assert fields[b":path"] == REQUEST[4][1].encode()
        read = decoder.decode(made)
        assert [len(name) for name, _ in read] == [len(name) for name, _ in head]
        assert [len(value) for _, value in read] == [len(value) for _, value in head]
        known = dict(read)
        assert known[":method"] == "CONNECT"
        assert known[":protocol"] == "websocket"
        assert known[":authority"].endswith(":8443")
        assert known["sec-websocket-version"] == "13"
        said = repr(read)
        assert not any(word in said for word in ("argarethe", "eheimnis", "x-own-header"))
        # The tables hold as much.
        true.decode(block)
        assert decoder.header_table._current_size == true.header_table._current_size


def test_a_table_that_changes_its_size() -> None:
    encoder, decoder = hpack.Encoder(), hpack.Decoder()
    blocks = HeaderBlocks(WORDS)
    for size in (4096, 64, 0, 4096):
        encoder.header_table_size = size
        made, _ = blocks.rewritten(encoder.encode(REQUEST))
        assert dict(decoder.decode(made))[":method"] == "CONNECT"


def test_fields_that_are_never_indexed() -> None:
    decoder = hpack.Decoder()
    block = hpack.Encoder().encode([hpack.NeverIndexedHeaderTuple("authorization", "geheimnis")])
    made, _ = HeaderBlocks(WORDS).rewritten(block)
    ((_, value),) = decoder.decode(made)
    assert value != "geheimnis"
    assert len(value) == len("geheimnis")


@pytest.mark.parametrize("block", [b"\xff\xff\xff\xff\xff\xff", b"\x40\x7fabc", b"\x00", b"\xfe"])
def test_what_is_no_block_becomes_noise(block: bytes) -> None:
    blocks = HeaderBlocks(WORDS)
    made, fields = blocks.rewritten(block)
    assert len(made) == len(block)
    assert made != block
    assert fields == {}


def test_blocks_behind_a_lost_one_become_noise() -> None:
    blocks = HeaderBlocks(WORDS)
    blocks.lose()
    block = hpack.Encoder().encode(REQUEST, huffman=False)
    made, fields = blocks.rewritten(block)
    assert (len(made), fields) == (len(block), {})
    assert b"argarethe" not in made
