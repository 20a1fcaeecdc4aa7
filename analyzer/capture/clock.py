"""Clocks: pcapng time stamps to nanoseconds, in integers.

Knows if_tsresol and if_tsoffset (pcapng draft, section 4.2). Must not know blocks.
Used by pcapng for each interface, and by the kernel for time stamps beyond the
common range.
"""

from __future__ import annotations

from analyzer.columns import NULL

MICROSECONDS = 6
"""if_tsresol where the option is absent: 10^-6 s."""

_SECOND = 1_000_000_000
_MAX = 2**63 - 1
LATEST = 2**62 - 1
"""Times lie within this many ns of 1970, that is from 1823 to 2116, so that the
difference of two never overflows 64 bits. What pcap can write ends in 2106."""


def ticks_to_ns(ticks: int, resolution: int, offset_s: int) -> int:
    """Return a time stamp in ns since 1970-01-01 UTC, rounded down.

    Args:
        ticks: unsigned 64-bit time stamp of a packet block.
        resolution: if_tsresol, an unsigned byte. "If the Most Significant Bit is
            equal to zero, the remaining bits indicate the resolution of the
            timestamp as a negative power of 10", else of 2.
        offset_s: if_tsoffset, seconds to add.

    Returns:
        Nanoseconds, or NULL where it lies beyond LATEST.
    """
    exponent = resolution & 0x7F
    base = 2 if resolution & 0x80 else 10
    time = ticks * _SECOND // base**exponent + offset_s * _SECOND
    return time if -LATEST <= time <= LATEST else NULL


def linear(resolution: int, offset_s: int) -> tuple[int, int, int, int]:
    """Return how to compute most time stamps in 64 bits.

    Returns:
        limit, multiplier, divisor, offset: for ticks <= limit the time is
        ticks * multiplier // divisor + offset, without overflow and within LATEST. The limit is -1
        where no time stamp can be computed so.
    """
    exponent = resolution & 0x7F
    if resolution & 0x80:
        multiplier, divisor = _SECOND, 2**exponent
        while multiplier % 2 == 0 and divisor > 1:
            multiplier, divisor = multiplier // 2, divisor // 2
    elif exponent <= 9:
        multiplier, divisor = 10 ** (9 - exponent), 1
    else:
        multiplier, divisor = 1, 10 ** (exponent - 9)
    offset = offset_s * _SECOND
    if divisor > _MAX or abs(offset) > LATEST:
        return -1, 1, 1, 0
    # One less than 64 bits hold: the greatest number stands for "too great".
    limit = min((_MAX - 1) // multiplier, (LATEST - max(offset, 0)) * divisor // multiplier)
    return limit, multiplier, divisor, offset
