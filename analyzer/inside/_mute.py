"""Mute messages: those by which no protocol can be recognised, found without asking any.

Most protocols need one of a few words in a message, and the first byte rules out the others. What
has none of the words says nothing, whatever else is in it: a feed of objects without names is asked
for nothing more. Knows bytes alone. Used by inside.recognition and inside._unclear.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import cython
import numpy as np

if cython.compiled:
    from cython.cimports.libc.string import memcmp
else:
    memcmp = None

_NEVER = cython.declare(cython.int, 0)
_UNKNOWN = cython.declare(cython.int, -1)
_BLANK = cython.declare(cython.int, 0x20)
_MARK = cython.declare(cython.int, 0xEF)  # of a byte order mark


@cython.cclass
class Words:
    """Looks for any of some words.

    Args:
        words: each of one byte, or of several.
    """

    def __init__(self, words: Collection[bytes]) -> None:
        self.words = sorted(words)
        self.begins = np.zeros(256, np.uint8)
        self.first = np.full(256, -1, np.int64)
        self.following = np.full(len(words), -1, np.int64)
        for place, word in enumerate(self.words):
            # 1: a word may begin with this byte; 2: the byte is one.
            self.begins[word[0]] = 2 if len(word) == 1 else max(self.begins[word[0]], 1)
            if len(word) > 1:
                self.following[place] = self.first[word[1]]
                self.first[word[1]] = place

    def are_in(self, payload: bytes) -> bool:
        """Return whether there is one."""
        return bool(self._is_in(payload, len(payload)))

    @cython.cfunc
    def _is_in(self, data: cython.p_const_uchar, size: cython.Py_ssize_t) -> cython.bint:
        word: bytes
        letters: cython.p_const_uchar
        place: cython.longlong
        i: cython.Py_ssize_t
        for i in range(size):
            if not self.begins[data[i]]:
                continue
            if self.begins[data[i]] > 1:
                return True
            place = self.first[data[i + 1]] if i + 1 < size else -1
            while place >= 0:
                word = self.words[place]
                if len(word) <= size - i:
                    if not cython.compiled:
                        if word == data[i : i + len(word)]:
                            return True
                    else:
                        letters = word
                        if memcmp(letters, cython.address(data[i]), len(word)) == 0:
                            return True
                place = self.following[place]
        return False


@cython.cclass
class Mute:
    """Tells mute messages from others, for connections that may speak the same protocols.

    Args:
        words_of: of a first byte, the words of which one at least is in a message that says
            something; None: any may.
        beats: messages that are heartbeats.
    """

    def __init__(
        self, words_of: Callable[[bytes], Collection[bytes] | None], beats: frozenset[bytes]
    ) -> None:
        self.words_of = words_of
        self.beats = beats
        self.longest_beat = max(map(len, beats), default=0)
        self.known = np.full(256, _UNKNOWN, np.int8)
        self.sets: list[Any] = [None] * 256

    def is_mute(self, payload: bytes, is_text: bool) -> bool:
        """Return whether a message says nothing to any protocol, and is no heartbeat."""
        return bool(self._is_mute(payload, is_text))

    @cython.cfunc
    def _is_mute(self, payload: bytes, is_text: cython.bint) -> cython.bint:
        data: cython.p_const_uchar = payload
        size: cython.Py_ssize_t = len(payload)
        if size == 0:
            return False
        first: cython.int = data[0]
        if is_text and (first <= _BLANK or first == _MARK):
            return False  # what is behind white space may say something
        if self.known[first] == _UNKNOWN:
            self._learn(first)
        if self.known[first] == _NEVER or (size <= self.longest_beat and payload in self.beats):
            return False
        words: Words = self.sets[first]
        return not words._is_in(data, size)

    @cython.cfunc
    def _learn(self, first: cython.int) -> cython.int:
        """Ask for the words of a first byte."""
        words = self.words_of(bytes([int(first)]))
        self.known[first] = _NEVER if words is None else 1
        if words is not None:
            self.sets[first] = Words(words)
        return 0
