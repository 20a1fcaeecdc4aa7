"""One form for JSON text: no white space between tokens, letters instead of their escapes.

A server that reads an event and writes it again may add white space (Python's json does) or
write other letters as escapes, and it still says the same (RFC 8259 2 and 7). Order of members
and forms of numbers are kept. Text that is not JSON has some form too: equal bytes stay equal.
Knows bytes alone. Used by inside.fanout and inside._quick, which look for equal bodies.
"""

from __future__ import annotations

import cython

_ASCII = cython.declare(cython.int, 0x80)


@cython.ccall
def compact(text: bytes) -> bytes:
    """Return text in the form that bodies are compared in; itself if it has that form."""
    size: cython.Py_ssize_t = len(text)
    data: cython.p_uchar = text
    i: cython.Py_ssize_t = 0
    is_plain: cython.bint = True
    while is_plain and i < size:
        if data[i] == 0x22:
            i += 1
            # In strings, of which most text is, two comparisons for each byte.
            while i < size and data[i] != 0x22 and data[i] != 0x5C:
                i += 1
            while i < size and data[i] == 0x5C:
                if i + 1 < size and (data[i + 1] == 0x75 or data[i + 1] == 0x2F):
                    is_plain = False
                i += 2
                while i < size and data[i] != 0x22 and data[i] != 0x5C:
                    i += 1
        elif data[i] <= 0x20:
            is_plain = False
        i += 1
    if is_plain:
        return text
    rewritten: bytes = _rewritten(text)
    return rewritten


@cython.cfunc
def _rewritten(text: bytes) -> bytes:
    """Return text in that form, made anew."""
    size: cython.Py_ssize_t = len(text)
    data: cython.p_uchar = text
    made = bytearray(size)
    out: cython.uchar[::1] = made
    at: cython.Py_ssize_t = 0
    i: cython.Py_ssize_t = 0
    is_string: cython.bint = False
    one: cython.int
    letter: cython.int
    while i < size:
        one = data[i]
        i += 1
        if not is_string and (one == 0x20 or one == 0x0A or one == 0x0D or one == 0x09):
            continue
        if one == 0x22:
            is_string = not is_string
        elif is_string and one == 0x5C and i < size:
            letter = 0x2F if data[i] == 0x2F else _escaped(text, i) if data[i] == 0x75 else -1
            if letter >= 0:
                i += 1 if letter == 0x2F and data[i] == 0x2F else 11 if letter > 0xFFFF else 5
                at = _put(out, at, letter)
                continue
            out[at] = one
            one = data[i]
            at += 1
            i += 1
        out[at] = one
        at += 1
    return bytes(made[:at])


@cython.cfunc
def _escaped(text: bytes, at: cython.Py_ssize_t) -> cython.int:
    r"""Return the letter of `uXXXX` at a place, perhaps with the second half `\uXXXX`.

    -1 where it must stay as it is: control characters, quotes and backslashes, half a pair.
    """
    data: cython.p_uchar = text
    first: cython.int = _hex(text, at + 1)
    if first < 0x20 or first == 0x22 or first == 0x5C:
        return -1
    if first < 0xD800 or first > 0xDFFF:
        return first
    if first > 0xDBFF or at + 10 >= len(text) or data[at + 5] != 0x5C or data[at + 6] != 0x75:
        return -1
    second: cython.int = _hex(text, at + 7)
    if second < 0xDC00 or second > 0xDFFF:
        return -1
    return 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)


@cython.cfunc
def _hex(text: bytes, at: cython.Py_ssize_t) -> cython.int:
    """Return the value of four hex digits; -1 if they are none."""
    data: cython.p_uchar = text
    if at + 4 > len(text):
        return -1
    value: cython.int = 0
    one: cython.int
    i: cython.Py_ssize_t
    for i in range(at, at + 4):
        one = data[i]
        if 0x30 <= one <= 0x39:
            one -= 0x30
        elif 0x41 <= one <= 0x46 or 0x61 <= one <= 0x66:
            one = (one | 0x20) - 0x57
        else:
            return -1
        value = 16 * value + one
    return value


@cython.cfunc
def _put(out: cython.uchar[::1], at: cython.Py_ssize_t, letter: cython.int) -> cython.Py_ssize_t:
    """Write a letter in UTF-8 (RFC 3629 3); return the place behind it."""
    if letter < _ASCII:
        out[at] = letter
        return at + 1
    if letter < 0x800:
        out[at] = 0xC0 | letter >> 6
        out[at + 1] = 0x80 | letter & 0x3F
        return at + 2
    if letter < 0x10000:
        out[at] = 0xE0 | letter >> 12
        out[at + 1] = 0x80 | letter >> 6 & 0x3F
        out[at + 2] = 0x80 | letter & 0x3F
        return at + 3
    out[at] = 0xF0 | letter >> 18
    out[at + 1] = 0x80 | letter >> 12 & 0x3F
    out[at + 2] = 0x80 | letter >> 6 & 0x3F
    out[at + 3] = 0x80 | letter & 0x3F
    return at + 4
