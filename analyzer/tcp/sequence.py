"""Sequence numbers: 32 bits on the wire, 64-bit stream offsets inside the program.

Knows integer arithmetic only. Must not know segments or connections. Compiled kernels
take the same functions from sequence.pxd, in C; uncompiled ones take them from here, and
the tests hold both against each other.
"""

from __future__ import annotations

MODULUS = 2**32
"""RFC 9293 3.4: the sequence number space ranges from 0 to 2**32 - 1."""

MAX_WINDOW = 2**30
"""RFC 7323 2.3: the largest window is 2**30 bytes; nothing proves more in one step."""


def distance(seq: int, origin: int) -> int:
    """Return how far `seq` lies after `origin`, in [-2**31, 2**31).

    RFC 9293 3.4: all arithmetic dealing with sequence numbers must be performed
    modulo 2**32, so "before" and "after" only have a meaning within half of it.
    """
    behind = (seq - origin) % MODULUS
    return behind - MODULUS if behind >= MODULUS // 2 else behind


def stream_offset(seq: int, base: int, near: int) -> int:
    """Return the 64-bit stream offset of a 32-bit sequence number.

    Args:
        seq: the sequence number.
        base: sequence number of stream offset 0.
        near: a stream offset within 2**31 of the answer, such as the next expected.
    """
    return near + distance(seq, (base + near) % MODULUS)


def wide(value: int) -> int:
    """Return `value` as an integer that does not wrap; numpy's narrow ones do."""
    return int(value)


def wide_unsigned(value: int) -> int:
    """Return `value` modulo 2**64, where C does so by itself."""
    return int(value) & (2**64 - 1)


def between(one: int, other: int) -> int:
    """Return how far two times lie apart: up to 2**64 - 1, so that nothing overflows."""
    return abs(int(one) - int(other))
