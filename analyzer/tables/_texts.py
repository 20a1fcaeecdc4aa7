"""Kernel: text of many rows in one buffer: previews of payloads, and words by number.

Knows bytes and UTF-8 alone. Must not know rows of traffic or file formats. Called by
tables.texts and tables.preview; the plain twin of a preview is tables.preview.preview.

A Python call for each message, with a string that each report encoded again, took a third of
the time of writing all tables.
"""

from __future__ import annotations

from typing import Any

import cython
import numpy as np

# What a payload is shown as: for the caller, and as C has it.
SHOW_NOTHING, SHOW_TEXT, SHOW_BINARY = 0, 1, 2
_NOTHING = cython.declare(cython.int, SHOW_NOTHING)
_TEXT = cython.declare(cython.int, SHOW_TEXT)

_HEX = cython.declare(cython.uchar[::1], np.frombuffer(b"0123456789abcdef", np.uint8).copy())
_BACKSLASH = cython.declare(cython.uchar, 92)
_ELLIPSIS_BYTES = cython.declare(cython.int, 3)
_MOST_TEXT = cython.declare(cython.int, 4)  # bytes for one of UTF-8: \x1f
_MOST_HEX = cython.declare(cython.int, 3)


@cython.cfunc
@cython.inline
def _escapes(code: cython.int) -> cython.bint:
    """Whether a character beyond ASCII is not shown: it controls, reorders or hides others."""
    if code < 0x600:
        return code < 0xA0 or code == 0xAD
    if code < 0x2000:
        return code == 0x61C or code == 0x180E
    if code < 0x2070:
        return 0x200B <= code < 0x2010 or 0x2028 <= code < 0x202F or 0x2060 <= code < 0x2070
    return code == 0xFEFF or 0xFFF9 <= code < 0xFFFC or 0xE0000 <= code < 0xE0080


@cython.cclass
class Texts:
    """Lays cells behind each other.

    Attributes:
        out: the buffer of the cells; at: where it ends so far.
        code: the character decoded last.
        replaced: whether the text laid last ends with U+FFFD.
    """

    out: cython.uchar[::1]
    at: cython.Py_ssize_t
    code: cython.int
    replaced: cython.bint

    def __init__(self) -> None:
        self.out = np.zeros(0, np.uint8)
        self.at = 0
        self.code = 0
        self.replaced = False

    def previews(
        self,
        data: cython.uchar[::1],
        starts: cython.longlong[::1],
        lengths: cython.longlong[::1],
        kinds: cython.uchar[::1],
        more: cython.uchar[::1],
    ) -> tuple[Any, Any]:
        """Return payloads as text on one line.

        Args:
            data: uint8, holds all payloads.
            starts: int64, where each begins.
            lengths: int64, how many bytes are shown of it.
            kinds: uint8, SHOW_NOTHING, SHOW_TEXT or SHOW_BINARY.
            more: uint8, 1 where it goes on.

        Returns:
            uint8, UTF-8 of all cells; int64, one more than cells: where each begins.

        Raises:
            IndexError: a payload does not lie within `data`.
        """
        row: cython.Py_ssize_t
        start: cython.Py_ssize_t
        length: cython.Py_ssize_t
        rows: cython.Py_ssize_t = starts.shape[0]
        room: cython.Py_ssize_t = 0
        for row in range(rows):
            if kinds[row] != _NOTHING:
                start = cython.cast(cython.Py_ssize_t, starts[row])
                length = cython.cast(cython.Py_ssize_t, lengths[row])
                if start < 0 or length < 0 or start + length > data.shape[0]:
                    raise IndexError("payload outside of its buffer")
                room += length * _MOST_TEXT + _ELLIPSIS_BYTES
        buffer = np.empty(room, np.uint8)
        places = np.zeros(rows + 1, np.int64)
        offsets: cython.longlong[::1] = places
        self.out = buffer
        self.at = 0
        for row in range(rows):
            if kinds[row] != _NOTHING:
                start = cython.cast(cython.Py_ssize_t, starts[row])
                length = cython.cast(cython.Py_ssize_t, lengths[row])
                if kinds[row] == _TEXT:
                    self._whole(data, start, start + length, more[row] != 0)
                else:
                    self._hexadecimal(data, start, start + length)
                if more[row] != 0:
                    self._put3(0xE2, 0x80, 0xA6)
            offsets[row + 1] = self.at
        self.out = np.zeros(0, np.uint8)
        # A copy: the buffer has room for the worst.
        return buffer[: self.at].copy(), places

    @cython.cfunc
    @cython.inline
    def _put(self, byte: cython.int) -> cython.int:
        self.out[self.at] = byte
        self.at += 1
        return 0

    @cython.cfunc
    @cython.inline
    def _put3(self, one: cython.int, two: cython.int, three: cython.int) -> cython.int:
        self._put(one)
        self._put(two)
        return self._put(three)

    @cython.cfunc
    def _hexadecimal(
        self, data: cython.uchar[::1], start: cython.Py_ssize_t, end: cython.Py_ssize_t
    ) -> cython.int:
        place: cython.Py_ssize_t
        byte: cython.int
        for place in range(start, end):
            byte = data[place]
            if place > start:
                self._put(32)
            self._put(_HEX[byte >> 4])
            self._put(_HEX[byte & 15])
        return 0

    @cython.cfunc
    def _whole(
        self,
        data: cython.uchar[::1],
        start: cython.Py_ssize_t,
        end: cython.Py_ssize_t,
        more: cython.bint,
    ) -> cython.int:
        """Lay a text; without the character that its end cuts, which is no fault of it."""
        first: cython.Py_ssize_t = self.at
        back: cython.int
        self._text(data, start, end)
        if more and self.replaced:
            for back in range(1, 4):
                if end - start >= back and data[end - back] >= 0xC0:
                    self.at = first
                    self._text(data, start, end - back)
                    break
        return 0

    @cython.cfunc
    def _text(
        self, data: cython.uchar[::1], start: cython.Py_ssize_t, end: cython.Py_ssize_t
    ) -> cython.int:
        place: cython.Py_ssize_t = start
        i: cython.Py_ssize_t
        byte: cython.int
        size: cython.int
        self.replaced = False
        while place < end:
            byte = cython.cast(cython.int, data[place])
            if byte < 0x80:
                if 32 <= byte < 127 and byte != 92:
                    self.out[self.at] = byte
                    self.at += 1
                else:
                    self._escaped(byte)
                self.replaced = False
                place += 1
                continue
            size = self._decode(data, place, end)
            if size < 0:
                # The longest part that could have begun a character is replaced by one.
                self._put3(0xEF, 0xBF, 0xBD)
                self.replaced = True
                place -= size
                continue
            if _escapes(self.code):
                self._escaped(self.code)
            else:
                for i in range(place, place + size):
                    self._put(data[i])
            self.replaced = self.code == 0xFFFD
            place += size
        return 0

    @cython.cfunc
    def _decode(
        self, data: cython.uchar[::1], place: cython.Py_ssize_t, end: cython.Py_ssize_t
    ) -> cython.int:
        """Decode a character beyond ASCII (RFC 3629 4).

        Returns:
            How many bytes it has, with `code` set; or less than 0: how many are none together,
            which are as many as could begin a character (Unicode 3.9, U+FFFD Substitution).
        """
        # The cast makes a Python int of numpy's when this runs uncompiled.
        first: cython.int = cython.cast(cython.int, data[place])
        low: cython.int = 0x80
        high: cython.int = 0xBF
        byte: cython.int
        size: cython.int
        i: cython.int
        if first < 0xC2 or first > 0xF4:
            return -1
        if first < 0xE0:
            size = 2
            self.code = first & 0x1F
        elif first < 0xF0:
            size = 3
            self.code = first & 0x0F
            if first == 0xE0:
                low = 0xA0
            elif first == 0xED:
                high = 0x9F
        else:
            size = 4
            self.code = first & 0x07
            if first == 0xF0:
                low = 0x90
            elif first == 0xF4:
                high = 0x8F
        for i in range(1, size):
            if place + i >= end:
                return -i
            byte = cython.cast(cython.int, data[place + i])
            if byte < low or byte > high:
                return -i
            self.code = (self.code << 6) | (byte & 0x3F)
            low = 0x80
            high = 0xBF
        return size

    @cython.cfunc
    def _escaped(self, code: cython.int) -> cython.int:
        """Lay a character as a backslash and what stands for it."""
        shift: cython.int = 4
        self._put(_BACKSLASH)
        if code == 9:
            return self._put(116)
        if code == 10:
            return self._put(110)
        if code == 13:
            return self._put(114)
        if code == 92:
            return self._put(_BACKSLASH)
        if code < 0xA0:
            self._put(120)
        elif code < 0x10000:
            self._put(117)
            shift = 12
        else:
            self._put(85)
            shift = 28
        while shift >= 0:
            self._put(_HEX[(code >> shift) & 15])
            shift -= 4
        return 0

    def gathered(
        self,
        data: cython.uchar[::1],
        offsets: cython.longlong[::1],
        codes: cython.longlong[::1],
    ) -> tuple[Any, Any]:
        """Return the cells of `data` that `codes` number, in the form that `previews` returns.

        Args:
            data: uint8, UTF-8 of all cells.
            offsets: int64, where each begins, and the end.
            codes: int64, number of a cell for each row.

        Raises:
            IndexError: there is no such cell.
        """
        row: cython.Py_ssize_t
        place: cython.Py_ssize_t
        code: cython.Py_ssize_t
        rows: cython.Py_ssize_t = codes.shape[0]
        room: cython.Py_ssize_t = 0
        for row in range(rows):
            code = cython.cast(cython.Py_ssize_t, codes[row])
            if code < 0 or code + 1 >= offsets.shape[0]:
                raise IndexError("no such cell")
            room += cython.cast(cython.Py_ssize_t, offsets[code + 1] - offsets[code])
        buffer = np.empty(room, np.uint8)
        places = np.zeros(rows + 1, np.int64)
        ends: cython.longlong[::1] = places
        self.out = buffer
        self.at = 0
        for row in range(rows):
            code = cython.cast(cython.Py_ssize_t, codes[row])
            for place in range(offsets[code], offsets[code + 1]):
                self._put(data[place])
            ends[row + 1] = self.at
        self.out = np.zeros(0, np.uint8)
        return buffer, places
