"""Codes against RFC 1951: its example, the fixed codes, and codes made by the rule of 3.2.2."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.websocket import _huffman as huffman
from analyzer.websocket._huffman import Table

ROOT = 6


def rfc_codes(lengths):
    """Return {symbol: code as text} by the three steps of RFC 1951 3.2.2."""
    counts = [0] * 17
    for length in lengths:
        counts[length] += 1
    counts[0] = 0
    code, following = 0, [0] * 17
    for bits in range(1, 17):
        code = (code + counts[bits - 1]) << 1
        following[bits] = code
    codes = {}
    for symbol, length in enumerate(lengths):
        if length:
            codes[symbol] = f"{following[length]:0{length}b}"
            following[length] += 1
    return codes


def made(lengths, *, before=(), may_lack=False, symbols=None):
    """Return the table of an alphabet that stands behind another one, and what `make` said."""
    entries = [huffman.LITERAL | value << 16 for value in range(len(lengths))]
    table = Table(np.array(symbols or entries, np.uint32), ROOT)
    whole = np.array([*before, *lengths], np.uint8)
    used = np.flatnonzero(whole).astype(np.uint16)
    begin = int(np.count_nonzero(whole[: len(before)]))
    return table, table.make(whole, used, begin, len(used), len(before), may_lack)


def looked_up(table, code, *, behind):
    """Return symbol and length by the table alone; None where the code is longer than its root."""
    stream = int((code + behind)[::-1], 2)
    entry = table.long(stream)
    return entry >> 16, entry & 15


def complete(depths):
    """Return lengths of a complete code: leaves are split until there are enough."""
    lengths = [1, 1]
    for at in depths:
        at %= len(lengths)
        if lengths[at] < 15:
            lengths[at] += 1
            lengths.append(lengths[at])
    return lengths


def test_the_example_of_the_rfc():
    """RFC 1951 3.2.2: ABCDEFGH with the lengths (3, 3, 3, 3, 3, 2, 4, 4)."""
    expected = ["010", "011", "100", "101", "110", "00", "1110", "1111"]
    lengths = [3, 3, 3, 3, 3, 2, 4, 4]
    assert list(rfc_codes(lengths).values()) == expected
    table, said = made(lengths)
    assert said == 0
    for symbol, code in enumerate(expected):
        assert looked_up(table, code, behind="0110") == (symbol, len(code))


@given(
    st.lists(st.integers(0, 1000), max_size=150), st.randoms(), st.lists(st.integers(0, 9)),
    st.text("01", min_size=15, max_size=20),
)  # fmt: skip
def test_codes_of_any_length_are_those_of_the_rfc(depths, random, before, behind):
    lengths = complete(depths)
    # Symbols without a code in between.
    lengths += [0] * random.randrange(20)
    random.shuffle(lengths)
    table, said = made(lengths, before=before)
    assert said == 0
    for symbol, code in rfc_codes(lengths).items():
        assert looked_up(table, code, behind=behind) == (symbol, len(code))


@pytest.mark.parametrize(
    ("lengths", "may_lack", "said"),
    [
        ([1, 1, 1], True, -1),  # more codes than there are
        ([1, 2], True, -1),  # one is left over
        ([2, 2, 2, 0], True, -1),
        ([0, 1, 0], True, 0),  # RFC 1951 3.2.7: one distance code, with one bit
        ([0, 2, 0], True, -1),
        ([0, 0, 0], True, 0),  # 3.2.7: no distance codes, all is literals
        ([0, 1, 0], False, -1),
        ([0, 0, 0], False, -1),
        ([1, 1], False, 0),
    ],
)
def test_codes_that_lack_or_are_too_many(lengths, may_lack, said):
    assert made(lengths, may_lack=may_lack)[1] == said


def test_a_code_that_nobody_has():
    table, _ = made([0, 1, 0], may_lack=True)
    assert looked_up(table, "0", behind="1") == (1, 1)
    assert table.long(1) == 0


def test_a_symbol_that_never_occurs():
    """RFC 1951 3.2.6: 286 and 287 have codes, and no meaning."""
    table, said = made([1, 1], symbols=[0, huffman.LITERAL])
    assert said == 0
    assert table.long(0) == 0
    assert table.long(1) == huffman.LITERAL | 1


def test_fixed_codes():
    """RFC 1951 3.2.6, with the first and last code of each row of its table."""
    codes = rfc_codes(huffman.FIXED_LITERALS)
    rows = {
        0: "00110000", 143: "10111111", 144: "110010000", 255: "111111111",
        256: "0000000", 279: "0010111", 280: "11000000", 287: "11000111",
    }  # fmt: skip
    assert {symbol: codes[symbol] for symbol in rows} == rows
    assert len(huffman.FIXED_DISTANCES) == 32


def parts(entry):
    """Return kind, extra bits and value of an entry without its code's length."""
    return int(entry) & 0xF0, int(entry) >> 8 & 255, int(entry) >> 16


def test_what_symbols_mean():
    """Rows of the tables of RFC 1951 3.2.5."""
    literals, distances = huffman.literals(), huffman.distances()
    assert len(literals) == 288
    assert parts(literals[65]) == (huffman.LITERAL, 0, 65)
    assert parts(literals[256])[0] == huffman.END
    lengths = {257: (0, 3), 264: (0, 10), 265: (1, 11), 272: (2, 31), 277: (4, 67), 284: (5, 227)}
    for symbol, (extra, first) in (lengths | {285: (0, 258)}).items():
        assert parts(literals[symbol]) == (huffman.BASE, extra, first)
    assert literals[286] == literals[287] == 0
    assert len(distances) == 32
    far = {0: (0, 1), 3: (0, 4), 4: (1, 5), 9: (3, 25), 20: (9, 1025), 29: (13, 24577)}
    for symbol, (extra, first) in far.items():
        assert parts(distances[symbol]) == (huffman.BASE, extra, first)
    assert distances[30] == distances[31] == 0
    assert [parts(entry)[2] for entry in huffman.lengths_of_codes()] == list(range(19))
