"""Unsigned integers of 16 and 32 bits in the byte order of a file or of this machine.

Knows bytes only. Must not know what they belong to. Compiled kernels take the same functions
from byte_order.pxd, in C; uncompiled ones take them from here. Called by _records and _ring.
"""

from __future__ import annotations

from analyzer.columns import Bytes


def u16(data: Bytes, at: int, big: bool) -> int:
    """Return the 16 bits at `at`; `big` says that the most significant byte comes first."""
    first, second = int(data[at]), int(data[at + 1])
    return first << 8 | second if big else second << 8 | first


def u32(data: Bytes, at: int, big: bool) -> int:
    """Return the 32 bits at `at`."""
    first, second = u16(data, at, big), u16(data, at + 2, big)
    return first << 16 | second if big else second << 16 | first
