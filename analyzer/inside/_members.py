"""Members: where an object of JSON has those that are wanted, without an object for any of them.

Goes over text once and takes it only if all of it is JSON (RFC 8259). It takes less than msgspec
does, never more: names with an escape and deep nesting are not for it. Tests compare both. Knows
JSON alone. Used by inside._quick, which leaves to decoders what is not taken here.
"""

from __future__ import annotations

import cython
import numpy as np

if cython.compiled:
    from cython.cimports.libc.string import memcmp, memcpy
else:
    memcmp = memcpy = None

_MAX_DEPTH = cython.declare(cython.int, 64)
MAX_DIGITS = 18
"""Longer ids are none of a counter, and would not fit into 64 bits."""
_MAX_DIGITS = cython.declare(cython.Py_ssize_t, MAX_DIGITS)
_BUCKETS = cython.declare(cython.int, 128)
_TOPS = cython.declare(cython.ulonglong, 0x8080808080808080)
_ONES = cython.declare(cython.ulonglong, 0x0101010101010101)
_SPACES = cython.declare(cython.ulonglong, 0x2020202020202020)
_QUOTES = cython.declare(cython.ulonglong, 0x2222222222222222)
_BACKSLASHES = cython.declare(cython.ulonglong, 0x5C5C5C5C5C5C5C5C)


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _behind_blanks(
    data: cython.p_const_uchar, i: cython.Py_ssize_t, size: cython.Py_ssize_t
) -> cython.Py_ssize_t:
    """Return the place of the first byte from `i` on that is no white space (RFC 8259 2)."""
    while i < size and data[i] <= 0x20:
        if data[i] != 0x20 and data[i] != 0x0A and data[i] != 0x0D and data[i] != 0x09:
            break
        i += 1
    return i


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _plain_until(
    data: cython.p_const_uchar, i: cython.Py_ssize_t, size: cython.Py_ssize_t
) -> cython.Py_ssize_t:
    """Return the place of the first quote, backslash or control character of a string.

    Most text is in strings: 8 bytes are looked at at once. A byte of `x` is 0 where the word has
    the one that is sought; the lowest of the top bits that are left is then its own.
    """
    word: cython.ulonglong = 0
    quote: cython.ulonglong
    slash: cython.ulonglong
    stop: cython.ulonglong
    if cython.compiled:
        while i + 8 <= size:
            memcpy(cython.address(word), cython.address(data[i]), 8)
            quote = word ^ _QUOTES
            slash = word ^ _BACKSLASHES
            stop = (quote - _ONES) & ~quote | (slash - _ONES) & ~slash | (word - _SPACES) & ~word
            if stop & _TOPS:
                break
            i += 8
    while i < size and data[i] != 0x22 and data[i] != 0x5C and data[i] >= 0x20:
        i += 1
    return i


@cython.cfunc
@cython.exceptval(check=False)
def _behind_code(
    data: cython.p_const_uchar, i: cython.Py_ssize_t, size: cython.Py_ssize_t
) -> cython.Py_ssize_t:
    r"""Return the place behind `XXXX` of `\uXXXX`, and behind `\uXXXX` if it is half a pair; or -1.

    The first half is D800 to DBFF, the second DC00 to DFFF (RFC 8259 7).
    """
    if not _is_code(data, i, size):
        return -1
    if (data[i] | 0x20) != 0x64 or data[i + 1] < 0x38:
        return i + 4
    if (data[i + 1] | 0x20) > 0x62 or i + 6 > size or data[i + 4] != 0x5C or data[i + 5] != 0x75:
        return -1
    i += 6
    is_second: cython.bint = (
        _is_code(data, i, size) and (data[i] | 0x20) == 0x64 and (data[i + 1] | 0x20) >= 0x63
    )
    return i + 4 if is_second else -1


@cython.cfunc
@cython.exceptval(check=False)
def _is_code(
    data: cython.p_const_uchar, i: cython.Py_ssize_t, size: cython.Py_ssize_t
) -> cython.bint:
    """Return whether there are four hex digits."""
    if i + 4 > size:
        return False
    last: cython.Py_ssize_t = i + 4
    while i < last and (0x30 <= data[i] <= 0x39 or 0x61 <= (data[i] | 0x20) <= 0x66):
        i += 1
    return i == last


@cython.cfunc
@cython.exceptval(check=False)
def _string(
    data: cython.p_const_uchar, i: cython.Py_ssize_t, size: cython.Py_ssize_t
) -> cython.Py_ssize_t:
    """Return the place of the quote that ends a string whose content begins at `i`; -1: none."""
    one: cython.uchar
    while True:
        i = _plain_until(data, i, size)
        if i >= size:
            return -1
        if data[i] == 0x22:
            return i
        if data[i] != 0x5C or i + 1 >= size:
            return -1
        one = data[i + 1]
        i += 2
        if one == 0x75:
            i = _behind_code(data, i, size)
            if i < 0:
                return -1
        elif not (
            one == 0x22
            or one == 0x5C
            or one == 0x2F
            or one == 0x62
            or one == 0x66
            or one == 0x6E
            or one == 0x72
            or one == 0x74
        ):
            return -1


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _digits(
    data: cython.p_const_uchar, i: cython.Py_ssize_t, size: cython.Py_ssize_t
) -> cython.Py_ssize_t:
    """Return the place behind the digits at `i`; -1 without one."""
    begin: cython.Py_ssize_t = i
    while i < size and 0x30 <= data[i] <= 0x39:
        i += 1
    return i if i > begin else -1


@cython.cfunc
@cython.exceptval(check=False)
def _number(
    data: cython.p_const_uchar, i: cython.Py_ssize_t, size: cython.Py_ssize_t
) -> cython.Py_ssize_t:
    """Return the place behind a number (RFC 8259 6); -1 where there is none."""
    if data[i] == 0x2D:
        i += 1
    if i < size and data[i] == 0x30:
        i += 1
    else:
        i = _digits(data, i, size)
    if i >= 0 and i < size and data[i] == 0x2E:
        i = _digits(data, i + 1, size)
    if i >= 0 and i < size and (data[i] == 0x65 or data[i] == 0x45):
        i += 1
        if i < size and (data[i] == 0x2B or data[i] == 0x2D):
            i += 1
        i = _digits(data, i, size)
    return i


@cython.cfunc
@cython.exceptval(check=False)
def _word(
    data: cython.p_const_uchar, i: cython.Py_ssize_t, size: cython.Py_ssize_t
) -> cython.Py_ssize_t:
    """Return the place behind `true`, `false` or `null`; -1 where there is none."""
    if i + 4 > size:
        return -1
    if data[i] == 0x74:
        is_right = data[i + 1] == 0x72 and data[i + 2] == 0x75 and data[i + 3] == 0x65
        return i + 4 if is_right else -1
    if data[i] == 0x6E:
        is_right = data[i + 1] == 0x75 and data[i + 2] == 0x6C and data[i + 3] == 0x6C
        return i + 4 if is_right else -1
    if data[i] != 0x66 or i + 5 > size or data[i + 1] != 0x61 or data[i + 2] != 0x6C:
        return -1
    return i + 5 if data[i + 3] == 0x73 and data[i + 4] == 0x65 else -1


@cython.cfunc
@cython.exceptval(check=False)
def _value(
    data: cython.p_const_uchar, i: cython.Py_ssize_t, size: cython.Py_ssize_t, depth: cython.int
) -> cython.Py_ssize_t:
    """Return the place behind the value at `i`; -1 where it is none, or not for this kernel."""
    if i >= size:
        return -1
    one: cython.uchar = data[i]
    if one == 0x22:
        i = _string(data, i + 1, size)
        return i + 1 if i >= 0 else -1
    if one == 0x2D or 0x30 <= one <= 0x39:
        return _number(data, i, size)
    if one != 0x7B and one != 0x5B:
        return _word(data, i, size)
    if depth >= _MAX_DEPTH:
        return -1
    is_object: cython.bint = one == 0x7B
    last: cython.uchar = 0x7D if is_object else 0x5D
    i = _behind_blanks(data, i + 1, size)
    if i < size and data[i] == last:
        return i + 1
    while i < size:
        if is_object:
            i = _behind_name(data, i, size)
            if i < 0:
                return -1
        i = _value(data, i, size, depth + 1)
        if i < 0:
            return -1
        i = _behind_blanks(data, i, size)
        if i >= size:
            return -1
        if data[i] == last:
            return i + 1
        if data[i] != 0x2C:
            return -1
        i = _behind_blanks(data, i + 1, size)
    return -1


@cython.cfunc
@cython.exceptval(check=False)
def _behind_name(
    data: cython.p_const_uchar, i: cython.Py_ssize_t, size: cython.Py_ssize_t
) -> cython.Py_ssize_t:
    """Return where the value begins of a member whose name begins at `i`; -1 without one."""
    if data[i] != 0x22:
        return -1
    i = _string(data, i + 1, size)
    if i < 0:
        return -1
    i = _behind_blanks(data, i + 1, size)
    if i >= size or data[i] != 0x3A:
        return -1
    return _behind_blanks(data, i + 1, size)


@cython.cclass
class Members:
    """Finds members of objects by their names.

    Args:
        names: at most 64, in ASCII.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        self.words = [name.encode("ascii") for name in names]
        self.first = np.full(_BUCKETS, -1, np.int64)
        self.following = np.full(len(names), -1, np.int64)
        self.starts = np.zeros(len(names), np.int64)
        self.begins = np.zeros(len(names), np.int64)
        self.ends = np.zeros(len(names), np.int64)
        self.present = 0
        for place, word in enumerate(self.words):
            bucket = (len(word) * 5 + word[0] * 3 + word[len(word) - 1]) & (_BUCKETS - 1)
            self.following[place] = self.first[bucket]
            self.first[bucket] = place

    def read(self, payload: bytes) -> dict[str, bytes] | None:
        """Return the wanted members of an object as they are written; None: it is left."""
        if not self._read(payload):
            return None
        begins, ends = np.asarray(self.begins).tolist(), np.asarray(self.ends).tolist()
        return {
            name: payload[begins[place] : ends[place]]
            for place, name in enumerate(self.names)
            if int(self.present) >> place & 1
        }

    @cython.cfunc
    def _read(self, payload: bytes) -> cython.bint:
        """Note where each wanted member begins, and its value; False where the text is left.

        Of members with the same name the last one counts, as with msgspec.
        """
        data: cython.p_const_uchar = payload
        size: cython.Py_ssize_t = len(payload)
        name: cython.Py_ssize_t
        begin: cython.Py_ssize_t
        i: cython.Py_ssize_t = 1
        place: cython.int
        self.present = 0
        if size < 2 or data[0] != 0x7B:
            return False
        i = _behind_blanks(data, i, size)
        if i < size and data[i] == 0x7D:
            return _behind_blanks(data, i + 1, size) == size
        while i < size and data[i] == 0x22:
            name = i + 1
            i = _plain_until(data, name, size)
            if i >= size or data[i] != 0x22:
                return False
            place = self._find(data, name, i)
            i = _behind_blanks(data, i + 1, size)
            if i >= size or data[i] != 0x3A:
                return False
            i = _behind_blanks(data, i + 1, size)
            begin = i
            i = _value(data, i, size, 1)
            if i < 0:
                return False
            if place >= 0:
                self.starts[place] = name - 1
                self.begins[place] = begin
                self.ends[place] = i
                self.present |= cython.cast(cython.ulonglong, 1) << place
            i = _behind_blanks(data, i, size)
            if i >= size:
                return False
            if data[i] == 0x7D:
                return _behind_blanks(data, i + 1, size) == size
            if data[i] != 0x2C:
                return False
            i = _behind_blanks(data, i + 1, size)
        return False

    @cython.cfunc
    def _find(
        self, data: cython.p_const_uchar, begin: cython.Py_ssize_t, end: cython.Py_ssize_t
    ) -> cython.int:
        """Return which wanted member has a name; -1: none."""
        size: cython.Py_ssize_t = end - begin
        word: bytes
        letters: cython.p_const_uchar
        if size < 1:
            return -1
        bucket: cython.int = (size * 5 + data[begin] * 3 + data[end - 1]) & (_BUCKETS - 1)
        place: cython.longlong = self.first[bucket]
        while place >= 0:
            word = self.words[place]
            if len(word) == size:
                if not cython.compiled:
                    if word == data[begin:end]:
                        return int(place)
                else:
                    letters = word
                    if memcmp(letters, cython.address(data[begin]), size) == 0:
                        return place
            place = self.following[place]
        return -1


@cython.cfunc
@cython.exceptval(check=False)
def whole(
    data: cython.p_const_uchar, begin: cython.Py_ssize_t, end: cython.Py_ssize_t
) -> cython.longlong:
    """Return a whole number from 0 as JSON writes it; -1 if it is anything else."""
    value: cython.longlong = 0
    i: cython.Py_ssize_t
    if end - begin > _MAX_DIGITS or (end - begin > 1 and data[begin] == 0x30):
        return -1
    for i in range(begin, end):
        if data[i] < 0x30 or data[i] > 0x39:
            return -1
        value = value * 10 + data[i] - 0x30
    return value
