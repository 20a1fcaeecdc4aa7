"""Words of HTTP/2 heads: others that take the same room in Huffman code.

HPACK's tables and blocks keep their sizes only if each string keeps two lengths: its own, by which
the dynamic table counts (RFC 7541 4.1), and that of its Huffman code (RFC 7541 5.2, appendix B). So
letters change places, and each becomes another one of its kind and code length: what can be told
from the outcome is how many letters there are of each code length, not which. Both steps can be
undone by whoever has the key, so that different words stay different. Knows text and code
lengths alone. Used by header_blocks.
"""

from __future__ import annotations

import random
from functools import cache
from hashlib import blake2b
from typing import Final

from analyzer.share.anonymize.words import KEPT, Words

_DIGITS: Final = range(0x30, 0x3A)
_CAPITALS: Final = range(0x41, 0x5B)
_SMALL: Final = range(0x61, 0x7B)
_KINDS: Final = (_DIGITS, _CAPITALS, _SMALL, range(0x80, 0x100))


@cache
def _classes() -> dict[int, bytes]:
    """Return, for each byte that is replaced, all of its kind and code length."""
    # Late: hpack costs start-up time.
    from hpack.huffman_constants import REQUEST_CODES_LENGTH

    found: dict[int, bytes] = {}
    for kind in _KINDS:
        for each in kind:
            length = REQUEST_CODES_LENGTH[each]
            found[each] = bytes(one for one in kind if REQUEST_CODES_LENGTH[one] == length)
    return found


class CodedWords(Words):
    """Replaces text of HTTP/2 heads. One for a file.

    Args:
        key: at least 16 random bytes.
    """

    def _replaced(self, token: bytes) -> bytes:
        first = token[0]
        if first >= 0x80:
            return self._substituted(token)
        if first in b"\\%":
            return self._escape(token)
        if len(token) == 1 or token in KEPT or token.startswith(b"content-length:"):
            return token
        return self._substituted(self._shuffled(token))

    def _address(self, text: bytes) -> bytes:
        return self.text(text)  # digits have codes of two lengths

    def _escape(self, token: bytes) -> bytes:
        if token[1:2] == b"u" and len(token) == 6:
            return self._hexadecimal(token, 4)
        return super()._escape(token)

    def _alike(self, digit: int) -> bytes:
        return bytes(each for each in _classes()[digit] if each in b"0123456789abcdefABCDEF")

    def _shuffled(self, token: bytes) -> bytes:
        """Let characters of a kind change places, in a way that depends on kinds alone."""
        shape = bytes(_kind(byte) for byte in token)
        seed = int.from_bytes(blake2b(shape, key=self._key[:64], digest_size=16).digest(), "big")
        order = random.Random(seed)
        made = bytearray(token)
        for kind in set(shape):
            places = [at for at, each in enumerate(shape) if each == kind]
            others = places.copy()
            order.shuffle(others)
            for one, other in zip(places, others, strict=True):
                made[one] = token[other]
        return bytes(made)

    def _substituted(self, token: bytes) -> bytes:
        """Replace each character by one of its class, by what is before it."""
        made = bytearray(token)
        classes = _classes()
        for at, byte in enumerate(token):
            some = classes.get(byte, b"")
            if len(some) > 1:
                shift = blake2b(token[:at], key=self._key[:64], digest_size=2).digest()
                number = some.index(byte) + int.from_bytes(shift, "big")
                made[at] = some[number % len(some)]
        return bytes(made)


def _kind(byte: int) -> int:
    return next((number for number, kind in enumerate(_KINDS) if byte in kind), len(_KINDS))
