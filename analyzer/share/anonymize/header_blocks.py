"""Header blocks of HTTP/2 with false names, in as many bytes (RFC 7541 6).

Each representation stays what it is: indices, table updates, and whether a string is Huffman coded.
Only the text of literals changes, to one of the same two lengths (coded_words), so that a decoder's
table evolves as the original's. Knows HPACK. Must not know frames. Used by http2.
"""

from __future__ import annotations

from typing import Any, Final

from analyzer.share.anonymize.coded_words import CodedWords
from analyzer.share.anonymize.heads import NAMED, field_value

_INDEXED: Final = 0x80
_INCREMENTAL: Final = 0x40
_UPDATE: Final = 0x20
_MAX_TABLE: Final = 1 << 20
"""Bytes of a dynamic table that are kept, with what RFC 7541 4.1 adds to each entry."""
_HUFFMAN: Final = 0x80

Fields = dict[bytes, bytes]


class HeaderBlocks:
    """The blocks of one direction, in order.

    Args:
        words: of the file.
    """

    def __init__(self, words: CodedWords) -> None:
        self._words = words
        self._table: Any = None
        self._is_lost = False

    def rewritten(self, block: bytes) -> tuple[bytes, Fields]:
        """Return a block with false names, and the true fields; {} where it cannot be read."""
        from hpack.exceptions import HPACKError
        from hpack.table import HeaderTable

        if self._table is None:
            self._table = HeaderTable()
        made: list[bytes] = []
        fields: Fields = {}
        try:
            if self._is_lost:
                raise ValueError("blocks before it were lost")
            at = 0
            while at < len(block):
                at = self._representation(block, at, made, fields)
        except (HPACKError, ValueError, IndexError):
            # A decoder cannot go on behind it either (RFC 9113 4.3).
            self._is_lost = True
            return self._words.noise(block), {}
        return b"".join(made), fields

    def lose(self) -> None:
        """Note that blocks are missing: what an index means is not known any more."""
        self._is_lost = True

    def _representation(self, block: bytes, at: int, made: list[bytes], fields: Fields) -> int:
        first = block[at]
        if first & _INDEXED:
            index, end = _number(block, at, 7)
            name, value = self._table.get_by_index(index)
            made.append(block[at:end])
            fields.setdefault(name, value)
            return end
        if first & _INCREMENTAL == 0 and first & _UPDATE:
            size, end = _number(block, at, 5)
            if size > _MAX_TABLE:
                raise ValueError("a dynamic table beyond what is kept")
            self._table.maxsize = size
            made.append(block[at:end])
            return end
        index, end = _number(block, at, 6 if first & _INCREMENTAL else 4)
        made.append(block[at:end])
        if index:
            name = self._table.get_by_index(index)[0]
        else:
            name, size, end = _string(block, end)
            false = name if name.lower() in NAMED else self._words.text(name)
            made.append(_written(name, false, block, end - size, end))
        value, size, end = _string(block, end)
        false = field_value(name.lower(), value, self._words)
        made.append(_written(value, false, block, end - size, end))
        if first & _INCREMENTAL:
            self._table.add(name, value)
        fields.setdefault(name, value)
        return end


def _number(block: bytes, at: int, bits: int) -> tuple[int, int]:
    """Return an integer (RFC 7541 5.1), and where it ends."""
    from hpack.hpack import decode_integer

    value, used = decode_integer(block[at : at + 16], bits)
    return value, at + used


def _string(block: bytes, at: int) -> tuple[bytes, int, int]:
    """Return a string literal (RFC 7541 5.2): its text, its bytes in the block, its end."""
    from hpack.huffman_table import decode_huffman

    length, begin = _number(block, at, 7)
    end = begin + length
    if end > len(block):
        raise ValueError("a string that is longer than the block")
    data = block[begin:end]
    return decode_huffman(data) if block[at] & _HUFFMAN else data, end - at, end


def _written(true: bytes, text: bytes, block: bytes, at: int, end: int) -> bytes:
    """Return a text as the string literal at `at`, which says `true`, is written."""
    if text == true:
        return block[at:end]
    from hpack.huffman import HuffmanEncoder
    from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH

    length, begin = _number(block, at, 7)
    if block[at] & _HUFFMAN:
        text = HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH).encode(text)
    if len(text) != length:
        raise ValueError("a string of another length")
    return block[at:begin] + text
