"""Kernel: formats rows of prepared columns as CSV or JSON text into one buffer.

Knows kinds of cells, bytes and numbers. Must not know tables, files or Python text:
columns arrive as int64 values (see `Kind` below) and UTF-8 bytes. Called by
report.cells alone.

Compiled, a cell takes about ten nanoseconds; a general CSV writer (pyarrow.csv, with
its string columns made first) took four times as long for the frames table.
"""

from __future__ import annotations

from typing import Any

import cython
import numpy as np

from analyzer import columns

if cython.compiled:
    from cython.cimports.libc.string import memcpy

NULL = cython.declare(cython.longlong, columns.NULL)

# Kinds of cells. What the int64 of a row means:
INT = cython.declare(cython.int, 0)  # the number
TIME = cython.declare(cython.int, 1)  # nanoseconds since 1970, UTC
THOUSANDTHS = cython.declare(cython.int, 2)  # 3 digits after the point
MILLIONTHS = cython.declare(cython.int, 3)  # 6 digits
BILLIONTHS = cython.declare(cython.int, 4)  # 9 digits
HEX32 = cython.declare(cython.int, 5)  # 32 bits
LABEL = cython.declare(cython.int, 6)  # place among the column's labels
TEXT = cython.declare(cython.int, 7)  # where the cell's bytes end in `text`
VERBATIM = cython.declare(cython.int, 8)  # the same, of bytes that need no escapes

CSV = cython.declare(cython.int, 0)
JSON = cython.declare(cython.int, 1)

KINDS = {
    "int": INT,
    "time": TIME,
    "thousandths": THOUSANDTHS,
    "millionths": MILLIONTHS,
    "billionths": BILLIONTHS,
    "hex32": HEX32,
    "label": LABEL,
    "text": TEXT,
    "verbatim": VERBATIM,
}
"""Numbers of the kinds, for the caller: compiled, the constants above are C's alone."""

DIALECTS = {"csv": CSV, "json": JSON}

_FIXED_CELL = cython.declare(cython.Py_ssize_t, 64)  # no cell but text is longer

_BACKSLASH = cython.declare(cython.uchar, 92)
_QUOTE = cython.declare(cython.uchar, 34)
_APOSTROPHE = cython.declare(cython.uchar, 39)
_HEX = cython.declare(cython.uchar[::1], np.frombuffer(b"0123456789abcdef", np.uint8).copy())


@cython.cfunc
@cython.inline
def _runs_in_a_spreadsheet(
    text: cython.uchar[::1], start: cython.Py_ssize_t, end: cython.Py_ssize_t
) -> cython.bint:
    """Whether a cell that begins like this is a formula: = + - @, also in full width."""
    first: cython.int
    if start == end:
        return False
    first = text[start]
    if first == 61 or first == 43 or first == 45 or first == 64 or first == 39:
        return True
    # U+FF1D, U+FF0B, U+FF0D, U+FF20 are EF BC 9D, 8B, 8D, A0.
    if first == 0xEF and end - start >= 3 and text[start + 1] == 0xBC:
        first = text[start + 2]
        return first == 0x9D or first == 0x8B or first == 0x8D or first == 0xA0
    return False


@cython.cfunc
@cython.inline
def _is_control(
    text: cython.uchar[::1], place: cython.Py_ssize_t, end: cython.Py_ssize_t
) -> cython.bint:
    """Whether a control character (U+0000 to U+001F, U+007F to U+009F) begins here.

    Terminals obey the upper ones, which are two bytes in UTF-8, as well.
    """
    byte: cython.int = text[place]
    if 32 <= byte < 127:
        return False
    return byte < 128 or (byte == 0xC2 and place + 1 < end and text[place + 1] < 0xA0)


@cython.cclass
class Cells:
    """Formats rows of one table.

    Every `_method(at, ...)` writes at `at` in the buffer and returns where it ended: a
    C function that returns a number signals an exception by -1, while one that
    returns nothing would have to ask the interpreter each time.

    Attributes:
        dialect: CSV or JSON.
        columns: how many.
        kinds: kind of each column.
        affixes: bytes that are written as they are: before each column's cell, after
            each row, for a null, as labels; `ends` says where each one ends.
        first_label: which affix is the first label of each column.
        out: the buffer; `buffer` is the array itself.
        fixed_bytes: more than a row takes without its text.
        second: the second since 1970 that `stamp` shows.
        numbers, text, text_at: what `format` was given. To hand such views from function to
            function takes longer than a cell.
        comma: whether all that is before a cell is a comma, but before the first.
    """

    dialect: cython.int
    columns: cython.Py_ssize_t
    kinds: cython.longlong[::1]
    affixes: cython.uchar[::1]
    ends: cython.longlong[::1]
    first_label: cython.longlong[::1]
    out: cython.uchar[::1]
    buffer: Any
    fixed_bytes: cython.Py_ssize_t
    second: cython.longlong
    stamp: cython.uchar[::1]
    numbers: cython.longlong[:, ::1]
    text: cython.uchar[::1]
    text_at: cython.longlong[::1]
    comma: cython.bint

    def __init__(self, dialect: int, kinds: Any, affixes: list[bytes], first_label: Any) -> None:
        """Prepare for a table.

        Args:
            dialect: CSV or JSON.
            kinds: int64, one per column.
            affixes: the prefixes of the columns in order, then the row's end, the
                null, and all labels.
            first_label: int64, one per column: where in `affixes` its labels begin.
        """
        self.dialect = dialect
        self.kinds = kinds
        self.columns = len(kinds)
        self.affixes = np.frombuffer(b"".join(affixes) + b"\0", np.uint8).copy()
        self.ends = np.cumsum([0] + [len(affix) for affix in affixes], dtype=np.int64)
        self.first_label = first_label
        self.buffer = np.zeros(1 << 16, np.uint8)
        self.out = self.buffer
        self.fixed_bytes = len(self.affixes) + self.columns * _FIXED_CELL
        self.second = NULL
        self.stamp = np.zeros(20, np.uint8)
        between = affixes[1 : self.columns]
        self.comma = self.dialect == CSV and between == [b","] * len(between)
        self._forget()

    def _forget(self) -> None:
        self.numbers = np.zeros((0, 0), np.int64)
        self.text = np.zeros(0, np.uint8)
        self.text_at = np.zeros(0, np.int64)

    def format(
        self,
        numbers: cython.longlong[:, ::1],
        text: cython.uchar[::1],
        text_at: cython.longlong[::1],
    ) -> Any:
        """Return the rows as a uint8 array, good until the next call.

        Args:
            numbers: int64, one row per column and one column per row of the table.
            text: bytes of all text cells, column by column; the number of a TEXT or
                VERBATIM cell is where it ends, and it begins where the cell above it
                ended. A null is NULL and takes no bytes.
            text_at: int64, one per column: where its first cell begins; is moved.
        """
        row: cython.Py_ssize_t
        rows: cython.Py_ssize_t = numbers.shape[1]
        at: cython.Py_ssize_t = 0
        self.numbers = numbers
        self.text = text
        self.text_at = text_at
        for row in range(rows):
            self._reserve(at, self.fixed_bytes)
            at = self._row(at, row)
        self._forget()
        return self.buffer[:at]

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _reserve(self, at: cython.Py_ssize_t, count: cython.Py_ssize_t) -> cython.Py_ssize_t:
        """Make room for `count` more bytes."""
        needed: cython.Py_ssize_t = at + count
        if needed > self.out.shape[0]:
            bigger = np.zeros(max(needed, 2 * self.out.shape[0]), np.uint8)
            bigger[:at] = self.buffer[:at]
            self.buffer = bigger
            self.out = bigger
        return at

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _row(self, at: cython.Py_ssize_t, row: cython.Py_ssize_t) -> cython.Py_ssize_t:
        column: cython.Py_ssize_t
        kind: cython.longlong
        value: cython.longlong
        for column in range(self.columns):
            if self.comma:
                if column > 0:
                    at = self._put(at, 44)
            else:
                at = self._affix(at, column)
            kind = self.kinds[column]
            # The cast makes a Python int of numpy's when this runs uncompiled.
            value = cython.cast(cython.longlong, self.numbers[column, row])
            if value == NULL:
                if not self.comma:
                    at = self._affix(at, self.columns + 1)
            elif kind == INT:
                at = self._number(at, value, 0)
            elif kind == LABEL:
                at = self._affix(at, self.first_label[column] + value)
            elif kind == TIME:
                at = self._time(at, value)
            elif kind == TEXT:
                at = self._text(at, self.text_at[column], value)
                self.text_at[column] = value
            elif kind == VERBATIM:
                at = self._verbatim(at, self.text_at[column], value)
                self.text_at[column] = value
            elif kind == HEX32:
                at = self._hex32(at, value)
            else:
                at = self._number(at, value, 3 * (kind - THOUSANDTHS + 1))
        return self._affix(at, self.columns)

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    @cython.inline
    def _put(self, at: cython.Py_ssize_t, byte: cython.uchar) -> cython.Py_ssize_t:
        self.out[at] = byte
        return at + 1

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _affix(self, at: cython.Py_ssize_t, which: cython.Py_ssize_t) -> cython.Py_ssize_t:
        place: cython.Py_ssize_t
        for place in range(self.ends[which], self.ends[which + 1]):
            self.out[at] = self.affixes[place]
            at += 1
        return at

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _number(
        self, at: cython.Py_ssize_t, value: cython.longlong, decimals: cython.longlong
    ) -> cython.Py_ssize_t:
        """Write a decimal number of which the last `decimals` digits are a fraction."""
        digits: cython.longlong = 1
        bar: cython.ulonglong = 10
        unit: cython.longlong = 1
        if value < 0:
            at = self._put(at, 45)
            value = -value
        if decimals == 0 and value < 10:
            return self._put(at, 48 + value)
        # Comparing is quicker than dividing; 10 ** 19 is the last power that fits.
        while digits < 19 and cython.cast(cython.ulonglong, value) >= bar:
            bar = bar * 10
            digits += 1
        if decimals == 0:
            return self._padded(at, value, digits)
        for _ in range(decimals):
            unit = unit * 10
        digits = digits - decimals if digits > decimals else 1
        at = self._put(self._padded(at, value // unit, digits), 46)
        return self._padded(at, value % unit, decimals)

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    @cython.boundscheck(False)
    def _padded(
        self, at: cython.Py_ssize_t, value: cython.longlong, digits: cython.longlong
    ) -> cython.Py_ssize_t:
        """Write the last `digits` digits of a number that is not negative."""
        rest: cython.ulonglong = value
        pair: cython.ulonglong
        end: cython.Py_ssize_t = at + digits
        place: cython.Py_ssize_t = end
        # One check for all digits.
        if at < 0 or end < at or end > self.out.shape[0]:
            raise IndexError(end)
        while place - at > 1:
            place -= 2
            pair = rest % 100
            rest = rest // 100
            self.out[place] = 48 + pair // 10
            self.out[place + 1] = 48 + pair % 10
        if place > at:
            self.out[at] = 48 + rest % 10
        return end

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _time(self, at: cython.Py_ssize_t, value: cython.longlong) -> cython.Py_ssize_t:
        """Write a time as 2026-01-02T03:04:05.000000006Z."""
        second: cython.longlong = value // 1_000_000_000
        fraction: cython.longlong = value - second * 1_000_000_000
        if fraction < 0:  # C division rounds towards zero
            second -= 1
            fraction += 1_000_000_000
        if second != self.second:
            # Neighbouring rows mostly share their second.
            self._new_second(at, second)
        if self.dialect == JSON:
            at = self._put(at, _QUOTE)
        at = self._copied(at, self.stamp, 0, 20)
        at = self._put(self._padded(at, fraction, 9), 90)
        if self.dialect == JSON:
            at = self._put(at, _QUOTE)
        return at

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _new_second(self, at: cython.Py_ssize_t, second: cython.longlong) -> cython.Py_ssize_t:
        """Fill `stamp` with YYYY-MM-DDTHH:MM:SS. of a second since 1970.

        An int64 of nanoseconds is between the years 1677 and 2262. The date is
        found from the days since 0000-03-01, so that the leap day ends its year. The
        free room at `at` is used to write in.
        """
        start: cython.Py_ssize_t = at
        place: cython.Py_ssize_t
        shifted: cython.longlong = second + 719_468 * 86_400
        days: cython.longlong = shifted // 86_400
        of_day: cython.longlong = shifted - days * 86_400
        era: cython.longlong = days // 146_097
        of_era: cython.longlong = days - era * 146_097
        year: cython.longlong = (
            of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096
        ) // 365
        of_year: cython.longlong = of_era - (365 * year + year // 4 - year // 100)
        month: cython.longlong = (5 * of_year + 2) // 153  # from March = 0
        day: cython.longlong = of_year - (153 * month + 2) // 5 + 1
        year = year + 400 * era
        if month >= 10:
            year += 1
            month -= 9
        else:
            month += 3
        at = self._put(self._padded(at, year, 4), 45)
        at = self._put(self._padded(at, month, 2), 45)
        at = self._put(self._padded(at, day, 2), 84)
        at = self._put(self._padded(at, of_day // 3_600, 2), 58)
        at = self._put(self._padded(at, of_day // 60 % 60, 2), 58)
        at = self._put(self._padded(at, of_day % 60, 2), 46)
        for place in range(20):
            self.stamp[place] = self.out[start + place]
        self.second = second
        return start

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    @cython.inline
    @cython.boundscheck(False)
    def _copied(
        self,
        at: cython.Py_ssize_t,
        source: cython.uchar[::1],
        start: cython.Py_ssize_t,
        end: cython.Py_ssize_t,
    ) -> cython.Py_ssize_t:
        """Copy source[start:end]: one check, and the C library's block copy."""
        count: cython.Py_ssize_t = end - start
        if count <= 0:
            return at
        if at < 0 or start < 0 or at + count > self.out.shape[0] or end > source.shape[0]:
            raise IndexError(at + count)
        if cython.compiled:
            memcpy(
                cython.address(self.out[at]),
                cython.address(source[start]),
                cython.cast(cython.size_t, count),
            )
        else:
            self.out[at : at + count] = source[start:end]
        return at + count

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _hex32(self, at: cython.Py_ssize_t, value: cython.longlong) -> cython.Py_ssize_t:
        shift: cython.int
        if self.dialect == JSON:
            at = self._put(at, _QUOTE)
        for shift in range(28, -4, -4):
            at = self._put(at, _HEX[(value >> shift) & 15])
        if self.dialect == JSON:
            at = self._put(at, _QUOTE)
        return at

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _verbatim(
        self,
        at: cython.Py_ssize_t,
        start: cython.Py_ssize_t,
        end: cython.Py_ssize_t,
    ) -> cython.Py_ssize_t:
        """Write base64: quoted where it may be taken for null, defused as a formula."""
        quoted: cython.bint = self.dialect == JSON or start == end
        self._reserve(at, end - start + self.fixed_bytes)
        if quoted:
            at = self._put(at, _QUOTE)
        elif _runs_in_a_spreadsheet(self.text, start, end):
            at = self._put(at, _APOSTROPHE)
        at = self._copied(at, self.text, start, end)
        if quoted:
            at = self._put(at, _QUOTE)
        return at

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _text(
        self,
        at: cython.Py_ssize_t,
        start: cython.Py_ssize_t,
        end: cython.Py_ssize_t,
    ) -> cython.Py_ssize_t:
        """Write a text cell.

        In JSON it is a string (RFC 8259 7) with all control characters escaped. In CSV it is
        quoted as RFC 4180 says, and protected if need be: a protected cell begins with an
        apostrophe. After that, a backslash begins an escape (two backslashes are one,
        backslash x and two hexadecimal digits are a control character), everything else
        is literal.
        """
        place: cython.Py_ssize_t
        byte: cython.int
        json: cython.bint = self.dialect == JSON
        quoted: cython.bint = json or start == end  # null is the empty cell without quotes
        escapes: cython.bint = json or _runs_in_a_spreadsheet(self.text, start, end)
        doubled: cython.bint = False
        # At most 6 bytes for one: \u001b.
        self._reserve(at, 6 * (end - start) + self.fixed_bytes)
        if not json:
            for place in range(start, end):
                byte = self.text[place]
                if byte == 34:
                    quoted = doubled = True
                elif byte == 44:
                    quoted = True
                elif _is_control(self.text, place, end):
                    escapes = True
        if quoted:
            at = self._put(at, _QUOTE)
        if escapes and not json:
            at = self._put(at, _APOSTROPHE)
        place = start
        if not escapes and not doubled:
            at = self._copied(at, self.text, start, end)
            place = end
        while place < end:
            byte = self.text[place]
            if escapes and _is_control(self.text, place, end):
                if byte == 0xC2:
                    place += 1
                at = self._escape(at, 117 if json else 120, self.text[place])
            else:
                if byte == 34:
                    at = self._put(at, _BACKSLASH if json else _QUOTE)
                elif byte == 92 and escapes:
                    at = self._put(at, _BACKSLASH)
                self.out[at] = byte
                at += 1
            place += 1
        if quoted:
            at = self._put(at, _QUOTE)
        return at

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _escape(
        self, at: cython.Py_ssize_t, letter: cython.uchar, value: cython.int
    ) -> cython.Py_ssize_t:
        """Write a backslash, the letter (x or u), and `value` in hexadecimal."""
        at = self._put(at, _BACKSLASH)
        at = self._put(at, letter)
        if letter == 117:
            at = self._put(self._put(at, 48), 48)
        at = self._put(at, _HEX[value >> 4])
        return self._put(at, _HEX[value & 15])
