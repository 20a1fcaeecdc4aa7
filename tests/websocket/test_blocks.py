"""Blocks against zlib: what is taken is what zlib makes of it; what zlib refuses is never taken."""

import random
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.kernels import fewer

from analyzer.websocket._blocks import LONG_BYTES, MOST_BYTES, WINDOW_BYTES, Blocks, Window

TAIL = b"\x00\x00\xff\xff"
LAST = b"\x01\x00\x00\xff\xff"
BLOCKS = Blocks()
WORDS = [b'{"id":', b'"type":"update"', b"abcdefgh", b"\x00\xff\xfe", b"0123", b",", b"}"]


def inflated(sent, window=None, before=b"", behind=b""):
    """Return the output of a message that stands between others; None if it is refused."""
    content = before + sent + behind
    size = BLOCKS.inflate(content, len(before), len(before) + len(sent), window or Window())
    if size < 0:
        return None
    assert size == len(BLOCKS.output())
    assert BLOCKS.is_ascii() == BLOCKS.output().isascii()
    return BLOCKS.output()


def by_zlib(sent, known=b""):
    """Return the same by zlib; the last block proves that the message ended between blocks."""
    context = zlib.decompressobj(-15, zdict=known)
    try:
        output = context.decompress(sent + TAIL + LAST)
    except zlib.error:
        return None
    return output if context.eof and not context.unused_data else None


def compressor(level=6, strategy=0, memory=8, known=b""):
    return zlib.compressobj(level, zlib.DEFLATED, -15, memory, strategy, known)


def sent_by(context, payload):
    sent = context.compress(payload) + context.flush(zlib.Z_SYNC_FLUSH)
    assert sent.endswith(TAIL)
    return sent[:-4]


payloads = st.binary(max_size=200) | st.lists(st.sampled_from(WORDS), max_size=80).map(b"".join)


@settings(deadline=None, max_examples=fewer(150, 25))
@given(
    st.lists(payloads, min_size=1, max_size=12),
    st.sampled_from([0, 1, 6, 9]),
    st.sampled_from([zlib.Z_DEFAULT_STRATEGY, zlib.Z_HUFFMAN_ONLY, zlib.Z_RLE, zlib.Z_FIXED]),
    st.sampled_from([1, 8]),
    st.binary(max_size=12),
)
def test_what_was_compressed_comes_back(messages, level, strategy, memory, behind):
    context, window = compressor(level, strategy, memory), Window()
    for message in messages:
        sent = sent_by(context, message)
        assert inflated(sent, window, b"before", behind) == message
        window.remember(message)


@settings(deadline=None, max_examples=fewer(300, 40))
@given(st.data())
def test_what_is_damaged_is_what_zlib_makes_of_it(data):
    known = data.draw(payloads)
    window = Window()
    window.remember(known)
    strategy = data.draw(st.sampled_from([zlib.Z_DEFAULT_STRATEGY, zlib.Z_FIXED]))
    sent = bytearray(sent_by(compressor(6, strategy, known=known), data.draw(payloads)))
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(0, len(sent) - 1))
        how = data.draw(st.integers(0, 9))
        if how < 8:
            sent[at] ^= 1 << how
        elif how == 8:
            del sent[at + 1 :]
        else:
            sent[at:] = data.draw(st.binary(min_size=1, max_size=20))
    made = inflated(bytes(sent), window, behind=data.draw(st.binary(max_size=9)))
    expected = by_zlib(bytes(sent), known)
    if made is not None:
        assert made == expected


@settings(deadline=None, max_examples=fewer(200, 40))
@given(st.binary(min_size=1, max_size=60), st.integers(0, 2))
def test_noise_is_what_zlib_makes_of_it(noise, kind):
    noise = bytes([noise[0] & 0xF8 | kind << 1]) + noise[1:]  # no final block first
    made = inflated(noise)
    if made is not None:
        assert made == by_zlib(noise)


@pytest.mark.parametrize("size", [10_000, 30_000, 32_000, 40_000, 70_000])
def test_copies_reach_back_over_the_whole_window(size):
    """Noise is found nowhere but where it stood, at every place of the window's ring."""
    noise = random.Random(size).randbytes(size)
    context, window = compressor(9), Window()
    pieces = [noise[at : at + 700] for at in range(0, size, 700)]
    for piece in [*pieces, *pieces[-40:], b"".join(pieces[-45:]), pieces[-1]]:
        sent = sent_by(context, piece)
        assert inflated(sent, window) == piece
        window.remember(piece)


@pytest.mark.parametrize("period", [1, 2, 3, 7, 8, 9, 300])
def test_a_copy_of_what_it_writes_itself(period):
    pattern = random.Random(period).randbytes(period)
    assert inflated(sent_by(compressor(), 500 * pattern)) == 500 * pattern
    # It begins in the window, and goes on with what it wrote.
    window = Window()
    window.remember(pattern)
    assert inflated(sent_by(compressor(known=pattern), 90 * pattern), window) == 90 * pattern


def test_a_distance_beyond_what_is_known_is_refused():
    known = random.Random(3).randbytes(400)
    sent = sent_by(compressor(known=known), known[:300])
    window = Window()
    window.remember(known[2:])  # a byte is written before the copy
    assert by_zlib(sent, known[2:]) is None
    assert inflated(sent, window) is None
    window.clear()
    window.remember(known)
    assert inflated(sent, window) == known[:300]


def test_what_is_not_usual_is_refused():
    text = b"words and words"
    whole = compressor()
    final = whole.compress(text) + whole.flush(zlib.Z_FINISH)
    assert inflated(final + b"\x00") is None
    sent = sent_by(compressor(), text)
    assert inflated(sent) == text
    assert inflated(sent[:-1]) is None
    assert inflated(sent + b"\x00\x00") is None
    assert inflated(b"") is None
    assert inflated(b"\x06") is None  # the reserved type (RFC 1951 3.2.3)
    assert inflated(b"\x00") == b""  # RFC 7692 7.2.3.6


def test_a_message_ends_where_it_ends_whatever_follows():
    """The rest of a code may not be taken from the next message."""
    text = b"words and words, and other words"
    sent = sent_by(compressor(), text)
    for cut in range(1, len(sent)):
        assert inflated(sent[:cut], behind=sent[cut:]) == by_zlib(sent[:cut])


def test_lengths_of_a_stored_block_must_agree():
    """RFC 1951 3.2.4; RFC 7692 7.2.3.3 has the example."""
    stored = bytes.fromhex("000500faff48656c6c6f00")
    assert inflated(stored) == b"Hello"
    for at in range(1, 5):
        assert inflated(stored[:at] + bytes([stored[at] ^ 1]) + stored[at + 1 :]) is None
    assert inflated(stored[:8]) is None


def test_the_longest_message():
    noise = random.Random(4).randbytes(1000)
    whole = (noise * (MOST_BYTES // 1000 + 1))[:MOST_BYTES]
    assert inflated(sent_by(compressor(1), whole)) == whole
    assert inflated(sent_by(compressor(1), 2 * whole)) is None
    many = LONG_BYTES // 1000
    assert inflated(sent_by(compressor(0), noise * many)) == noise * many
    assert inflated(sent_by(compressor(0), noise * (many + 1))) is None


@given(st.lists(st.integers(0, 3 * WINDOW_BYTES), max_size=6), st.integers(1, 9))
@settings(deadline=None, max_examples=fewer(60, 20))
def test_a_window_is_the_end_of_all_output(sizes, seed):
    noise = random.Random(seed).randbytes(4 * WINDOW_BYTES)
    window, all_of_it = Window(), b""
    for at, size in enumerate(sizes):
        window.remember(noise[at : at + size])
        all_of_it += noise[at : at + size]
        assert window.whole() == all_of_it[-WINDOW_BYTES:]
    window.clear()
    assert window.whole() == b""
