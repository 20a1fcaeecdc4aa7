"""CBOR as decoders of it need it: the elements of one array, nothing built of the rest.

Source: RFC 8949, 3 (major types) and 3.2.2 (indefinite lengths). Skips with a counter, not by
recursion. Knows CBOR alone. Used by inside.wamp.
"""

from __future__ import annotations

from typing import Final

_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP, _TAG, _SIMPLE = range(8)
_INDEFINITE: Final = 31
_BREAK: Final = 0xFF
_MAX_ELEMENTS: Final = 64
_MAX_DEPTH: Final = 512
"""Open arrays and maps while a value is skipped."""


class CborError(ValueError):
    """The bytes are not CBOR, or end too early."""


def elements(data: bytes) -> list[bytes]:
    """Return the elements of an array, each as it is written.

    Raises:
        CborError: It is no array, or has more than 64 elements.
    """
    if not data or data[0] >> 5 != _ARRAY:
        raise CborError
    count, at = _head(data, 0)
    found: list[bytes] = []
    while count is None or len(found) < count:
        if count is None and at < len(data) and data[at] == _BREAK:
            at += 1
            break
        if len(found) >= _MAX_ELEMENTS:
            raise CborError
        end = _skip(data, at)
        found.append(data[at:end])
        at = end
    if at != len(data):
        raise CborError
    return found


def value(data: bytes) -> int | str | None:
    """Return a whole number or a text; None if it is neither.

    Raises:
        CborError: It ends too early.
    """
    if not data:
        raise CborError
    kind = data[0] >> 5
    if kind in (_UNSIGNED, _NEGATIVE):
        number, _ = _head(data, 0)
        if number is None:
            raise CborError
        return number if kind == _UNSIGNED else -1 - number
    if kind == _TEXT and data[0] & 31 != _INDEFINITE:
        length, at = _head(data, 0)
        return data[at : at + (length or 0)].decode("utf-8", "replace")
    return None


def _head(data: bytes, at: int) -> tuple[int | None, int]:
    """Return a head's argument (None: indefinite), and where it ends."""
    if at >= len(data):
        raise CborError
    low = data[at] & 31
    at += 1
    if low < 24:
        return low, at
    if low == _INDEFINITE:
        return None, at
    if low > 27:
        raise CborError
    size = 1 << (low - 24)
    if at + size > len(data):
        raise CborError
    return int.from_bytes(data[at : at + size]), at + size


def _skip(data: bytes, at: int) -> int:
    """Return where the value at `at` ends."""
    # How many values are still due in each open array or map; None: until a break.
    due: list[int | None] = [1]
    while due:
        last = due[-1]
        if last == 0:
            due.pop()
            continue
        if at >= len(data):
            raise CborError
        if data[at] == _BREAK:
            if last is not None:
                raise CborError
            due.pop()
            at += 1
            continue
        if last is not None:
            due[-1] = last - 1
        kind = data[at] >> 5
        number, at = _head(data, at)
        if kind in (_BYTES, _TEXT):
            if number is not None:
                at += number
            else:
                due.append(None)
        elif kind == _ARRAY:
            due.append(number)
        elif kind == _MAP:
            due.append(None if number is None else 2 * number)
        elif kind == _TAG:
            due.append(1)
        elif number is None and kind in (_UNSIGNED, _NEGATIVE):
            raise CborError
        if len(due) > _MAX_DEPTH or at > len(data):
            raise CborError
    return at
