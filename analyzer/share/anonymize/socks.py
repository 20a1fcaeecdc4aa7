"""SOCKS with false addresses, names and passwords: what stands before a stream through a proxy.

Knows SOCKS 5 (RFC 1928) with user name and password (RFC 1929), SOCKS 4 and 4a. Each side is read
by itself. Used by stream.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from analyzer.share.anonymize.words import Words

VERSIONS: Final = b"\4\5"
"""A client begins with one of them."""
_PASSWORD: Final = 2
_MAX_BYTES: Final = 4096
_IPV4, _NAME, _IPV6 = 1, 3, 4


class _Short(Exception):
    """More bytes are needed."""


class _Other(Exception):
    """These bytes are something else."""


class _Reader:
    """Takes bytes from the start of a direction, and gives others out."""

    def __init__(self, data: bytes, words: Words) -> None:
        self._data = data
        self._words = words
        self._at = 0
        self.made = b""

    def keep(self, count: int) -> bytes:
        """Pass bytes on as they are; return them."""
        found = self._take(count)
        self.made += found
        return found

    def byte(self, *wanted: int) -> int:
        """Pass a byte on that must be one of `wanted`, if any are."""
        found = self.keep(1)[0]
        if wanted and found not in wanted:
            raise _Other
        return found

    def name(self, count: int) -> None:
        """Give another name of `count` bytes."""
        self.made += self._words.place(self._take(count))

    def text(self) -> None:
        """Give other text that a NUL ends."""
        end = self._data.find(b"\0", self._at)
        if end < 0:
            raise _Short
        self.name(end - self._at)
        self.keep(1)

    def address(self, count: int) -> bytes:
        """Give another address; one that names nobody stays. Return the old one."""
        old = self._take(count)
        is_known = old[0] == 127 if count == 4 else not any(old[:15])
        self.made += old if is_known or not any(old[:-1]) else self._words.noise(old)
        return old

    def destination(self) -> None:
        """Give another address of SOCKS 5, with its port (RFC 1928 5)."""
        kind = self.byte(_IPV4, _NAME, _IPV6)
        if kind == _NAME:
            self.name(self.byte())
        else:
            self.address(4 if kind == _IPV4 else 16)
        self.keep(2)

    def next(self) -> int:
        """Return the next byte, which is not taken."""
        if self._at >= len(self._data):
            raise _Short
        return self._data[self._at]

    def _take(self, count: int) -> bytes:
        if self._at + count > len(self._data):
            raise _Short
        self._at += count
        return self._data[self._at - count : self._at]


def rewritten(data: bytes, words: Words, *, client: bool) -> tuple[bytes, int] | None:
    """Return a side's part of the negotiation with false names, and its length.

    Args:
        data: what it sent from its first byte on.
        words: of the file.
        client: whether it is the side that asks.

    Returns:
        b"", 0 where this is no SOCKS; None: it is not whole yet.
    """
    reader = _Reader(data, words)
    read: Callable[[_Reader], None] = _asked if client else _answered
    try:
        read(reader)
    except _Short:
        return None if len(data) <= _MAX_BYTES else (b"", 0)
    except _Other:
        return b"", 0
    return reader.made, len(reader.made)


def _asked(reader: _Reader) -> None:
    if reader.byte(*VERSIONS) == 4:
        reader.byte(1, 2)
        reader.keep(2)
        address = reader.address(4)
        reader.text()
        # SOCKS 4a: 0.0.0.x, x not 0, says that the host's name follows.
        if not any(address[:3]) and address[3]:
            reader.text()
        return
    if not reader.keep(reader.byte()):
        raise _Other
    if reader.next() == 1:  # RFC 1929 2: its version, the user's name, the password
        reader.byte()
        reader.name(reader.byte())
        reader.name(reader.byte())
    reader.byte(5)
    reader.byte(1, 2, 3)
    reader.byte(0)
    reader.destination()


def _answered(reader: _Reader) -> None:
    if reader.byte(0, 5) == 0:
        reader.byte(*range(90, 94))
        reader.keep(2)
        reader.address(4)
        return
    if reader.byte() == _PASSWORD:
        reader.byte(1)
        reader.keep(1)
    reader.byte(5)
    reader.keep(1)
    reader.byte(0)
    reader.destination()
