"""Lanes: what a schedule counts for one connection and one way of delivery.

A schedule puts the messages of a connection, in order of time, into the answers that other
transports would have brought them in. It keeps no message: each lane has counters, the answers'
sizes in classes (so that heads may be chosen later), and the delays in classes. Knows the
layout that the kernel `_schedule` reads and writes. Used by the kernel's owner, stage.
"""

from __future__ import annotations

from typing import Final

from analyzer.columns import row_dtype

# The lanes of a connection, in order; one for each polling interval stands behind them.
POSTS: Final = 0  # each message of the client, in a request of its own
PUSHES: Final = 1  # each message of the server, by itself
WRITES: Final = 2  # messages of the server that left in one packet, together
LONG_POLL: Final = 3
SHORT_POLL: Final = 4
"""The first of the intervals."""

SIZE_CLASSES: Final = 16
"""An answer's size modulo the MSS, in so many classes: how many packets it takes with a head
before it is known to a sixteenth of a packet."""
DELAY_CLASSES: Final = 32
"""Delays lie between 0 and the interval (or the gap of a long poll)."""

LANE = row_dtype(
    [
        ("answers", "<i8"),  # that carry messages
        ("messages", "<i8"),
        ("payload_bytes", "<i8"),
        ("full_segments", "<i8"),  # of the MSS each, in the answers' payloads
        ("delay", "<f8"),  # ns, of all messages together: days of waits pass 2^63 in sum
        ("prompt", "<i8"),  # answers that a request does not wait for
        ("timeouts", "<i8"),  # empty answers of long polls
        ("last_answer", "<i8"),  # ns since the origin; of short polls the number of the tick
        ("open_bytes", "<i8"),  # payload of the answer being filled
        ("open_messages", "<i8"),
    ]
)
"""One lane."""

CONVERSATION = row_dtype(
    [
        ("origin", "<i8"),  # ns: from when on messages can be delivered
        ("last_server", "<i8"),  # ns since the origin: the server's latest message
        ("last_packet", "<i8"),  # that carried the end of the server's latest message
        ("gap", "<i8"),  # ns: between a long poll's answer and the next request's arrival
        ("hold", "<i8"),  # ns: how long a long poll is held
        ("client_header_bytes", "<i8"),  # of the frames of unfragmented messages
        ("server_header_bytes", "<i8"),
        ("mss", "<i4"),
        ("size_class", "<i4"),  # bytes in a size class
    ]
)
"""What the lanes of one connection share."""
