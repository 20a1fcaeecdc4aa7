"""What handshake messages say: hellos, key exchanges, the server's extensions of TLS 1.3.

Knows RFC 8446 4.1 and 4.2, RFC 5246 7.4, RFC 8422 5.4, RFC 6066 3, RFC 7301 3.1, RFC 7366 2,
RFC 7627 5.1. Every length is checked before a byte is read: input is hostile. Must not know
records or times. Used by tls.stage and tls.decryption.
"""

from __future__ import annotations

from typing import Final

from analyzer.lazy_dataclass import dataclass
from analyzer.tls.names import TLS_1_3
from analyzer.tls.records import Answer

CLIENT_HELLO: Final = 1
SERVER_HELLO: Final = 2
SERVER_KEY_EXCHANGE: Final = 12
SERVER_HELLO_DONE: Final = 14

MESSAGE_HEADER_BYTES: Final = 4

HELLO_RETRY_RANDOM: Final = bytes.fromhex(
    "cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c"
)
"""RFC 8446 4.1.3: a ServerHello with this random is a HelloRetryRequest."""

_SERVER_NAME: Final = 0
_ALPN: Final = 16
_ENCRYPT_THEN_MAC: Final = 22
_EXTENDED_MASTER_SECRET: Final = 23
_SESSION_TICKET: Final = 35
_PRE_SHARED_KEY: Final = 41
_EARLY_DATA: Final = 42
_SUPPORTED_VERSIONS: Final = 43
_KEY_SHARE: Final = 51

_NAMED_CURVE: Final = 3
_TLS13_SUITES: Final = 0x13
"""First byte of the suites of TLS 1.3 (RFC 8446 B.4)."""
_DRAFTS: Final = 0x7F00
"""Drafts of TLS 1.3 counted as 0x7f00 + draft."""
_MAX_ALPN: Final = 8
"""Names kept of one offer; browsers send two or three. Each has at most 255 bytes."""
_MAX_TLS13_SUITES: Final = 8
"""Suites of TLS 1.3 kept of one offer: there are five."""
_MAX_NAME: Final = 255
"""Bytes kept of a server name: DNS has no longer ones (RFC 1035 2.3.4)."""


class _Malformed(Exception):
    """A length does not fit. Never leaves this module."""


@dataclass(frozen=True, slots=True)
class ClientHello:
    """What a client offers. Text that was not sent is None."""

    version: int
    """The highest one offered, without GREASE (RFC 8701)."""
    random: bytes
    session_id: bytes
    server_name: str | None = None
    alpn: tuple[str, ...] = ()
    ticket: bool = False
    """A session ticket that is not empty (RFC 5077 3.2)."""
    pre_shared_key: bool = False
    early_data: bool = False
    tls13_suites: tuple[int, ...] = ()
    """The suites of TLS 1.3 among the offered ones."""


@dataclass(frozen=True, slots=True)
class ServerHello:
    """What the server chose."""

    version: int
    random: bytes
    session_id: bytes
    cipher_suite: int
    alpn: str | None = None
    """Encrypted in TLS 1.3, and so None."""
    pre_shared_key: bool = False
    group: int | None = None
    """Of its key share (TLS 1.3), or of the one that it asks for in a HelloRetryRequest."""

    compression: int = 0
    """Method by which records are compressed (RFC 3749); 0: they are not."""
    extended_master_secret: bool = False
    encrypt_then_mac: bool = False
    draft: int = 0
    """Number that stood for a draft of TLS 1.3, which `version` counts as 1.3; else 0."""

    @property
    def is_retry(self) -> bool:
        """Whether this is a HelloRetryRequest."""
        return self.random == HELLO_RETRY_RANDOM


@dataclass(frozen=True, slots=True)
class EncryptedExtensions:
    """What a server of TLS 1.3 adds to its ServerHello (RFC 8446 4.3.1)."""

    alpn: str | None = None
    early_data: bool = False
    """It accepts the client's early data."""


class _Cursor:
    """Reads vectors (RFC 8446 3.4) of one message, and never beyond it."""

    __slots__ = ("_at", "_data", "_end")

    def __init__(self, data: bytes) -> None:
        self._data, self._at, self._end = data, 0, len(data)

    @property
    def left(self) -> int:
        return self._end - self._at

    def take(self, count: int) -> bytes:
        if count > self.left:
            raise _Malformed
        self._at += count
        return self._data[self._at - count : self._at]

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def vector(self, size: int, least: int = 0) -> _Cursor:
        """Return the vector whose length is in `size` bytes."""
        content = self.take(self.number(size))
        if len(content) < least:
            raise _Malformed
        return _Cursor(content)

    def rest(self) -> bytes:
        return self.take(self.left)

    def numbers(self) -> tuple[int, ...]:
        """Return all that is left as numbers of two bytes."""
        content = self.rest()
        if len(content) % 2:
            raise _Malformed
        return tuple(content[i] << 8 | content[i + 1] for i in range(0, len(content), 2))


def parse_client_hello(body: bytes) -> ClientHello | Answer:
    """Read a ClientHello (RFC 8446 4.1.2) without its message header; MALFORMED if it is none."""
    try:
        return _client_hello(_Cursor(body))
    except _Malformed:
        return Answer.MALFORMED


def parse_server_hello(body: bytes) -> ServerHello | Answer:
    """Read a ServerHello or HelloRetryRequest (RFC 8446 4.1.3, 4.1.4)."""
    try:
        return _server_hello(_Cursor(body))
    except _Malformed:
        return Answer.MALFORMED


def parse_encrypted_extensions(body: bytes) -> EncryptedExtensions | Answer:
    """Read EncryptedExtensions (RFC 8446 4.3.1)."""
    try:
        extensions = _extensions(_Cursor(body))
        protocols = _protocols(extensions.get(_ALPN))
    except _Malformed:
        return Answer.MALFORMED
    return EncryptedExtensions(protocols[0] if protocols else None, _EARLY_DATA in extensions)


def parse_encrypted_premaster(body: bytes) -> bytes | Answer:
    """Return what an RSA ClientKeyExchange holds, encrypted (RFC 5246 7.4.7.1)."""
    try:
        return _Cursor(body).vector(2, least=8).rest()
    except _Malformed:
        return Answer.MALFORMED


def parse_key_exchange(body: bytes) -> int | None:
    """Return the named curve of a ServerKeyExchange (RFC 8422 5.4); None if it has none.

    Only its beginning is looked at. Of finite-field Diffie-Hellman (RFC 5246 7.4.3) it is
    the length of a prime, of which 3 in the first byte would mean 6,144 bits or more.
    """
    if len(body) < 4 or body[0] != _NAMED_CURVE:
        return None
    return body[1] << 8 | body[2]


def _legacy_version(cursor: _Cursor, *, may_be_draft: bool = False) -> int:
    version = cursor.number(2)
    if version >> 8 != 3 and not (may_be_draft and _is_draft(version)):
        raise _Malformed
    return version


def _client_hello(cursor: _Cursor) -> ClientHello:
    version = _legacy_version(cursor)
    random = cursor.take(32)
    session_id = cursor.vector(1).rest()
    # What counts is the suite chosen; but early data comes before it, in one of TLS 1.3.
    suites = cursor.vector(2, least=2).numbers()
    cursor.vector(1, least=1)  # compression methods
    if len(session_id) > 32:
        raise _Malformed
    extensions = _extensions(cursor)
    offered = version
    if _SUPPORTED_VERSIONS in extensions:
        numbers = _Cursor(extensions[_SUPPORTED_VERSIONS]).vector(1, least=2).numbers()
        offered = max((_plain(each) for each in numbers if not _is_grease(each)), default=version)
    return ClientHello(
        offered,
        random,
        session_id,
        _server_name(extensions.get(_SERVER_NAME)),
        _protocols(extensions.get(_ALPN)),
        bool(extensions.get(_SESSION_TICKET)),
        _PRE_SHARED_KEY in extensions,
        _EARLY_DATA in extensions,
        tuple(each for each in suites if each >> 8 == _TLS13_SUITES)[:_MAX_TLS13_SUITES],
    )


def _server_hello(cursor: _Cursor) -> ServerHello:
    version = _legacy_version(cursor, may_be_draft=True)
    random = cursor.take(32)
    # Drafts to 21 have their version here, no session, no compression (their 4.1.3).
    is_early = _is_draft(version)
    session_id = b"" if is_early else cursor.vector(1).rest()
    suite = cursor.number(2)
    compression = 0 if is_early else cursor.number(1)
    if len(session_id) > 32:
        raise _Malformed
    extensions = _extensions(cursor)
    if _SUPPORTED_VERSIONS in extensions:
        # RFC 8446 4.2.1: then legacy_version says nothing.
        version = _Cursor(extensions[_SUPPORTED_VERSIONS]).number(2)
    protocols = _protocols(extensions.get(_ALPN))
    share = extensions.get(_KEY_SHARE)
    return ServerHello(
        _plain(version),
        random,
        session_id,
        suite,
        protocols[0] if protocols else None,
        _PRE_SHARED_KEY in extensions,
        None if share is None else _Cursor(share).number(2),
        compression,
        _EXTENDED_MASTER_SECRET in extensions,
        _ENCRYPT_THEN_MAC in extensions,
        version if _is_draft(version) else 0,
    )


def _extensions(cursor: _Cursor) -> dict[int, bytes]:
    """Return the extensions by number, the first of each; a hello may end before them."""
    found: dict[int, bytes] = {}
    if not cursor.left:
        return found
    block = cursor.vector(2)
    while block.left:
        number = block.number(2)
        found.setdefault(number, block.vector(2).rest())
    if cursor.left:
        raise _Malformed
    return found


def _server_name(extension: bytes | None) -> str | None:
    """Return the first host name (RFC 6066 3); one that is no name is shown as escapes."""
    if not extension:
        return None
    names = _Cursor(extension).vector(2)
    while names.left:
        kind = names.number(1)
        name = names.vector(2).rest()
        if kind == 0 and name:
            return name[:_MAX_NAME].decode("ascii", "backslashreplace")
    return None


def _protocols(extension: bytes | None) -> tuple[str, ...]:
    """Return the names of an ALPN extension (RFC 7301 3.1), GREASE left out."""
    if extension is None:
        return ()
    names = _Cursor(extension).vector(2)
    found: list[str] = []
    while names.left:
        name = names.vector(1, least=1).rest()
        if not (len(name) == 2 and _is_grease(name[0] << 8 | name[1])) and len(found) < _MAX_ALPN:
            found.append(name.decode("ascii", "backslashreplace"))
    return tuple(found)


def _plain(version: int) -> int:
    """Return the version that a draft of TLS 1.3 became."""
    return TLS_1_3 if _is_draft(version) else version


def _is_draft(version: int) -> bool:
    return version & 0xFF00 == _DRAFTS


def _is_grease(value: int) -> bool:
    """Return whether a number means nothing, on purpose (RFC 8701 2): 0x0a0a to 0xfafa."""
    return value & 0x0F0F == 0x0A0A and value >> 8 == value & 0xFF


class Messages:
    """Puts handshake messages of one direction together (RFC 8446 4), from pieces of any size.

    Only bodies of the wanted types are kept; others are skipped without being held.

    Args:
        wanted: types of messages to return.
        limit: bytes of the longest message that is kept.
    """

    __slots__ = ("_buffer", "_limit", "_skip", "_wanted", "first")

    def __init__(self, wanted: frozenset[int], limit: int) -> None:
        self._wanted = wanted
        self._limit = limit
        self._buffer = bytearray()
        self._skip = 0
        self.first: int | None = None

    @property
    def held(self) -> int:
        """Bytes that are kept."""
        return len(self._buffer)

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        skipped = min(self._skip, len(data))
        self._skip -= skipped
        self._buffer += data[skipped:]

    def take(self) -> tuple[int, bytes] | Answer:
        """Return type and body of the next message that is wanted, NEED_MORE, or MALFORMED.

        MALFORMED: the next is wanted and longer than the limit.
        """
        while len(self._buffer) >= MESSAGE_HEADER_BYTES:
            kind = self._buffer[0]
            length = int.from_bytes(self._buffer[1:MESSAGE_HEADER_BYTES], "big")
            end = MESSAGE_HEADER_BYTES + length
            if self.first is None:
                self.first = kind
            if kind not in self._wanted:
                self._skip = max(0, end - len(self._buffer))
                del self._buffer[:end]
                if kind == SERVER_HELLO_DONE:
                    return kind, b""
                continue
            if end > self._limit:
                return Answer.MALFORMED
            if len(self._buffer) < end:
                break
            body = bytes(self._buffer[MESSAGE_HEADER_BYTES:end])
            del self._buffer[:end]
            return kind, body
        return Answer.NEED_MORE
