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

from analyzer.share.anonymize.permuted import permuted_word
from analyzer.share.anonymize.words import KEPT, STRUCTURE, Words

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
        if len(token) == 1 or token in KEPT or token.startswith(STRUCTURE):
            return token
        return self._substituted(self._shuffled(token))

    def _address(self, text: bytes) -> bytes:
        return self.text(text)  # digits have codes of two lengths

    def _escape(self, run: bytes) -> bytes:
        """Replace digits of escapes that say no ASCII, those by which they do not stay."""
        alphabets = []
        for at, byte in enumerate(run):
            begin = at - at % (3 if run[:1] == b"%" else 6)
            is_free = at - begin >= 4 or (at - begin == 2 and run[begin + 1 : begin + 2] in _ASIDE)
            some = _classes().get(byte, b"") if is_free else b""
            alike = bytes(one for one in some if one in b"0123456789abcdefABCDEF")
            alphabets.append(alike or bytes((byte,)))
        return permuted_word(run, alphabets, self._key[:64])

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
        """Replace each character by one of its class."""
        classes = _classes()
        alphabets = [classes.get(byte, bytes((byte,))) for byte in token]
        return permuted_word(token, alphabets, self._key[:64])


_ASIDE: Final = b"89ABab"
"""First digits of bytes of UTF-8 that go on a character (RFC 3629 3)."""


def _kind(byte: int) -> int:
    return next((number for number, kind in enumerate(_KINDS) if byte in kind), len(_KINDS))
