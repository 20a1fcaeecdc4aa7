"""Blocks to keep: makes Enhanced Packet Blocks of pcapng from rows of records.

Knows the layout of that one block (pcapng draft, section 4.3), little-endian. Must not know
files. Called by keep.PacketFiles.
"""

from __future__ import annotations

import cython

if cython.compiled:
    from cython.cimports.analyzer.capture.records import Record


@cython.cfunc
@cython.inline
@cython.exceptval(-1)
def _put32(out: cython.uchar[::1], at: cython.Py_ssize_t, value: cython.longlong) -> cython.int:
    out[at] = cython.cast(cython.uchar, value & 0xFF)
    out[at + 1] = cython.cast(cython.uchar, (value >> 8) & 0xFF)
    out[at + 2] = cython.cast(cython.uchar, (value >> 16) & 0xFF)
    out[at + 3] = cython.cast(cython.uchar, (value >> 24) & 0xFF)
    return 0


def fill(
    data: cython.uchar[::1],
    rows: Record[::1],
    interfaces: cython.uint[::1],
    first: cython.Py_ssize_t,
    out: cython.uchar[::1],
    most: cython.Py_ssize_t,
) -> tuple[int, int]:
    """Write blocks of rows[first:] to `out`, until it is full or has `most` bytes.

    Args:
        data: bytes that rows point into, dtype uint8.
        rows: dtype RECORD; a time before 1970 or NULL is written as 0.
        interfaces: number of each row's Interface Description Block, dtype uint32.
        first: row to begin with.
        out: dtype uint8.
        most: the block that reaches it is the last.

    Returns:
        The row after the last one written, and bytes of `out` in use.
    """
    row: cython.Py_ssize_t = first
    used: cython.Py_ssize_t = 0
    captured: cython.Py_ssize_t
    length: cython.Py_ssize_t
    start: cython.Py_ssize_t
    time: cython.longlong
    i: cython.Py_ssize_t
    while row < len(rows) and used < most:
        captured = rows[row].captured
        length = 32 + ((captured + 3) // 4) * 4
        if used + length > len(out):
            break
        time = max(rows[row].time, 0)
        start = rows[row].start
        _put32(out, used, 6)
        _put32(out, used + 4, length)
        _put32(out, used + 8, interfaces[row])
        _put32(out, used + 12, time >> 32)
        _put32(out, used + 16, time & 0xFFFFFFFF)
        _put32(out, used + 20, captured)
        _put32(out, used + 24, rows[row].original)
        out[used + 28 : used + 28 + captured] = data[start : start + captured]
        for i in range(used + 28 + captured, used + length - 4):
            out[i] = 0
        _put32(out, used + length - 4, length)
        used += length
        row += 1
    return row, used
