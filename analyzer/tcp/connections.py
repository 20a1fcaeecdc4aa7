"""What the tcp stage keeps per connection and direction besides what it hands on.

Knows layouts and limits; has no code that runs per packet. Used by the kernels of this
folder, which repeat the layouts as C structs (_state.pxd), and by tcp.reassembly.

With many connections the time of a segment is the time to fetch its state into the
processor's cache: with state in eight arrays, some 16 lines a segment, 20,000 connections
took 500 to 800 ns a segment and 200 took 110 to 150. So what each segment touches lies in
four cache lines of 64 bytes: SLOT, TRACK of both directions, COUNT; all else is colder.
The recent segments and payload that copies are recognised by lie in rings shared by all
connections, which are written in order and so need no fetch; and the state of a block of
segments is asked for before the first is worked on. Now 20,000 take 230 to 310 ns, opening
and ending them included, and 200 take 120 to 150.
"""

from __future__ import annotations

import numpy as np

from analyzer.columns import Rows, row_dtype

CACHE_LINE = 64
"""Bytes that a processor fetches at once."""

ENTRY = row_dtype([("hash", "<u4"), ("slot", "<i4")])
"""One place of the lookup table; slot + 1, 0 where empty."""

SLOT = row_dtype(
    [
        # the ends, as in bytestream.CONNECTION; where `high` is set, the upper halves
        # of the addresses are there
        ("low0", "<u8"),
        ("low1", "<u8"),
        ("segments", "<i8"),  # seen, copies not counted
        ("last_packet", "<i8"),
        ("last_time", "<i8"),
        ("hash", "<u4"),  # of its addresses and ports
        ("port0", "<u2"),
        ("port1", "<u2"),
        ("version", "u1"),
        ("high", "u1"),  # an upper half of an address is not 0
        ("state", "u1"),  # lifecycle.State, as in CONNECTION
        ("left", "u1"),  # its rows have left
        ("closing", "u1"),  # it waits for late packets
        ("touched", "u1"),  # a packet came since the search for an idle one passed by
        ("waiting", "u1"),  # directions that hold early segments
        ("numbered", "u1"),  # the initial sequence numbers of both sides are reckoned
        ("syns", "i1"),  # 1: a SYN was seen
        ("doubt", "u1"),  # segments wait that may begin another connection
        ("window0", "<u2"),  # the last that each side announced, unscaled
        ("window1", "<u2"),
    ]
)
"""The private part of a connection that each segment needs."""

TRACK = row_dtype(
    [
        ("next", "<i8"),  # stream offset expected next
        ("acked", "<i8"),  # highest that the peer acknowledged
        ("fin", "<i8"),  # stream offset of the FIN; -1 if none
        ("held_from", "<i8"),  # stream offset of the first held byte; -1 if none
        ("edge", "<i8"),  # `acked` before it last rose
        ("name", "<u2"),  # IPv4 identification of its last packet
        ("repeats", "u1"),  # packets in a row that had the identification of the one before
        ("ttl", "u1"),  # of its last packet; 0 before the first
        ("heard", "u1"),  # one of its packets was seen, so its window is known
        ("confirmed", "u1"),  # the peer acknowledged where it begins
        ("spare", "<u2"),
        ("piece", "<i8"),  # the same in the ring PIECE
        ("origin", "<u4"),  # sequence number of stream offset 0
        ("unanswered", "u1"),  # segments sent again since the peer's last packet
        ("based", "u1"),  # origin is known
        ("zero_window", "u1"),  # the last window was 0
        ("fin_done", "u1"),  # the FIN row has left
    ]
)
"""The private part of a direction that each segment needs."""

COUNT = row_dtype(
    [
        ("packets", "<i8"),
        ("link_bytes", "<i8"),
        ("ip_bytes", "<i8"),
        ("tcp_bytes", "<i8"),
        ("stream_bytes", "<i8"),
        ("pure_acks", "<i8"),
        ("pure_ack_bytes", "<i8"),
        ("duplicate_bytes", "<i8"),
    ]
)
"""The part of bytestream.DIRECTION that nearly each segment changes; it goes there when
the connection ends."""

RARE = row_dtype(
    [
        ("top", "<i8"),  # end of the furthest segment held
        ("fin_packet", "<i8"),
        ("fin_time", "<i8"),
        ("fin_acked", "<i8"),  # what the FIN's packet acknowledges
        ("mark", "<i8"),  # SLOT.segments when the hole was found acknowledged; -1
        ("first_sent_again", "<i8"),  # packets for the findings; 0 if none
        ("first_lost", "<i8"),
        ("first_zero", "<i8"),
        ("stray_next", "<i8"),  # where the last stray segment ended
        ("isn", "<i8"),  # as Wireshark reckons the initial sequence number; -1
        ("stray", "<i4"),  # stray segments that follow on from each other
        ("fin_flags", "u1"),
        ("scale", "i1"),  # of its windows, by its SYN; -1: unknown
        ("ttl_copy", "u1"),  # of a copy of one of its packets, seen elsewhere; 0 if none
        ("foreign", "u1"),  # a RST that it did not send was reported
        ("unheard", "u1"),  # origin and acked are those of ACKs alone
        ("alive", "u1"),  # it sent data behind its first RST, which is not its own
        ("other_base", "<i8"),  # where the SYN-ACK before began its stream; -1
        ("reset_packet", "<i8"),  # its first RST; 0 if none
        ("reserved", "<i8"),  # tcp_stream of the SYN that waits
        ("reset_at", "<i8"),  # stream offset of that
        ("reset_heard", "<i8"),  # how far the other direction was then
        ("reset_next", "<i8"),  # and how far it was itself
    ]
)
"""The private part of a direction that few segments need."""

RECENT = row_dtype(
    [("key", "<u8"), ("time", "<i8"), ("previous", "<i8"), ("count", "<i8"), ("owner", "<i8")]
)
"""A segment in the ring of recent ones: a mix of its identity, seq, ack and length, the number of
the one before it that has the same place in the index (0 if none), how many its direction had
sent by then, and twice the first packet of its connection, with the side."""

PIECE = row_dtype([("offset", "<i8"), ("position", "<i8"), ("previous", "<i8"), ("length", "<i8")])
"""Where the arena has delivered payload, and the number of the piece before it."""

SET_BACK_NS = 1_000_000_000
"""A packet so much earlier than the one before says that the clock was set back. Captures on
several queues swap packets by far less."""

SWEEPS = 8
"""Times within Options.max_idle_s that idle connections are looked for."""

CHAIN = 8
"""Segments of a direction within which copies without an IPv4 identification are looked for:
`-i any` puts a few between two copies. Also the pieces of payload compared with bytes sent
again, and the steps taken in one place of the index."""

REPEATS = 2
"""Packets in a row with one IPv4 identification, after which it is not used: a stack that
gives all packets the same one, or two in turn. RFC 6864 4.1 lets it."""

RECENTS = 131_072
"""Segments remembered in all, so that memory is bounded with many connections: 5 MiB."""

RECENT_PLACES = 4 * RECENTS
"""Places of their index: most are empty, so that a new segment is mostly known to be new by the
index alone."""

SHADOW = 16_384
"""The latest segments of all connections, among which copies are looked for that came before
their connection's SYN."""

MAX_SHADED = 16 * SHADOW
"""Segments remembered in all for that, some 100 bytes each; beyond it nothing is told of copies."""

PIECES = 65_536
"""Pieces of delivered payload remembered in all: a full arena where they have 64 bytes."""

ARENA_BYTES = 4 * 1024 * 1024
"""Delivered payload of all connections kept to compare with bytes sent again; a batch's
worth, since a retransmission follows within round trips."""

WINDOW_BYTES = 16 * 1024 * 1024
"""How far ahead of what is known a segment may lie. Linux windows end at 6 MiB by
default; more is believed where ACKs or a run of segments support it."""

VOLUME = 64
"""How many times the bytes that a direction has carried it may jump ahead: a capture that stops
for a while loses about as much as flowed before; another connection on the same ports begins
anywhere."""

MAX_DOUBTFUL = 8
"""SYNs that wait for an answer, which shows whether they begin another connection."""

BLOCK = 32
"""Segments whose state is asked for before the first of them is worked on: enough for a
processor to fetch many lines at once, few enough for them to stay in its first cache."""

WEAK_WINDOW_NS = 100_000
"""Copies without an identification of their own (IPv4 identification 0 or IPv6, and no
TCP timestamp) count as copies only this close together: a copy of `-i any` or of a
mirror port comes within microseconds, and a retransmission takes a round trip and more.
Pure ACKs without identification never count as copies, since duplicate ACKs (RFC 5681
2) are alike to the last bit and may come at line rate."""


def aligned(count: int, dtype: np.dtype[np.void]) -> Rows:
    """Return `count` zeroed rows that begin at a cache line.

    Memory is asked for zeroed, so that rows not yet used cost no pages.
    """
    raw = np.zeros(count * dtype.itemsize + CACHE_LINE, np.uint8)
    begin = -raw.ctypes.data % CACHE_LINE
    return raw[begin : begin + count * dtype.itemsize].view(dtype)
