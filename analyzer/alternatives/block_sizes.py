"""Sizes of header blocks of HTTP/2, without the blocks (RFC 7541).

Of what other transports would have cost, sizes alone are of use: this is what an encoder would
do that finds fields in both tables, adds all others to its own, and writes all text in Huffman
code, as the package hpack does, which takes longer to import than this for a capture. Knows
HPACK. Must not know whose heads they are. Used by alternatives.http2.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from functools import cache
from typing import Final

_ENTRY: Final = 32
_TABLE: Final = 4096
"""RFC 7541 4.1 and RFC 9113 6.5.2: what an entry counts besides its text; bytes of a table."""
_STATIC: Final = (
    ":authority; :method=GET; :method=POST; :path=/; :path=/index.html; :scheme=http; "
    ":scheme=https; :status=200; :status=204; :status=206; :status=304; :status=400; :status=404; "
    ":status=500; accept-charset; accept-encoding=gzip, deflate; accept-language; accept-ranges; "
    "accept; access-control-allow-origin; age; allow; authorization; cache-control; "
    "content-disposition; content-encoding; content-language; content-length; content-location; "
    "content-range; content-type; cookie; date; etag; expect; expires; from; host; if-match; "
    "if-modified-since; if-none-match; if-range; if-unmodified-since; last-modified; link; "
    "location; max-forwards; proxy-authenticate; proxy-authorization; range; referer; refresh; "
    "retry-after; server; set-cookie; strict-transport-security; transfer-encoding; user-agent; "
    "vary; via; www-authenticate"
)
"""RFC 7541, appendix A: names, of some with a value, from index 1 on."""
_CODES: Final = {
    5: b"012aceiost",
    6: b" %-./3456789=A_bdfghlmnpru",
    7: b":BCDEFGHIJKLMNOPQRSTUVWYjkqvwxyz",
    8: b"&*,;XZ",
    10: b'!"()?',
    11: b"'+|",
    12: b"#>",
    13: b"\x00$@[]~",
    14: b"^}",
    15: b"<`{",
    19: bytes.fromhex("5cc3d0"),
    20: bytes.fromhex("808283a2b8c2e0e2"),
    21: bytes.fromhex("99a1a7acb0b1b3d1d8d9e3e5e6"),
    22: bytes.fromhex("8184858688929a9ca0a3a4a9aaadb2b5b9babbbdbec4c6e4e8e9"),
    23: bytes.fromhex("0187898a8b8c8d8f93959697989b9d9ea5a6a8aeafb4b6b7bcbfc5e7ef"),
    24: bytes.fromhex("098e9091949fabced7e1eced"),
    25: bytes.fromhex("c7cfeaeb"),
    26: bytes.fromhex("c0c1c8c9cacdd2d5dadbeef0f2f3ff"),
    27: bytes.fromhex("cbccd3d4d6dddedff1f4f5f6f7f8fafbfcfdfe"),
    28: bytes.fromhex("020304050607080b0c0e0f1011121314151718191a1b1c1d1e1f7fdcf9"),
    30: bytes.fromhex("0a0d16"),
}
"""RFC 7541, appendix B: bits of a code, and the bytes that have one so long."""


@cache
def _bits() -> bytes:
    """Return the bits of each byte's code, for bytes.translate."""
    bits = bytearray(256)
    for length, those in _CODES.items():
        for each in those:
            bits[each] = length
    return bytes(bits)


@cache
def _static() -> tuple[dict[bytes, int], dict[tuple[bytes, bytes], int]]:
    """Return the first index of each name of the static table, and that of each entry."""
    names: dict[bytes, int] = {}
    entries: dict[tuple[bytes, bytes], int] = {}
    for index, each in enumerate(_STATIC.split("; "), 1):
        name, _, value = each.encode().partition(b"=")
        names.setdefault(name, index)
        entries[name, value] = index
    return names, entries


def _integer(value: int, bits: int) -> int:
    """Return the bytes of an integer that begins in the last bits of a byte (RFC 7541 5.1)."""
    value -= (1 << bits) - 1
    return 1 if value < 0 else 2 + max(0, value.bit_length() - 1) // 7


def _text(value: bytes) -> int:
    """Return the bytes of a text in Huffman code, with its length (RFC 7541 5.2)."""
    length = (sum(value.translate(_bits())) + 7) // 8
    return _integer(length, 7) + length


class BlockSizes:
    """What one direction of a connection sends: holds the dynamic table (RFC 7541 2.3.2)."""

    def __init__(self) -> None:
        self._entries: deque[tuple[bytes, bytes]] = deque()
        """The newest first."""
        self._size = 0

    def of(self, fields: Iterable[tuple[str, str]]) -> int:
        """Return the bytes of the next header block."""
        return sum(self._field(name.encode(), value.encode()) for name, value in fields)

    def _field(self, name: bytes, value: bytes) -> int:
        index, exact = self._index(name, value)
        if exact:
            return _integer(index, 7)  # 6.1, an indexed field
        self._add(name, value)
        # 6.2.1, a literal field with incremental indexing
        return (_integer(index, 6) if index else 1 + _text(name)) + _text(value)

    def _index(self, name: bytes, value: bytes) -> tuple[int, bool]:
        """Return where a field is in the tables, or its name alone; 0 for neither."""
        names, entries = _static()
        if (name, value) in entries:
            return entries[name, value], True
        index = names.get(name, 0)
        for place, (other, held) in enumerate(self._entries, len(entries) + 1):
            if other == name:
                if held == value:
                    return place, True
                index = index or place
        return index, False

    def _add(self, name: bytes, value: bytes) -> None:
        """Add an entry; the oldest ones make room (RFC 7541 4.4)."""
        self._entries.appendleft((name, value))
        self._size += _ENTRY + len(name) + len(value)
        while self._size > _TABLE:
            oldest = self._entries.pop()
            self._size -= _ENTRY + len(oldest[0]) + len(oldest[1])
