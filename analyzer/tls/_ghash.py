"""Kernel: GHASH, the hash that makes the tags of AES-GCM.

Knows NIST SP 800-38D 6.3 and 6.4. Must not know records or keys. The first of the two kernels
that make tls._gcm.GcmRun.

It is here because the package cryptography has no call for many records: half a microsecond for
each, and as much for its arguments, is what short records cost. Its time hangs on what it hashes:
good enough for who reads a capture with keys that others logged, not for secrets of one's own.
"""

from __future__ import annotations

import cython
import numpy as np

from analyzer.tls import gcm

if cython.compiled:
    from cython.cimports.analyzer.tcp.sequence import wide_unsigned
    from cython.cimports.analyzer.tls.gcm import big
else:
    from analyzer.tcp.sequence import wide_unsigned
    from analyzer.tls.gcm import big

# C copies of names: a kernel reads a C integer where it would else look up a
# Python object per row; so it would for literals beyond 31 bits.
_ALL = cython.declare(cython.ulonglong, 0xFFFFFFFFFFFFFFFF)
_REDUCED = cython.declare(cython.ulonglong, 0xE100000000000000)
_WORDS = cython.declare(cython.int, gcm.TABLE_WORDS)


@cython.cclass
class Ghash:
    """Hashes pieces of a buffer.

    An element of the field is two words: the highest bit of the first one is its constant term,
    so that times x is one to the right (6.3: "the rightmost bit is the coefficient of u^127").
    """

    def __init__(self) -> None:
        self._table = np.zeros(_WORDS, np.uint64)
        self.table = self._table
        self.data = np.zeros(0, np.uint8)
        self.y0 = self.y1 = 0

    def hashed(self, key: bytes, head: bytes, data: bytes) -> bytes:
        """Return GHASH of additional data of at most 16 bytes, data, and their lengths (7.1)."""
        padded = head + bytes(16 - len(head))
        self._key(int.from_bytes(key[:8], "big"), int.from_bytes(key[8:], "big"))
        self.data = np.frombuffer(bytearray(data), np.uint8)
        first, second = (int.from_bytes(padded[at : at + 8], "big") for at in (0, 8))
        self._hash(first, second, 8 * len(head), 0, len(data))
        return int(self.y0).to_bytes(8, "big") + int(self.y1).to_bytes(8, "big")

    @cython.cfunc
    @cython.boundscheck(False)
    @cython.exceptval(check=False)
    def _key(self, h0: cython.ulonglong, h1: cython.ulonglong) -> cython.int:
        """Make the table of a hash key: the product with each value of a byte.

        16 bytes for each of 256 values. They are made anew for each direction in a batch, which
        takes as long as hashing a few records: kept, they would be 4 KiB for each direction.
        """
        i: cython.Py_ssize_t = _WORDS // 2
        j: cython.Py_ssize_t
        carry: cython.ulonglong
        self.table[0] = self.table[1] = 0
        while i >= 2:
            self.table[i] = h0
            self.table[i + 1] = h1
            carry = _REDUCED if h1 & 1 else 0
            h1 = h1 >> 1 | (h0 << 63 & _ALL)
            h0 = h0 >> 1 ^ carry
            i >>= 1
        i = 4
        while i < _WORDS:
            for j in range(2, i, 2):
                self.table[i + j] = self.table[i] ^ self.table[j]
                self.table[i + j + 1] = self.table[i + 1] ^ self.table[j + 1]
            i <<= 1
        return 0

    @cython.cfunc
    @cython.boundscheck(False)
    @cython.exceptval(check=False)
    def _hash(
        self,
        head0: cython.ulonglong,
        head1: cython.ulonglong,
        bits: cython.ulonglong,
        start: cython.Py_ssize_t,
        size: cython.Py_ssize_t,
    ) -> cython.int:
        """Hash one block of additional data that has so many bits, and a piece of the buffer.

        The product with the hash key is the sum of those with each of the 16 bytes, each moved
        to its place: so that sums are moved 7 times by 8 bits, bytes of both words are taken
        together. Only the whole sum is reduced: u^128 = 1 + u + u^2 + u^7 (6.3).
        """
        full: cython.Py_ssize_t = size // 16
        at: cython.Py_ssize_t = start
        last: cython.Py_ssize_t = full + 1 + (1 if size % 16 else 0)
        b: cython.Py_ssize_t
        i: cython.Py_ssize_t
        k: cython.Py_ssize_t
        y0: cython.ulonglong = head0
        y1: cython.ulonglong = head1
        z0: cython.ulonglong
        z1: cython.ulonglong
        z2: cython.ulonglong
        z3: cython.ulonglong
        if start < 0 or size < 0 or start + size > self.data.shape[0]:
            return 0
        for b in range(last + 1):
            if b == last:
                y0 ^= bits
                y1 ^= cython.cast(cython.ulonglong, 8 * size)
            elif 0 < b <= full:
                y0 ^= big(self.data, at)
                y1 ^= big(self.data, at + 8)
                at += 16
            elif b:
                y0 ^= self._rest(at, start + size)
                y1 ^= self._rest(at + 8, start + size)
            z0 = z1 = z2 = z3 = 0
            for _ in range(8):
                i = (y0 & 255) << 1
                k = (y1 & 255) << 1
                y0 >>= 8
                y1 >>= 8
                z3 = z3 >> 8 | (z2 << 56 & _ALL)
                z2 = (z2 >> 8 | (z1 << 56 & _ALL)) ^ wide_unsigned(self.table[k + 1])
                z1 = z1 >> 8 | (z0 << 56 & _ALL)
                z1 ^= wide_unsigned(self.table[i + 1]) ^ wide_unsigned(self.table[k])
                z0 = z0 >> 8 ^ wide_unsigned(self.table[i])
            y0 = z0 ^ z2 ^ z2 >> 1 ^ z2 >> 2 ^ z2 >> 7
            y1 = z1 ^ z3 ^ z3 >> 1 ^ z3 >> 2 ^ z3 >> 7
            y1 ^= (z2 << 63 ^ z2 << 62 ^ z2 << 57) & _ALL
        self.y0 = y0
        self.y1 = y1
        return 0

    @cython.cfunc
    @cython.boundscheck(False)
    @cython.exceptval(check=False)
    def _rest(self, at: cython.Py_ssize_t, end: cython.Py_ssize_t) -> cython.ulonglong:
        """Return up to 8 bytes as a number, zeros where the piece has ended."""
        word: cython.ulonglong = 0
        j: cython.Py_ssize_t
        for j in range(at, at + 8):
            word = word << 8 & _ALL
            if j < end:
                word |= wide_unsigned(self.data[j])
        return word
