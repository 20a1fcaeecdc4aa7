"""The records of TLS that one direction sends, with false content: headers and lengths stay.

Knows where a record ends. What it holds is the session's. Used by stream.
"""

from __future__ import annotations

from analyzer.share.anonymize.ordered import Ordered, Room
from analyzer.share.anonymize.session import Session
from analyzer.share.anonymize.words import Words
from analyzer.tls.decryption import CLIENT, SERVER
from analyzer.tls.hello import CLIENT_HELLO
from analyzer.tls.records import (
    CHANGE_CIPHER_SPEC,
    HANDSHAKE,
    HEADER_BYTES,
    MAX_CIPHERTEXT,
    Answer,
    parse_header,
)


class Records:
    """What one side sends.

    Args:
        words: of the file.
        session: of both directions.
        room: of the file; half as much again may wait here, so that what is inside gives up first.
    """

    def __init__(self, words: Words, session: Session, room: Room | None = None) -> None:
        self._room = room or Room()
        self._words = words
        self._session = session
        self._side: int | None = None
        self._buffer = b""
        self._out = Ordered()
        self._skip = 0
        """Bytes of a broken record still to come."""
        self.is_lost = False
        self.overwritten = 0
        """Bytes of which framing is not known."""

    def feed(self, data: bytes) -> bytes:
        """Take the next bytes; return those that are settled, in order."""
        self._buffer += data
        while not self.is_lost and self._step():
            pass
        if self.is_lost:
            self._noise()
        return self._out.take()

    def take(self) -> bytes:
        """Return what the other side's records settled."""
        return self._out.take()

    def gap(self, length: int) -> bytes:
        """Take notice of bytes that were not captured; they count as given back, as zeros."""
        if self._skip >= length and not self._buffer:
            self._skip -= length
        elif not self._broken(length):
            self.is_lost = True
            self._noise()
        self._out.put(bytes(length))
        return self._out.take()

    def give_up(self) -> bytes:
        """Let the session wait for nothing more; return what is settled by that."""
        self._session.finish()
        return self._out.take()

    def finish(self) -> bytes:
        """Return all that waits: nothing comes any more."""
        self.is_lost = True
        self._noise()
        self._session.finish()
        return self._out.take(all_of_it=True)

    def _noise(self) -> None:
        if not isinstance(parse_header(self._buffer), Answer):
            # A record that was not sent, or captured, as a whole.
            self._out.put(self._buffer[:HEADER_BYTES])
            self._buffer = self._buffer[HEADER_BYTES:]
        self.overwritten += len(self._buffer)
        self._out.put(self._words.noise(self._buffer))
        self._buffer = b""

    def _broken(self, length: int) -> bool:
        """Pass over a record that a gap is in; return False if its end is not known."""
        have = len(self._buffer)
        header = parse_header(self._buffer) if have >= HEADER_BYTES else Answer.MALFORMED
        if self._skip or isinstance(header, Answer) or self._side is None:
            return False
        rest = HEADER_BYTES + header.length - have - length
        if rest < 0:
            return False
        self._out.put(self._buffer[:HEADER_BYTES])
        self._out.put(self._words.noise(self._buffer[HEADER_BYTES:]))
        self._session.lost(self._side, header.length)
        self._buffer, self._skip = b"", rest
        return True

    def _step(self) -> bool:
        data = self._buffer
        if self._skip:
            piece, self._buffer = data[: self._skip], data[self._skip :]
            self._skip -= len(piece)
            self._out.put(self._words.noise(piece))
            return bool(piece)
        if len(data) < HEADER_BYTES:
            return False
        kind, version = data[0], int.from_bytes(data[1:3], "big")
        length = int.from_bytes(data[3:5], "big")
        if not CHANGE_CIPHER_SPEC <= kind <= 24 or data[1] != 3 or length > MAX_CIPHERTEXT:
            self.is_lost = True
            return False
        end = HEADER_BYTES + length
        if len(data) < end:
            return False
        body = data[HEADER_BYTES:end]
        if self._side is None:
            is_client = kind == HANDSHAKE and body[:1] == bytes([CLIENT_HELLO])
            self._side = CLIENT if is_client else SERVER
        self._out.put(data[:HEADER_BYTES])
        self._buffer = data[end:]
        self._session.record(self._side, self._out.reserve(length), kind, version, body)
        if self._out.waiting > self._room.most * 3 // 2:
            self._room.given_up += 1
            self._session.finish()
        return True
