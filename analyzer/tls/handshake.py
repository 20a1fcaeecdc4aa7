"""Puts handshake messages together for decryption, and hashes them where keys hang on that.

Knows RFC 8446 4 and RFC 7627 3. Must not know records or keys. Called by tls.decryption;
tls.stage, which only wants hellos, has tls.hello.Messages.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cryptography.hazmat.primitives import hashes

from analyzer.tls.hello import CLIENT_HELLO, MESSAGE_HEADER_BYTES, SERVER_HELLO
from analyzer.tls.key_schedule import HASHES

HELLO_REQUEST: Final = 0
NEW_SESSION_TICKET: Final = 4
END_OF_EARLY_DATA: Final = 5
ENCRYPTED_EXTENSIONS: Final = 8
CLIENT_KEY_EXCHANGE: Final = 16
FINISHED: Final = 20
KEY_UPDATE: Final = 24

_KEPT: Final = frozenset(
    (CLIENT_HELLO, SERVER_HELLO, ENCRYPTED_EXTENSIONS, CLIENT_KEY_EXCHANGE, KEY_UPDATE)
)
"""Messages whose content matters; of others only that they came."""


class Transcript:
    """The hash of all handshake messages of a session so far (RFC 7627 3).

    Which hash it is, the ServerHello says; what comes before is kept until then.

    Args:
        limit: bytes kept.
    """

    __slots__ = ("_held", "_limit", "_running")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._held: bytearray | None = None
        self._running: list[hashes.Hash] = []

    @property
    def held(self) -> int:
        """Bytes that are kept."""
        return 0 if self._held is None else len(self._held)

    def begin(self) -> None:
        """Begin with a ClientHello."""
        self._held, self._running = bytearray(), []

    def drop(self) -> None:
        """Stop hashing: something is missing, or it is not needed."""
        self._held, self._running = None, []

    def add(self, data: bytes) -> None:
        """Take bytes of messages."""
        for running in self._running:
            running.update(data)
        if self._held is not None:
            self._held += data
            if len(self._held) > self._limit:
                self.drop()

    def choose(self, names: tuple[str, ...]) -> None:
        """Say which hashes are wanted."""
        if self._held is None:
            return
        held, self._held = bytes(self._held), None
        self._running = [hashes.Hash(HASHES[name]) for name in names]
        self.add(held)

    def value(self) -> bytes | None:
        """Return the hash of what came; None if something is missing. Ends it."""
        if not self._running:
            return None
        made = b"".join(running.finalize() for running in self._running)
        self.drop()
        return made


class HandshakeReader:
    """Cuts one direction's handshake records into messages.

    Args:
        limit: bytes of the longest message whose content is kept.
        transcript: gets all bytes of all messages but HelloRequest (RFC 7627 3).
    """

    __slots__ = ("_buffer", "_lenient", "_limit", "_skip", "_transcript")

    def __init__(self, limit: int, transcript: Transcript) -> None:
        self._limit = limit
        self._transcript = transcript
        self._buffer = bytearray()
        self._skip = 0
        self._lenient = False

    @property
    def held(self) -> int:
        """Bytes that are kept."""
        return len(self._buffer)

    @property
    def is_inside(self) -> bool:
        """Whether a message has begun and not ended."""
        return bool(self._buffer) or self._skip > 0

    def clear(self) -> None:
        """Forget a message that will not end."""
        self._buffer.clear()
        self._skip = 0

    def lose(self) -> None:
        """Note that bytes are missing: the next record begins anywhere in a message."""
        self.clear()
        self._lenient = True
        self._transcript.drop()

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes | None]]:
        """Yield type and content of each message that ends in these bytes.

        The content is b"" where it does not matter, and None where it is longer than the limit.
        """
        if self._lenient:
            # Messages seldom span records, and those that do seldom end with one. So a record
            # that holds whole messages only is taken as such, and any other is passed over.
            if not _is_whole(data):
                return
            self._lenient = False
        skipped = min(self._skip, len(data))
        if skipped:
            self._skip -= skipped
            self._transcript.add(data[:skipped])
        self._buffer += data[skipped:]
        while len(self._buffer) >= MESSAGE_HEADER_BYTES:
            kind = self._buffer[0]
            end = MESSAGE_HEADER_BYTES + int.from_bytes(self._buffer[1:MESSAGE_HEADER_BYTES], "big")
            is_kept = kind in _KEPT and end <= self._limit
            if is_kept and len(self._buffer) < end:
                return
            message = bytes(self._buffer[:end])
            del self._buffer[:end]
            self._skip = end - len(message)
            if kind == CLIENT_HELLO:
                self._transcript.begin()
            if kind != HELLO_REQUEST:
                self._transcript.add(message)
            if is_kept:
                yield kind, message[MESSAGE_HEADER_BYTES:]
            else:
                yield kind, None if kind in _KEPT else b""


def _is_whole(data: bytes) -> bool:
    """Return whether bytes are whole messages."""
    at = 0
    while at + MESSAGE_HEADER_BYTES <= len(data):
        at += MESSAGE_HEADER_BYTES + int.from_bytes(data[at + 1 : at + 4], "big")
    return at == len(data) and at > 0
