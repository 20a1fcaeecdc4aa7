"""Text of many rows in one buffer: as the plain way makes each cell."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from analyzer.columns import NULL, Pieces, empty, pieces
from analyzer.inside.waiting import Chosen
from analyzer.options import Options
from analyzer.tables._texts import Texts as Kernel
from analyzer.tables.preview import Previews, preview
from analyzer.tables.texts import Texts, laid
from analyzer.websocket.frames import MESSAGE
from analyzer.websocket.payloads import Previews as Payloads

HARD = [
    *(
        "é",
        "€",
        "𝄞",
        "\ufffd",
        "\u200b",
        "\u202e",
        "\u2066",
        "\ufeff",
        "\u00ad",
        "\u061c",
        "\u180e",
    ),
    *("\ufff9", "\U000e0041", "\x7f", "\x80", "\x9f", "\xa0", "\\", "\t", "\r\n", "\x1b[31m", "…"),
    *("\u200a", "\u2010", "\u2027", "\u202f", "\u205f", "\u2070", "\ufff8", "\ufffc", "\ud7ff"),
    *("\ue000", "\u07ff", "\u0800", "\U00010000", "\U0010ffff", "\U000e007f", "\U000e0080"),
]
"""Both sides of each border of what is escaped, and of each length in UTF-8."""

PARTS = st.one_of(
    st.sampled_from([each.encode() for each in HARD]),
    st.binary(max_size=6),
    st.sampled_from(
        [b"\xe2\x82", b"\xed\xa0\x80", b"\xf4\x90", b"\xc0\x80", b"\xf0\x80\x80", b"\xff"]
    ),
    st.text(alphabet="abc ", max_size=4).map(str.encode),
)
PAYLOAD = st.lists(PARTS, max_size=10).map(b"".join)


def rows_of(messages):
    rows = empty(MESSAGE, len(messages))
    rows["payload_bytes"] = [size for _, size, _ in messages]
    rows["opcode"] = [1 if is_text else 2 for _, _, is_text in messages]
    return rows


@given(
    st.lists(st.tuples(st.none() | PAYLOAD, st.integers(0, 40) | st.just(NULL), st.booleans())),
    st.integers(0, 24),
)
@example([(b"\xe2\x82\xac", 9, True)], 2)
@example([("é\ufffd".encode(), 9, True)], 5)
@example([(b"\xc3(\x80", 9, True)], 3)
@example([(b"\xf0\x9f\x92", 3, True), (b"", 0, False)], 8)
def test_previews_are_those_of_the_plain_way(messages, limit):
    options = Options(preview_bytes=limit)
    payloads = [payload for payload, _, _ in messages]
    made = Previews(payloads, rows_of(messages), options)
    expected = [
        None
        if payload is None or size == NULL
        else preview(payload, size, is_text=is_text, limit=limit)
        for payload, size, is_text in messages
    ]
    assert list(made) == expected
    assert len(made) == len(expected)


@pytest.mark.parametrize("first", range(0x80, 0x100))
def test_every_pair_of_bytes_beyond_ascii(first):
    # What Python's decoder makes of each beginning of a character, whole and cut.
    borders = (0, 0x28, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF)
    rests = (b"", b"\x80", b"\x80a", b"\x80\x80", b"\x80\x80\x80")
    payloads = [bytes([first, second]) + rest for second in borders for rest in rests]
    rows = rows_of([(each, len(each) + more, True) for each in payloads for more in (0, 1)])
    made = list(Previews([each for each in payloads for _ in (0, 1)], rows, Options()))
    assert made == [
        preview(each, len(each) + more, is_text=True, limit=96)
        for each in payloads
        for more in (0, 1)
    ]


@given(st.lists(st.none() | st.text(max_size=8), max_size=8), st.data())
def test_taken_cells(cells, data):
    made = Texts.of(cells)
    assert list(made) == cells
    numbers = st.lists(st.integers(0, len(cells) - 1), max_size=20) if cells else st.just([])
    codes = data.draw(numbers)
    taken = made.taken(np.array(codes, np.int64))
    assert list(taken) == [cells[code] for code in codes]
    assert taken.offsets[-1] == len(taken.data)


def test_surrogates_become_question_marks():
    assert list(laid(["a\ud800b", None, ""])) == ["a?b", None, ""]


def test_nothing():
    assert list(Texts.nothing(3)) == [None, None, None]


def test_a_payload_outside_of_the_buffer_is_refused():
    one = np.zeros(1, np.uint8)
    for start, length in [(-1, 1), (0, 3), (2, 1), (0, -1)]:
        numbers = np.array([start], np.int64), np.array([length], np.int64)
        with pytest.raises(IndexError):
            Kernel().previews(np.zeros(2, np.uint8), *numbers, one + 1, one)
    with pytest.raises(IndexError):
        Kernel().gathered(one, np.zeros(2, np.int64), np.array([1], np.int64))


def bytes_of(found: Pieces):
    data = found.data.tobytes()
    return [
        None if length < 0 else data[start : start + length]
        for start, length in zip(found.starts.tolist(), found.lengths.tolist(), strict=True)
    ]


STRINGS = st.lists(st.none() | st.binary(max_size=6), max_size=8)


@given(STRINGS, STRINGS, st.data())
def test_pieces(strings, more, data):
    found = pieces(strings)
    assert bytes_of(found) == strings
    places = data.draw(st.lists(st.integers(0, len(strings) - 1)) if strings else st.just([]))
    chosen = Chosen(strings, places, more)
    assert bytes_of(pieces(chosen)) == list(chosen)


def test_pieces_of_the_payloads_that_the_walk_kept():
    rows = empty(MESSAGE, 4)
    rows["preview_bytes"] = [2, 3, 1, 0]
    rows["compressed"] = [0, 1, 0, 0]
    rows["damaged"] = [0, 0, 1, 0]
    cut = np.frombuffer(bytearray(b"ab.cdef..gh."), np.uint8).reshape(4, 3)
    for kept in (None, [None, b"inflated", None, None], [None] * 4):
        for previews in (cut, None):
            made = Payloads(rows, previews, kept)
            assert bytes_of(made.pieces()) == list(made)
