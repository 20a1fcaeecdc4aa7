"""Words for people: sizes, durations, shares, and text from traffic made harmless.

Knows numbers and text alone. Used by the terminal reports and by the sentences of diagnosis.
"""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime
from typing import Final

_SIZES: Final = ("B", "kB", "MB", "GB", "TB", "PB")

_UNPRINTABLE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
"""Unicode categories that must not reach a terminal: controls, bidirectional and other
format characters, surrogates, private use, line separators."""


def size(count: float) -> str:
    """Return bytes in decimal units: 871 B, 1.25 kB, 12.5 kB, 125 kB."""
    value, unit = float(count), 0
    while value >= 999.5 and unit < len(_SIZES) - 1:
        value /= 1000
        unit += 1
    return f"{value:.0f} B" if unit == 0 else f"{_three_digits(value)} {_SIZES[unit]}"


def duration(nanoseconds: float) -> str:
    """Return a duration: 312 µs, 3.41 ms, 12.5 s, 3 min 20 s, 2 h 5 min, 3 d 4 h."""
    value = abs(nanoseconds)
    sign = "-" if nanoseconds < 0 else ""
    for unit, length in (("ns", 1), ("µs", 1e3), ("ms", 1e6), ("s", 1e9)):
        if value < 999.5 * length and (unit != "s" or value < 99.95e9):
            text = f"{value:.0f}" if unit == "ns" else _three_digits(value / length)
            return f"{sign}{text} {unit}"
    seconds = round(value / 1e9)
    if seconds < 3600:
        return f"{sign}{seconds // 60} min {seconds % 60} s"
    minutes = round(seconds / 60)
    if minutes < 24 * 60:
        return f"{sign}{minutes // 60} h {minutes % 60} min"
    hours = round(minutes / 60)
    return f"{sign}{hours // 24} d {hours % 24} h"


def share(part: float, whole: float) -> str:
    """Return a share in percent; a dash where there is no whole."""
    if not whole:
        return "-"
    percent = 100 * part / whole
    return "<0.1 %" if 0 < percent < 0.05 else f"{percent:.1f} %"


def number(count: int) -> str:
    """Return a number with thousands separated."""
    return f"{count:,}"


def plural(count: int, one: str, many: str | None = None) -> str:
    """Return a count with its noun."""
    return f"{number(count)} {one if count == 1 else many or one + 's'}"


def moment(nanoseconds: int) -> str:
    """Return a time in UTC to the second, with its date."""
    return _utc(nanoseconds).strftime("%Y-%m-%d %H:%M:%S")


def clock(nanoseconds: int) -> str:
    """Return the time of day in UTC to the microsecond."""
    fraction = nanoseconds % 1_000_000_000 // 1000
    return f"{_utc(nanoseconds):%H:%M:%S}.{fraction:06d}"


def timestamp(nanoseconds: int) -> str:
    """Return a time in UTC to the microsecond, as ISO 8601 has it."""
    return f"{_utc(nanoseconds):%Y-%m-%d}T{clock(nanoseconds)}Z"


def address(ip: str | None, port: int | None) -> str:
    """Return an address with its port; IPv6 in brackets (RFC 3986 3.2.2)."""
    host = f"[{ip}]" if ip and ":" in ip else ip or "?"
    return host if port is None else f"{host}:{port}"


def printable(text: str) -> str:
    """Return text from traffic with all that a terminal might obey made visible."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        _escaped(character) if unicodedata.category(character) in _UNPRINTABLE else character
        for character in text
    )


def _escaped(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _three_digits(value: float) -> str:
    if value < 9.995:
        return f"{value:.2f}"
    return f"{value:.1f}" if value < 99.95 else f"{value:.0f}"


def _utc(nanoseconds: int) -> datetime:
    return datetime.fromtimestamp(nanoseconds // 1_000_000_000, UTC)
