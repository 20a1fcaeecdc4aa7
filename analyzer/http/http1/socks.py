"""SOCKS: what a client and its proxy settle before the stream to the server begins.

Knows SOCKS 5 (RFC 1928) with user name and password (RFC 1929), SOCKS 4 and 4a (OpenSSH's
SOCKS4.protocol and SOCKS4A.protocol). Tells only how long it all is: a user's name and password
are never kept. Must not know HTTP. Used by http.http1.detection.
"""

from __future__ import annotations

from typing import Final

NEED_MORE: Final = (-1, -1)

MAX_CLIENT_BYTES: Final = 2 + 255 + 3 + 2 * 255 + 4 + 256 + 2
"""The longest that a client of SOCKS 5 can have to say: greeting, RFC 1929, request."""

_CONNECT: Final = 1
_NO_AUTHENTICATION, _PASSWORD = 0, 2
_GRANTED_4: Final = 90
_FIRST_OF_PROXY: Final = {b"\4": b"\0", b"\5": b"\5"}
"""What a proxy begins with, by the version that the client asks for."""
_MAX_TEXT_4: Final = 255
"""Bytes of a user's or a host's name in SOCKS 4, which sets no limit."""


class _NotSocks(Exception):
    """These bytes are something else."""


class _Short(Exception):
    """More bytes are needed."""


class _Reader:
    """Takes bytes from the start of a direction."""

    def __init__(self, data: bytes | bytearray) -> None:
        self._data = data
        self.at = 0

    def byte(self, *wanted: int) -> int:
        """Return the next byte, which must be one of `wanted`, if any are."""
        if self.at >= len(self._data):
            raise _Short
        value = self._data[self.at]
        self.at += 1
        if wanted and value not in wanted:
            raise _NotSocks
        return value

    def take(self, count: int) -> bytes:
        """Return the next bytes."""
        if self.at + count > len(self._data):
            raise _Short
        self.at += count
        return bytes(self._data[self.at - count : self.at])

    def text(self) -> None:
        """Pass over text that a NUL ends."""
        end = self._data.find(b"\0", self.at, self.at + _MAX_TEXT_4 + 1)
        if end < 0:
            raise _NotSocks if len(self._data) - self.at > _MAX_TEXT_4 else _Short
        self.at = end + 1

    def address(self) -> None:
        """Pass over an address and a port of SOCKS 5 (RFC 1928 5)."""
        kind = self.byte(1, 3, 4)
        self.take(self.byte() if kind == 3 else 4 if kind == 1 else 16)
        self.take(2)


def negotiation(client: bytes | bytearray, proxy: bytes | bytearray) -> tuple[int, int] | None:
    """Return how many bytes of each side a negotiation takes that lets the stream begin.

    Args:
        client: what the client sent from its first byte on.
        proxy: the same of the proxy.

    Returns:
        Bytes of the client and of the proxy; NEED_MORE; None if this is no SOCKS, or the proxy
        refused.
    """
    asked, answered = _Reader(client), _Reader(proxy)
    if client and proxy and proxy[:1] != _FIRST_OF_PROXY.get(bytes(client[:1])):
        return None
    try:
        if asked.byte(4, 5) == 4:
            _negotiate_4(asked, answered)
        else:
            _negotiate_5(asked, answered)
    except _Short:
        return NEED_MORE
    except _NotSocks:
        return None
    return asked.at, answered.at


def _negotiate_4(asked: _Reader, answered: _Reader) -> None:
    asked.byte(_CONNECT)
    asked.take(2)
    address = asked.take(4)
    asked.text()
    # SOCKS4A: 0.0.0.x, x not 0, says that the host's name follows.
    if address[:3] == b"\0\0\0" and address[3]:
        asked.text()
    answered.byte(0)
    answered.byte(_GRANTED_4)
    answered.take(6)


def _negotiate_5(asked: _Reader, answered: _Reader) -> None:
    # RFC 1928 3: version, number of methods, methods; the proxy chooses one.
    methods = asked.take(asked.byte())
    if not methods:
        raise _NotSocks
    answered.byte(5)
    method = answered.byte(_NO_AUTHENTICATION, _PASSWORD)
    if method not in methods:
        raise _NotSocks
    if method == _PASSWORD:
        # RFC 1929 2: version 1, user name and password with their lengths; 0 lets in.
        asked.byte(1)
        asked.take(asked.byte())
        asked.take(asked.byte())
        answered.byte(1)
        answered.byte(0)
    # RFC 1928 4 and 6: request and reply; 0 is success.
    asked.byte(5)
    asked.byte(_CONNECT)
    asked.byte(0)
    asked.address()
    answered.byte(5)
    answered.byte(0)
    answered.byte(0)
    answered.address()
