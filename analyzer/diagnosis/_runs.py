"""Kernel: what is remembered of each message or frame by connection and side.

Knows numbers alone: columns of rows, and the arrays of diagnosis.keyed, whose column `place` is
that of key `base + place`. Called by runs, chatter, stalls and facts.

Sorting the messages of each batch by connection, and a dozen passes over their columns, took a
twelfth of a summary's time.
"""

from __future__ import annotations

from typing import Any

import cython

# A C copy: a kernel would else look up a Python object per row.
_NULL = cython.declare(cython.longlong, -(2**63))

COUNT, HEADERS, PAYLOAD, SAVED, FIRST = range(5)
"""Rows of what is added up of small messages."""
_COUNT = cython.declare(cython.Py_ssize_t, COUNT)
_HEADERS = cython.declare(cython.Py_ssize_t, HEADERS)
_PAYLOAD = cython.declare(cython.Py_ssize_t, PAYLOAD)
_SAVED = cython.declare(cython.Py_ssize_t, SAVED)
_FIRST = cython.declare(cython.Py_ssize_t, FIRST)


def follow(
    last: cython.longlong[:, ::1],
    base: cython.longlong,
    keys: cython.longlong[::1],
    numbers: cython.longlong[::1],
    packets: cython.longlong[::1],
    own: cython.uchar[::1],
    answers: cython.uchar[::1],
    before: cython.longlong[::1],
) -> None:
    """Say what came before each message, and remember it.

    Args:
        last: number and last packet of the last message of each side; NULL for none.
        base: key of the first column.
        keys: of the messages.
        numbers: of them in their connections.
        packets: last of each.
        own: is filled: 1 where the message before is of the same sender.
        answers: is filled: 1 where it is of the peer.
        before: is filled with the last packet of the sender's message before, or NULL.
    """
    i: cython.Py_ssize_t
    place: cython.longlong
    number: cython.longlong
    for i in range(keys.shape[0]):
        place = keys[i] - base
        number = before[i] = _NULL
        if 0 <= place < last.shape[1]:
            number = last[0, place]
            before[i] = last[1, place]
            last[0, place] = numbers[i]
            last[1, place] = packets[i]
        own[i] = number != _NULL and numbers[i] == number + 1
        answers[i] = not own[i] and numbers[i] > 0


def near(
    keys: cython.longlong[::1],
    own: cython.uchar[::1],
    before: cython.longlong[::1],
    gaps: cython.longlong[::1],
    firsts: cython.longlong[::1],
    most: cython.longlong,
    chosen: cython.uchar[::1],
) -> int:
    """Choose messages that follow one of their sender closely, in packets of their own.

    Args:
        keys: of the messages.
        own: 1 where the message before is of the same sender.
        before: last packet of the sender's message before.
        gaps: ns since the message before.
        firsts: packet with the first byte.
        most: ns that are close.
        chosen: is filled with 1 for these.

    Returns:
        The highest key among them; -1 without any.
    """
    i: cython.Py_ssize_t
    highest: cython.longlong = -1
    for i in range(keys.shape[0]):
        chosen[i] = own[i] and 0 <= gaps[i] <= most and firsts[i] > before[i]
        if chosen[i] and keys[i] > highest:
            highest = keys[i]
    found: int = highest
    return found


def add_small(
    sums: cython.longlong[:, ::1],
    base: cython.longlong,
    keys: cython.longlong[::1],
    chosen: cython.uchar[::1],
    firsts: cython.longlong[::1],
    costs: Any,
) -> None:
    """Add up chosen messages whose headers and ACKs outweigh them.

    Args:
        sums: by COUNT, HEADERS, PAYLOAD, SAVED, and FIRST, the packet of the first one.
        base: key of the first column.
        keys: of the messages.
        chosen: 1 for those that are looked at.
        firsts: packet with the first byte.
        costs: columns transfer_bytes, wire_bytes, packet_header_bytes and ack_bytes.
    """
    i: cython.Py_ssize_t
    place: cython.longlong
    sent: cython.longlong[::1] = costs[0]
    wire: cython.longlong[::1] = costs[1]
    headers: cython.longlong[::1] = costs[2]
    acks: cython.longlong[::1] = costs[3]
    for i in range(keys.shape[0]):
        place = keys[i] - base
        if not chosen[i] or place < 0 or place >= sums.shape[1]:
            continue
        if sent[i] < 0 or wire[i] < 0 or wire[i] - sent[i] < sent[i]:
            continue
        sums[_COUNT, place] += 1
        sums[_HEADERS, place] += wire[i] - sent[i]
        sums[_PAYLOAD, place] += sent[i]
        sums[_SAVED, place] += max(0, headers[i]) + max(0, acks[i])
        if sums[_FIRST, place] == 0:
            sums[_FIRST, place] = firsts[i]


def answered(
    keys: cython.longlong[::1],
    answers: cython.uchar[::1],
    gaps: cython.longlong[::1],
    chosen: cython.uchar[::1],
) -> int:
    """Choose a server's answers of which it is known how long they took.

    Args:
        keys: of the messages.
        answers: see runs.Run.
        gaps: ns since the message before.
        chosen: is filled with 1 for these.

    Returns:
        The highest key among them; -1 without any.
    """
    i: cython.Py_ssize_t
    highest: cython.longlong = -1
    for i in range(keys.shape[0]):
        chosen[i] = answers[i] and keys[i] & 1 == 1 and gaps[i] >= 0
        if chosen[i] and keys[i] > highest:
            highest = keys[i]
    found: int = highest
    return found


def note_habits(
    habits: cython.longlong[:, ::1],
    base: cython.longlong,
    keys: cython.longlong[::1],
    chosen: cython.uchar[::1],
    gaps: cython.longlong[::1],
    quick: cython.longlong,
) -> None:
    """Count the chosen answers, and those among them that took less than `quick` ns."""
    i: cython.Py_ssize_t
    place: cython.longlong
    for i in range(keys.shape[0]):
        place = keys[i] - base
        if not chosen[i] or place < 0 or place >= habits.shape[1]:
            continue
        habits[0, place] += 1
        if gaps[i] < quick:
            habits[1, place] += 1


def keep_last(
    last: cython.longlong[:, ::1],
    base: cython.longlong,
    keys: cython.longlong[::1],
    packets: cython.longlong[::1],
    times: cython.longlong[::1],
) -> None:
    """Keep packet and time of the last frame of each key."""
    i: cython.Py_ssize_t
    place: cython.longlong
    for i in range(keys.shape[0]):
        place = keys[i] - base
        if 0 <= place < last.shape[1]:
            last[0, place] = packets[i]
            last[1, place] = times[i]
