"""What the tcp stage keeps per connection and direction beside what it hands on.

Knows layouts and limits; has no code that runs per packet. Used by tcp._assembly, which
repeats the layouts as C structs, and by tcp.reassembly.
"""

from __future__ import annotations

from analyzer.columns import row_dtype

ENTRY = row_dtype([("hash", "<u4"), ("slot", "<i4")])
"""One place of the lookup table; slot + 1, 0 where empty."""

SLOT = row_dtype(
    [
        ("segments", "<i8"),  # seen, copies not counted
        ("hash", "<u4"),  # of its addresses and ports
        ("waiting", "<i4"),  # directions that hold early segments
        ("touched", "u1"),  # a packet came since the search for an idle one passed by
        ("left", "u1"),  # its rows have left
        ("closing", "u1"),  # it waits for late packets
    ]
)
"""The private part of a connection."""

TRACK = row_dtype(
    [
        ("origin", "<i8"),  # sequence number of stream offset 0
        ("next", "<i8"),  # stream offset expected next
        ("acked", "<i8"),  # highest that the peer acknowledged
        ("top", "<i8"),  # end of the furthest segment held
        ("fin", "<i8"),  # stream offset of the FIN; -1 if none
        ("fin_packet", "<i8"),
        ("fin_time", "<i8"),
        ("fin_acked", "<i8"),  # what the FIN's packet acknowledges
        ("held_from", "<i8"),  # stream offset of the first held byte; -1 if none
        ("mark", "<i8"),  # SLOT.segments when the hole was found acknowledged; -1
        ("first_sent_again", "<i8"),  # packets for the findings; 0 if none
        ("first_lost", "<i8"),
        ("first_zero", "<i8"),
        ("stray_next", "<i8"),  # where the last stray segment ended
        ("tags", "<u8"),  # a byte of each recent identity
        ("isn", "<i8"),  # as Wireshark reckons the initial sequence number; -1
        ("unanswered", "<i4"),  # segments sent again since the peer's last packet
        ("stray", "<i4"),  # stray segments that follow on from each other
        ("recents", "<i4"),  # segments written to the ring of recent ones
        ("pieces", "<i4"),  # the same for the ring of delivered ones
        ("fin_flags", "u1"),
        ("fin_done", "u1"),  # the FIN row has left
        ("based", "u1"),  # origin is known
        ("zero_window", "u1"),  # the last window was 0
    ]
)
"""The private part of a direction."""

RECENT = row_dtype(
    [
        ("identity", "<u8"),
        ("time", "<i8"),
        ("seq", "<u4"),
        ("ack", "<u4"),
        ("length", "<i4"),
    ]
)
"""One of the last segments of a direction, to recognise copies."""

DELIVERED = row_dtype([("offset", "<i8"), ("position", "<i8"), ("length", "<i8")])
"""Where the arena has the bytes of one of the last segments of a direction."""

RING = 8
"""Segments remembered per direction: `-i any` puts a few between two copies."""

ARENA_BYTES = 4 * 1024 * 1024
"""Delivered payload of all connections kept to compare with bytes sent again; a batch's
worth, since a retransmission follows within round trips."""

WINDOW_BYTES = 16 * 1024 * 1024
"""How far ahead of what is known a segment may lie. Linux windows end at 6 MiB by
default; more is believed where ACKs or a run of segments support it."""

WEAK_WINDOW_NS = 100_000
"""Copies without an identification of their own (IPv4 identification 0 or IPv6, and no
TCP timestamp) count as copies only this close together: a copy of `-i any` or of a
mirror port comes within microseconds, and a retransmission takes a round trip and more.
Pure ACKs without identification never count as copies, since duplicate ACKs (RFC 5681
2) are alike to the last bit and may come at line rate."""
