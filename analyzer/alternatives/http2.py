"""Sizes of headers in HTTP/2: those of the fields in HPACK (RFC 7541), in sequence.

Knows fields. Must not know exchanges. Used by alternatives.heads.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from analyzer.alternatives.block_sizes import BlockSizes

Fields = tuple[tuple[str, str], ...]
Sizes = tuple[float, float]
"""Bytes of the first HEADERS frame, and of a later one on average."""

FRAME: Final = 9
"""RFC 9113 4.1: "All frames begin with a fixed 9-octet header"."""
DATE: Final = "Tue, 24 Nov 2026 16:00:00 GMT"

_ENTRY: Final = 32
_TABLE: Final = 4096
"""RFC 7541 4.1 and RFC 9113 6.5.2: an entry counts 32 bytes more than name and value; a
larger one than the table is never in it, so that it is sent whole each time."""
_SIZE_STEP: Final = 16
_REPEATED: Final = 4
# RFC 9113 8.2.2: "An endpoint MUST NOT generate an HTTP/2 message containing
# connection-specific header fields."
_CONNECTION_SPECIFIC: Final = frozenset(
    {"connection", "host", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"}
)


def request_fields(method: str, target: str, fields: Fields) -> Fields:
    """Return a request's fields as HTTP/2 has them (RFC 9113 8.3.1)."""
    host = next((value for name, value in fields if name.lower() == "host"), "")
    pseudo = ((":method", method), (":scheme", "https"), (":authority", host), (":path", target))
    return (*pseudo, *_lowered(fields))


def answer_fields(status: int, fields: Fields) -> Fields:
    """Return a response's fields as HTTP/2 has them (RFC 9113 8.3.2)."""
    return ((":status", str(status)), *_lowered(fields))


def _lowered(fields: Fields) -> Fields:
    return tuple(
        (name.lower(), value) for name, value in fields if name.lower() not in _CONNECTION_SPECIFIC
    )


class HeadSizes:
    """Encodes headers; one for an analysis, so that no analysis knows of the one before.

    Args:
        most: bytes of headers that are encoded; further ones shrink as these did.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: dict[tuple[object, ...], Sizes] = {}
        self._encoded_bytes = 0
        self._plain = self._first = self._later = 0.0
        self._cut = 0

    def repeated(self, fields: Fields, plain: float) -> Sizes:
        """Return the sizes of headers that are sent again with only a new date.

        Headers with the same names, and values of about the same length, are encoded once:
        they differ in a cookie or a key.

        Args:
            fields: of request_fields or answer_fields.
            plain: bytes of the same headers in HTTP/1.1.
        """
        length = sum(len(value) for _, value in fields)
        key = (*(name for name, _ in fields), length // _SIZE_STEP)
        sizes = self._known.get(key)
        if sizes is None:
            heads = [_at_second(fields, second) for second in range(_REPEATED)]
            if not self._has_room(heads):
                return self._estimated(plain)
            sizes = self._known[key] = self.in_sequence(heads, plain)
        return sizes

    def in_sequence(self, heads: Sequence[Fields], plain: float) -> Sizes:
        """Return the sizes of the first of `heads`, and the mean of the others.

        Args:
            heads: of request_fields or answer_fields.
            plain: mean bytes of the same headers in HTTP/1.1.
        """
        if not heads or not self._has_room(heads):
            return self._estimated(plain)
        self._encoded_bytes += _length(heads)
        first, later = _encoded(heads)
        self._plain += plain
        self._first += first
        self._later += later
        return first, later

    def _has_room(self, heads: Sequence[Fields]) -> bool:
        room = self._encoded_bytes + _length(heads) <= self._most
        self._cut += not room
        return room

    def _estimated(self, plain: float) -> Sizes:
        known = self._plain or 1.0
        return plain * self._first / known, plain * self._later / known

    def cut(self) -> Iterator[str]:
        """Yield a sentence if the limit was reached."""
        if self._cut:
            yield f"{self._cut} heads above max_hpack_bytes are taken to shrink as others did"


def _length(heads: Sequence[Fields]) -> int:
    return sum(len(name) + len(value) for head in heads for name, value in head)


def _at_second(fields: Fields, second: int) -> Fields:
    later = DATE.replace(":00 GMT", f":{second:02d} GMT")
    return tuple((name, later if name == "date" else value) for name, value in fields)


def _encoded(heads: Sequence[Fields]) -> Sizes:
    # One table for all, as a connection has one in each direction (RFC 7541 2.2).
    blocks = BlockSizes()
    sizes = []
    for head in heads:
        fits = [field for field in head if len(field[0]) + len(field[1]) + _ENTRY <= _TABLE]
        # Nor would an encoder compress it, whose time may grow with the square of its length.
        whole = sum(len(name) + len(value) for name, value in head)
        whole -= sum(len(name) + len(value) for name, value in fits)
        sizes.append(FRAME + blocks.of(fits) + whole)
    later = sizes[1:] or sizes
    return float(sizes[0]), sum(later) / len(later)
