"""TLS with false names: the server's name in a hello is replaced, all secrets are overwritten.

Record headers, hellos as far as they tell of TLS itself, and lengths stay, so that times and
costs of a session are what they were. Certificates, tickets and all that cannot be decrypted become
noise. Source: RFC 8446 4 and 5.1, RFC 5246 7.4. Used by session.
"""

from __future__ import annotations

from typing import Final

from analyzer.share.anonymize.words import Words

_CHANGE_CIPHER_SPEC, _ALERT, HANDSHAKE, _DATA = 20, 21, 22, 23
_CLIENT_HELLO, _SERVER_HELLO, _SERVER_KEY_EXCHANGE = 1, 2, 12
_PLAIN = (8, 24)
"""EncryptedExtensions and KeyUpdate, which tell of the protocol alone."""
_SERVER_NAME, _TICKET, _PRE_SHARED_KEY = 0, 35, 41
_RANDOM_END: Final = 4 + 2 + 32
_CURVE_BYTES: Final = 8  # message header, type of curve, its number, length of the point


def _is_hello(body: bytes) -> bool:
    """Say whether a record is a hello in the clear.

    In TLS 1.3 a ChangeCipherSpec changes nothing, and may come before the hello that answers a
    HelloRetryRequest (RFC 8446 D.4). An encrypted one has these bytes once in 2**48 times.
    """
    length = int.from_bytes(body[1:4], "big") + 4
    return body[:1] in (b"\x01", b"\x02") and length == len(body) and body[4:6] == b"\3\3"


class Handshake:
    """The handshake messages of one direction while they are in the clear."""

    def __init__(self, words: Words) -> None:
        self._words = words
        self._left = 0
        self.encrypted = False
        self.overwritten = 0

    def record(self, kind: int, body: bytes) -> bytes:
        """Return the body of a record, in as many bytes."""
        if kind == _CHANGE_CIPHER_SPEC:
            self.encrypted = True
            return body
        if kind == _ALERT and len(body) == 2 and not self.encrypted:
            return body
        if kind == HANDSHAKE and (not self.encrypted or _is_hello(body)):
            return self._messages(body)
        self.encrypted |= kind == _DATA
        return self.noise(body)

    def noise(self, body: bytes) -> bytes:
        """Return noise for the body of a record that cannot be read."""
        self.overwritten += len(body)
        return self._words.noise(body)

    def opened(self, kind: int, content: bytes) -> bytes:
        """Return the content of a record that was decrypted, in as many bytes."""
        if kind == HANDSHAKE:
            return self._messages(content)
        return content if kind in (_CHANGE_CIPHER_SPEC, _ALERT) else self.noise(content)

    def _messages(self, body: bytes) -> bytes:
        made = [self._words.noise(body[: self._left])]
        at = min(self._left, len(body))
        self.overwritten += at
        self._left -= at
        while at < len(body):
            length = 4 + int.from_bytes(body[at + 1 : at + 4], "big")
            message = body[at : at + length]
            self._left = length - len(message)
            made.append(self._message(message, whole=not self._left))
            at += length
        return b"".join(made)

    def _message(self, message: bytes, *, whole: bool) -> bytes:
        kind = message[0]
        if kind in (_CLIENT_HELLO, _SERVER_HELLO) and whole:
            return self._hello(bytearray(message), client=kind == _CLIENT_HELLO)
        kept = 4
        if kind == _SERVER_KEY_EXCHANGE:
            kept = _CURVE_BYTES
        elif kind in _PLAIN:
            kept = len(message)
        elif kind in (_CLIENT_HELLO, _SERVER_HELLO):
            kept = _RANDOM_END
        self.overwritten += max(0, len(message) - kept)
        return message[:kept] + self._words.noise(message[kept:])

    def _hello(self, hello: bytearray, *, client: bool) -> bytes:
        at = _RANDOM_END
        if at >= len(hello):
            return bytes(hello)
        self._noise(hello, at + 1, hello[at])  # session id: the server's is the client's, or new
        at += 1 + hello[at]
        if client:
            at += 2 + int.from_bytes(hello[at : at + 2], "big")
            at += 1 + int.from_bytes(hello[at : at + 1], "big")
        else:
            at += 3
        at += 2
        while at + 4 <= len(hello):
            kind = int.from_bytes(hello[at : at + 2], "big")
            length = int.from_bytes(hello[at + 2 : at + 4], "big")
            at += 4
            if kind == _SERVER_NAME and client and length > 5:
                name = bytes(hello[at + 5 : at + length])
                hello[at + 5 : at + 5 + len(name)] = self._words.text(name)
            elif kind == _TICKET:
                self._noise(hello, at, length)
            elif kind == _PRE_SHARED_KEY and client:
                self._identities(hello, at, length)
            at += length
        return bytes(hello)

    def _identities(self, hello: bytearray, at: int, length: int) -> None:
        end = min(at + length, at + 2 + int.from_bytes(hello[at : at + 2], "big"), len(hello))
        at += 2
        while at + 2 <= end:
            size = int.from_bytes(hello[at : at + 2], "big")
            self._noise(hello, at + 2, min(size, end - at - 2))
            at += 2 + size + 4

    def _noise(self, hello: bytearray, at: int, length: int) -> None:
        piece = bytes(hello[at : at + length])
        hello[at : at + len(piece)] = self._words.noise(piece)
