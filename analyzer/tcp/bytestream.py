"""Byte streams: the payload of TCP connections in order, with its map to packets.

Knows connections, order, loss and acknowledgement. Must not know what the bytes mean.
Made by the tcp stage; used by tls, http and websocket, which see every packet of
a connection as at least one row, so that wire bytes can be shared out exactly.
"""

from __future__ import annotations

from typing import Protocol

from analyzer.capture.records import RecordBatch
from analyzer.columns import Rows, empty, row_dtype
from analyzer.findings import Finding
from analyzer.lazy_dataclass import dataclass, field
from analyzer.named_tuple import NamedTuple

# Kinds of a row. GAP rows represent bytes that no reader will ever see.
DATA = 0  # length bytes at start, next in their stream
GAP_LOST = 1  # length bytes never captured, proven by sequence numbers
GAP_CUT = 2  # length bytes on the wire, cut from the capture by its snap length
RETRANSMISSION = 3  # length bytes of [offset, offset + length) sent again
PURE = 4  # no payload: SYN, ACK, window update, probe
FIN = 5  # the direction ends here; comes after its data
RESET = 6  # RST seen, sent by this direction
DUPLICATE = 7  # a packet that the capture holds twice, whole
FRAMING = 8  # span bytes that only a protocol below speaks of: a TLS handshake, a ticket
TWICE = 9  # the receiver says that [offset, offset + length) came once more than it needed
GOES_ON = 10  # the RST before was not of its sender, and both sides go on

WINDOW_UNTOLD, WINDOW_OPEN, WINDOW_CLOSED = 0, 1, 2
"""A row that had to wait says nothing: its packet's window is out of date."""

CHUNK = row_dtype(
    [
        ("packet", "<i8"),
        ("time", "<i8"),  # ns: when the packet was captured
        ("ready", "<i8"),  # ns: when the bytes before it had all arrived
        ("offset", "<i8"),  # place in the stream; its first payload byte is 0
        ("acked", "<i8"),  # stream offset that the packet acknowledges in the OTHER
        # direction (bytes below it have arrived); -1 without ACK
        ("start", "<i8"),  # first byte, in data (DATA only)
        ("direction", "<i4"),  # 2 * slot + side
        ("length", "<i4"),
        ("payload", "<i4"),  # payload bytes of the whole packet on the wire
        ("into", "<i4"),  # where in that payload this row's first byte lies
        ("header_bytes", "<i4"),  # link + ip + tcp bytes of the packet
        ("wire", "<i4"),  # the packet's wire bytes on its first row, 0 on others:
        # summed over a connection's rows they are its wire bytes
        ("kind", "u1"),
        ("flags", "u1"),  # TCP flags, low 8 bits
        ("span", "<i4"),  # bytes of the packet's payload that the row represents: length,
        # and what frames it (a record's header and tag)
        ("done_packet", "<i8"),  # that made the record whole, if it is another; else 0
        ("done_time", "<i8"),  # ns: when it did; good where done_packet is
        ("tls", "<i4"),  # the part of span - length that is TLS; the rest is HTTP/2
        ("link", "<i4"),  # the parts of header_bytes below IP, and of IP
        ("ip", "<i4"),
        ("window", "u1"),  # what its packet says of its sender's window: WINDOW_*
    ]
)
"""One piece of one packet, in stream order per direction.

DATA, GAP_LOST and GAP_CUT rows of a direction have no holes and no overlaps: each
begins at the offset where the one before ended. Bytes held for their turn come when
the hole before them fills, with the `packet` and `time` of their own capture and the
`ready` of the filling. A row of GAP_LOST bears the packet, time, header_bytes 0,
payload 0 and wire 0 of the packet at which the verdict fell. So do rows of TWICE (RFC 2883) and
GOES_ON, whose packet is the other side's, before the rows of that packet. TWICE comes only where
bytes of the direction were sent again.

Rows of the tcp stage have span = length. Where tls or http/2 took a frame away, the row is
shorter than what it stands for, and DATA rows with length 0 and a span are what is left of
a packet in which a record only begins or ends. Byte k of such a row lies at stream offset
offset + k * span // length: `within`.
"""


def within(count: int, span: int, length: int) -> int:
    """Return how many bytes of TCP's stream the first `count` of a row's bytes stand for."""
    return count if span == length else count * span // max(1, length)


CONNECTION = row_dtype(
    [
        ("tcp_stream", "<i8"),  # 0, 1, ... in order of appearance (Wireshark: tcp.stream)
        ("high0", "<u8"),  # side 0's address: the SYN's sender where a SYN or SYN-ACK
        ("low0", "<u8"),  # was seen, else the first sender
        ("high1", "<u8"),
        ("low1", "<u8"),
        ("first_packet", "<i8"),
        ("first_time", "<i8"),  # ns
        ("last_packet", "<i8"),
        ("last_time", "<i8"),
        ("syn_time", "<i8"),  # first SYN; NULL if not seen
        ("synack_time", "<i8"),  # first SYN-ACK; NULL if not seen
        ("established_time", "<i8"),  # the ACK that completes; NULL if not seen
        ("fin_time", "<i8"),  # first FIN; NULL if none
        ("closed_time", "<i8"),  # RST, or the ACK of the second FIN; NULL if neither
        ("port0", "<u2"),
        ("port1", "<u2"),
        ("syn_retries", "<i4"),  # SYNs sent again
        ("version", "u1"),
        ("state", "u1"),  # tcp.lifecycle.State
        ("fin_side", "i1"),  # side of the first FIN; -1 if none
        ("reset_side", "i1"),  # side of the first RST; -1 if none
        ("end", "u1"),  # why its rows leave: END_*
        ("sides_known", "u1"),  # 1: from SYN or SYN-ACK; 0: side 0 is the one that spoke first
        ("timed_out", "u1"),  # 1: data sent again and again (3 times or more) with no
        # answer until the end
    ]
)
"""One TCP connection."""


class Connection(NamedTuple):
    """One row of CONNECTION as Python values, for what comes per connection."""

    tcp_stream: int
    high0: int
    low0: int
    high1: int
    low1: int
    first_packet: int
    first_time: int
    last_packet: int
    last_time: int
    syn_time: int
    synack_time: int
    established_time: int
    fin_time: int
    closed_time: int
    port0: int
    port1: int
    syn_retries: int
    version: int
    state: int
    fin_side: int
    reset_side: int
    end: int
    sides_known: int
    timed_out: int


END_OPEN = 0  # still in progress
END_CLOSED = 1  # FIN both ways, or RST, and the linger is over
END_REUSED = 2  # a new connection took the port pair
END_EVICTED = 3  # max_connections
END_CAPTURE = 4  # the capture ended
END_SPLIT = 5  # another connection on its ports was met in its middle

DIRECTION = row_dtype(
    [
        ("packets", "<i8"),
        ("wire_bytes", "<i8"),
        ("link_bytes", "<i8"),
        ("ip_bytes", "<i8"),
        ("tcp_bytes", "<i8"),
        ("duplicate_bytes", "<i8"),  # whole packets, not in the three above
        ("retransmitted_bytes", "<i8"),  # payload sent again
        ("stream_bytes", "<i8"),  # payload on the wire, once: DATA and GAP_CUT rows
        ("lost_bytes", "<i8"),  # GAP_LOST rows, and what only ACKs prove at the end
        ("cut_bytes", "<i8"),  # GAP_CUT rows
        ("pure_acks", "<i8"),
        ("pure_ack_bytes", "<i8"),
        ("retransmissions", "<i8"),  # segments
        ("out_of_order", "<i8"),  # segments that had to be held
        ("zero_windows", "<i8"),
        ("keep_alives", "<i8"),  # probes
        ("mss", "<i4"),  # announced in this direction's SYN; 0 if not seen
    ]
)
"""What one direction of a connection sent. wire = link + ip + tcp + duplicate +
retransmitted + stream."""


class Lender(Protocol):
    """The lender of slots: the tcp stage."""

    def borrow(self, slot: int) -> int:
        """Return an unused slot with the connection's rows of `slot`."""

    def give_back(self, slot: int) -> None:
        """Take back a borrowed slot, to be used again from the next batch on."""

    def rows(self, name: str) -> Rows:
        """Return the current "links" (CONNECTION) or "sums" (DIRECTION)."""


_COUNTED = ("packets", "lost_bytes", "cut_bytes")


@dataclass(slots=True)
class StreamBatch:
    """Rows of CHUNK over the buffer of the records below.

    Attributes:
        records: the batch below: buffer, and `append`.
        rows: dtype CHUNK, in the order in which they became readable.
        connections: dtype CONNECTION, indexed by slot. A view of the stage's state:
            good until the next push. A slot is used again only after the batch that
            has it in `ended`.
        directions: dtype DIRECTION, indexed by 2 * slot + side. A view as well.
            Packets, wire, header, stream and duplicate bytes and pure ACKs, and
            `last_packet` and `last_time` of `connections`, are filled in when the slot
            is in `ended`; the rest is current.
        opened: slots whose connection appeared in this batch.
        ended: slots whose connection leaves with this batch; its rows are final.
        findings: oddities of TCP; `Finding.slot` says where.
        lender: lends slots for streams within a connection.
    """

    records: RecordBatch
    rows: Rows = field(default_factory=lambda: empty(CHUNK))
    connections: Rows = field(default_factory=lambda: empty(CONNECTION))
    directions: Rows = field(default_factory=lambda: empty(DIRECTION))
    opened: list[int] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    lender: Lender | None = None

    _rows: dict[int, Connection] = field(default_factory=dict)
    _counts: dict[int, tuple[int, int, int]] = field(default_factory=dict)

    def connection(self, slot: int) -> Connection:
        """Return a connection's row as Python values, as of this batch.

        Reading fields of a numpy row one by one costs ten times as much.
        """
        if not self._rows and (self.opened or self.ended):
            # All that are asked about, mostly: one by one takes three times as long.
            slots = list(dict.fromkeys([*self.opened, *self.ended]))
            rows = self.connections.take(slots).tolist()
            self._rows = dict(zip(slots, map(Connection._make, rows), strict=True))
        row = self._rows.get(slot)
        if row is None:
            row = self._rows[slot] = Connection._make(self.connections[slot].tolist())
        return row

    def counts(self, direction: int) -> tuple[int, int, int]:
        """Return packets, lost and cut bytes of a direction of a connection that leaves."""
        if not self._counts and self.ended:
            both = [2 * slot + side for slot in self.ended for side in (0, 1)]
            columns = (self.directions[name][both].tolist() for name in _COUNTED)
            self._counts = dict(zip(both, zip(*columns, strict=True), strict=True))
        found = self._counts.get(direction)
        if found is None:
            sums = self.directions[direction]
            found = int(sums["packets"]), int(sums["lost_bytes"]), int(sums["cut_bytes"])
        return found

    def borrow(self, slot: int) -> int:
        """Return a slot for a stream within the connection in `slot`.

        Its rows begin as those of the connection do, less how that ended; no packet is ever
        looked up there. The borrower fills in the rest, and returns it with the batch of http
        that has it in `ended`.
        """
        assert self.lender is not None
        lent = self.lender.borrow(slot)
        self.connections = self.lender.rows("links")
        self.directions = self.lender.rows("sums")
        self._rows.pop(lent, None)
        return lent

    def give_back(self, slot: int) -> None:
        """Give a borrowed slot back; its rows are good until the next push."""
        assert self.lender is not None
        self.lender.give_back(slot)
