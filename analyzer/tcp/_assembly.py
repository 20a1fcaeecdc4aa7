"""The assembly of TCP streams: segments in, rows of readable bytes out, one pass.

Finds each segment's connection, numbers new ones as Wireshark does, orders payload,
tells copies from retransmissions, and accounts for every byte of every packet. Knows
RFC 9293 and the limits; must not know what the bytes mean. Called by tcp.reassembly,
which owns it. The common case, the next bytes of an open connection or a pure ACK,
stays in C; holes, overlaps, opening and closing may use Python objects.

What rows promise (tests hold all of it):

- `wire` summed over a direction's rows is its wire_bytes, and wire = link + ip + tcp +
  duplicate + retransmitted + stream bytes.
- The DATA, GAP_CUT and RETRANSMISSION rows of one packet tile its payload, `into` to
  `into + length`, exactly once, each with the packet's header_bytes; PURE, FIN and RESET
  rows of a packet with payload have header_bytes 0.
- A packet held for its turn gives its rows when the hole before it fills; if it brings a
  new ACK, a PURE row without costs says so at once.
- An early FIN without payload leaves its costs on a PURE row, and its FIN row comes when
  the stream gets there.
- Payload that has no place in the stream is a RETRANSMISSION row: old bytes, bytes
  behind the FIN, bytes of a RST (RFC 9293 3.5.3), bytes far outside any window.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from typing import Any

import cython
import numpy as np

from analyzer import findings
from analyzer.columns import NULL, Rows
from analyzer.findings import Finding
from analyzer.options import Options
from analyzer.packets.segments import SEGMENT
from analyzer.tcp import bytestream, connections, lifecycle, sequence
from analyzer.tcp.holding import OVERHEAD_BYTES, Held, Origin, Piece

Segment = cython.struct(
    packet=cython.longlong,
    time=cython.longlong,
    source_high=cython.ulonglong,
    source_low=cython.ulonglong,
    destination_high=cython.ulonglong,
    destination_low=cython.ulonglong,
    identity=cython.ulonglong,
    start=cython.longlong,
    captured=cython.int,
    length=cython.int,
    link_bytes=cython.int,
    ip_bytes=cython.int,
    tcp_bytes=cython.int,
    seq=cython.uint,
    ack=cython.uint,
    source_port=cython.ushort,
    destination_port=cython.ushort,
    flags=cython.ushort,
    window=cython.ushort,
    mss=cython.ushort,
    window_scale=cython.schar,
    version=cython.uchar,
    strong_identity=cython.uchar,
)
Chunk = cython.struct(
    packet=cython.longlong,
    time=cython.longlong,
    ready=cython.longlong,
    offset=cython.longlong,
    acked=cython.longlong,
    start=cython.longlong,
    direction=cython.int,
    length=cython.int,
    payload=cython.int,
    into=cython.int,
    header_bytes=cython.int,
    wire=cython.int,
    kind=cython.uchar,
    flags=cython.uchar,
)
Connection = cython.struct(
    tcp_stream=cython.longlong,
    high0=cython.ulonglong,
    low0=cython.ulonglong,
    high1=cython.ulonglong,
    low1=cython.ulonglong,
    first_packet=cython.longlong,
    first_time=cython.longlong,
    last_packet=cython.longlong,
    last_time=cython.longlong,
    syn_time=cython.longlong,
    synack_time=cython.longlong,
    established_time=cython.longlong,
    fin_time=cython.longlong,
    closed_time=cython.longlong,
    port0=cython.ushort,
    port1=cython.ushort,
    syn_retries=cython.int,
    version=cython.uchar,
    state=cython.uchar,
    fin_side=cython.schar,
    reset_side=cython.schar,
    end=cython.uchar,
    sides_known=cython.uchar,
    timed_out=cython.uchar,
)
Direction = cython.struct(
    packets=cython.longlong,
    wire_bytes=cython.longlong,
    link_bytes=cython.longlong,
    ip_bytes=cython.longlong,
    tcp_bytes=cython.longlong,
    duplicate_bytes=cython.longlong,
    retransmitted_bytes=cython.longlong,
    stream_bytes=cython.longlong,
    lost_bytes=cython.longlong,
    cut_bytes=cython.longlong,
    pure_acks=cython.longlong,
    pure_ack_bytes=cython.longlong,
    retransmissions=cython.longlong,
    out_of_order=cython.longlong,
    zero_windows=cython.longlong,
    keep_alives=cython.longlong,
    mss=cython.int,
)
Entry = cython.struct(
    hash=cython.uint,
    slot=cython.int,
)
Slot = cython.struct(
    segments=cython.longlong,
    hash=cython.uint,
    waiting=cython.int,
    touched=cython.uchar,
    left=cython.uchar,
    closing=cython.uchar,
)
Track = cython.struct(
    origin=cython.longlong,
    next=cython.longlong,
    acked=cython.longlong,
    top=cython.longlong,
    fin=cython.longlong,
    fin_packet=cython.longlong,
    fin_time=cython.longlong,
    fin_acked=cython.longlong,
    held_from=cython.longlong,
    mark=cython.longlong,
    first_sent_again=cython.longlong,
    first_lost=cython.longlong,
    first_zero=cython.longlong,
    stray_next=cython.longlong,
    tags=cython.ulonglong,
    isn=cython.longlong,
    unanswered=cython.int,
    stray=cython.int,
    recents=cython.int,
    pieces=cython.int,
    fin_flags=cython.uchar,
    fin_done=cython.uchar,
    based=cython.uchar,
    zero_window=cython.uchar,
)
Recent = cython.struct(
    identity=cython.ulonglong,
    time=cython.longlong,
    seq=cython.uint,
    ack=cython.uint,
    length=cython.int,
)
Delivered = cython.struct(
    offset=cython.longlong,
    position=cython.longlong,
    length=cython.longlong,
)

# C copies of the names in the modules above: a kernel reads a C integer where it would
# else look up a Python object per row.
_NULL = cython.declare(cython.longlong, NULL)
_NEVER = cython.declare(cython.longlong, 2**63 - 1)
_DATA = cython.declare(cython.int, bytestream.DATA)
_GAP_LOST = cython.declare(cython.int, bytestream.GAP_LOST)
_GAP_CUT = cython.declare(cython.int, bytestream.GAP_CUT)
_RETRANSMISSION = cython.declare(cython.int, bytestream.RETRANSMISSION)
_PURE = cython.declare(cython.int, bytestream.PURE)
_FIN_ROW = cython.declare(cython.int, bytestream.FIN)
_RESET = cython.declare(cython.int, bytestream.RESET)
_DUPLICATE = cython.declare(cython.int, bytestream.DUPLICATE)

_FIN = cython.declare(cython.int, 1)
_SYN = cython.declare(cython.int, 2)
_RST = cython.declare(cython.int, 4)
_ACK = cython.declare(cython.int, 16)
_SYN_FIN_RST = cython.declare(cython.int, 7)

_NEW = cython.declare(cython.int, lifecycle.State.NEW)
_SYN_CROSSED = cython.declare(cython.int, lifecycle.State.SYN_CROSSED)
_ESTABLISHED = cython.declare(cython.int, lifecycle.State.ESTABLISHED)
_FIN_BOTH = cython.declare(cython.int, lifecycle.State.FIN_BOTH)
_CLOSED = cython.declare(cython.int, lifecycle.State.CLOSED)
_EVENTS = cython.declare(cython.int, len(lifecycle.Event))
_ON_SYN = cython.declare(cython.int, lifecycle.Event.SYN_0)
_ON_SYNACK = cython.declare(cython.int, lifecycle.Event.SYNACK_0)
_ON_ACK = cython.declare(cython.int, lifecycle.Event.ACK_0)
_ON_FIN = cython.declare(cython.int, lifecycle.Event.FIN_0)
_ON_RST = cython.declare(cython.int, lifecycle.Event.RST_0)
_ON_LAST_ACK = cython.declare(cython.int, lifecycle.Event.LAST_FIN_ACKED)

_END_CLOSED = cython.declare(cython.int, bytestream.END_CLOSED)
_END_REUSED = cython.declare(cython.int, bytestream.END_REUSED)
_END_EVICTED = cython.declare(cython.int, bytestream.END_EVICTED)
_END_CAPTURE = cython.declare(cython.int, bytestream.END_CAPTURE)

_RING = cython.declare(cython.int, connections.RING)
_ARENA = cython.declare(cython.longlong, connections.ARENA_BYTES)
_WINDOW = cython.declare(cython.longlong, connections.WINDOW_BYTES)
_MAX_WINDOW = cython.declare(cython.longlong, sequence.MAX_WINDOW)
_WEAK_WINDOW = cython.declare(cython.longlong, connections.WEAK_WINDOW_NS)

_SEQ_MASK = cython.declare(cython.longlong, 0xFFFFFFFF)
# Larger literals than 32 bits would be Python objects in C too.
_HALF_RING = cython.declare(cython.longlong, 2**31)
_WHOLE_RING = cython.declare(cython.longlong, 2**32)
_LOW_HALF = cython.declare(cython.ulonglong, 0xFFFFFFFF)
_ONES = cython.declare(cython.ulonglong, 0x0101010101010101)
_HIGHS = cython.declare(cython.ulonglong, 0x8080808080808080)
_MASK = 2**64 - 1

_TIMED_OUT_AFTER = cython.declare(cython.int, 3)  # bytestream.CONNECTION.timed_out


def _record(array: Rows) -> Any:
    """Return `array` as the kernel takes it: with fields as attributes, uncompiled."""
    return array if cython.compiled else array.view(np.recarray)


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _u64(value: cython.ulonglong) -> cython.ulonglong:
    """Return `value` modulo 2**64, where C does so by itself."""
    if cython.compiled:
        return value
    return int(value) & _MASK


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _wide(value: cython.longlong) -> cython.longlong:
    """Return `value` as 64 bits, so that no narrow numpy scalar wraps uncompiled."""
    if cython.compiled:
        return value
    return int(value)


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _distance(seq: cython.longlong, origin: cython.longlong) -> cython.longlong:
    """sequence.distance in C."""
    behind: cython.longlong = (seq - origin) & _SEQ_MASK
    if behind >= _HALF_RING:
        behind -= _WHOLE_RING
    return behind


@cython.cfunc
@cython.boundscheck(False)
def _copy(
    target: cython.uchar[::1],
    at: cython.Py_ssize_t,
    source: cython.uchar[::1],
    start: cython.Py_ssize_t,
    count: cython.Py_ssize_t,
) -> cython.int:
    """Copy `count` bytes; one check instead of one per byte, so that C copies in blocks."""
    i: cython.Py_ssize_t
    if at < 0 or start < 0 or at + count > target.shape[0] or start + count > source.shape[0]:
        return 0
    if not cython.compiled:
        target[at : at + count] = source[start : start + count]
        return 0
    for i in range(count):
        target[at + i] = source[start + i]
    return 0


@cython.cclass
class Assembler:
    """All connections, and one pass over a batch of segments.

    Args:
        options: limits.
    """

    segments: Segment[::1]
    data: cython.uchar[::1]
    chunks: Chunk[::1]
    table: Entry[::1]
    slots: Slot[::1]
    links: Connection[::1]
    sums: Direction[::1]
    tracks: Track[::1]
    recents: Recent[::1]
    delivered: Delivered[::1]
    arena: cython.uchar[::1]
    transitions: cython.uchar[::1]
    blank_slot: Slot[::1]
    blank_link: Connection[::1]
    blank_sum: Direction[::1]
    blank_track: Track[::1]
    # the current packet, or the held one whose rows are being written
    packet: cython.longlong
    time: cython.longlong
    row_acked: cython.longlong
    row_flags: cython.int
    header: cython.int
    payload: cython.int
    wire: cython.int
    news: cython.bint
    # the pass
    row_count: cython.Py_ssize_t
    capacity: cython.Py_ssize_t
    side: cython.Py_ssize_t
    hashed: cython.uint
    clock: cython.longlong
    due: cython.longlong
    head: cython.longlong
    streams: cython.longlong
    mapped: cython.Py_ssize_t
    fresh: cython.Py_ssize_t
    held_total: cython.longlong
    # limits
    max_connections: cython.Py_ssize_t
    max_held: cython.longlong
    max_held_total: cython.longlong
    lost_after: cython.longlong
    copy_window: cython.longlong
    linger: cython.longlong
    keep_first: cython.bint
    key0: cython.ulonglong
    key1: cython.ulonglong
    key2: cython.ulonglong
    # Python objects of the rare paths
    records: Any
    arrays: Any
    held: Any
    free: Any
    retired: Any
    open_streams: Any
    left_streams: Any
    closing: Any
    opened: Any
    ended: Any
    found: Any

    def __init__(self, options: Options) -> None:
        self.max_connections = max(1, options.max_connections)
        self.max_held = options.max_held_bytes
        self.max_held_total = options.max_held_bytes_total
        self.lost_after = max(1, options.lost_after_segments)
        self.copy_window = int(options.duplicate_window_s * 1e9)
        self.linger = int(options.closed_linger_s * 1e9)
        self.keep_first = options.overlap_policy == "first"
        # Keyed, so that no traffic can be made that fills one place of the table.
        self.key0 = secrets.randbits(64) | 1
        self.key1 = secrets.randbits(64) | 1
        self.key2 = secrets.randbits(64) | 1
        self.packet = self.time = self.row_acked = 0
        self.row_flags = self.header = self.payload = self.wire = 0
        self.news = False
        self.row_count = self.capacity = self.side = 0
        self.hashed = 0
        self.clock = 0
        self.due = _NEVER
        self.head = self.streams = self.held_total = 0
        self.mapped = self.fresh = 0
        self.records = None
        self.held = {}
        self.free = []
        self.retired = []
        self.open_streams = OrderedDict()
        self.left_streams = OrderedDict()
        self.closing = OrderedDict()
        self.opened = []
        self.ended = []
        self.found = []
        self.data = np.zeros(0, np.uint8)
        self.arena = np.zeros(_ARENA, np.uint8)
        self.transitions = lifecycle.transition_array()
        self.segments = _record(np.zeros(0, SEGMENT))
        self._blanks()
        self.arrays = {
            "chunks": np.zeros(0, bytestream.CHUNK),
            "table": np.zeros(1024, connections.ENTRY),
            "slots": np.zeros(0, connections.SLOT),
            "links": np.zeros(0, bytestream.CONNECTION),
            "sums": np.zeros(0, bytestream.DIRECTION),
            "tracks": np.zeros(0, connections.TRACK),
            "recents": np.zeros(0, connections.RECENT),
            "delivered": np.zeros(0, connections.DELIVERED),
        }
        self._bind()

    def _blanks(self) -> None:
        """Make the rows that a new connection begins with."""
        self.blank_slot = _record(np.zeros(1, connections.SLOT))
        self.blank_sum = _record(np.zeros(1, bytestream.DIRECTION))
        link = np.zeros(1, bytestream.CONNECTION)
        for name in ("syn_time", "synack_time", "established_time", "fin_time", "closed_time"):
            link[name] = NULL
        link["fin_side"] = link["reset_side"] = -1
        self.blank_link = _record(link)
        track = np.zeros(1, connections.TRACK)
        for name in ("fin", "held_from", "mark", "isn"):
            track[name] = -1
        self.blank_track = _record(track)

    def _bind(self) -> None:
        """Take views of all growing arrays, after any of them was replaced."""
        arrays = self.arrays
        self.chunks = _record(arrays["chunks"])
        self.table = _record(arrays["table"])
        self.slots = _record(arrays["slots"])
        self.links = _record(arrays["links"])
        self.sums = _record(arrays["sums"])
        self.tracks = _record(arrays["tracks"])
        self.recents = _record(arrays["recents"])
        self.delivered = _record(arrays["delivered"])
        self.capacity = len(arrays["chunks"])

    # --- what the owner calls

    def begin(self, segments: Rows, records: Any) -> None:
        """Begin a batch: segments over `records.data`."""
        self.free.extend(self.retired)
        self.retired = []
        self.opened = []
        self.ended = []
        self.found = []
        self.records = records
        self.data = records.data
        self.segments = _record(segments)
        self.arrays["chunks"] = np.empty(len(segments) + len(segments) // 4 + 16, bytestream.CHUNK)
        self.row_count = 0
        self._bind()

    def run(self) -> None:
        """Take all segments of the batch."""
        i: cython.Py_ssize_t
        for i in range(self.segments.shape[0]):
            self._segment(i)

    def end_all(self) -> None:
        """End every connection, in order of tcp_stream: the capture is over."""
        for stream in sorted(self.open_streams):
            slot: cython.Py_ssize_t = self.open_streams[stream]
            self._end(slot, _END_CLOSED if self.slots[slot].closing else _END_CAPTURE)

    def rows(self, name: str) -> Rows:
        """Return the batch's chunks, or the links (CONNECTION) or sums (DIRECTION)."""
        array: Rows = self.arrays[name]
        return array[: self.row_count] if name == "chunks" else array

    def opened_slots(self) -> list[int]:
        """Return the slots of the connections that appeared in this batch."""
        opened: list[int] = self.opened
        return opened

    def ended_slots(self) -> list[int]:
        """Return the slots of the connections whose rows are final."""
        ended: list[int] = self.ended
        return ended

    def findings(self) -> list[Finding]:
        """Return the batch's findings."""
        found: list[Finding] = self.found
        return found

    # --- lookup

    @cython.cfunc
    @cython.inline
    @cython.exceptval(check=False)
    def _mixed(
        self, high: cython.ulonglong, low: cython.ulonglong, port: cython.ulonglong
    ) -> cython.ulonglong:
        mixed: cython.ulonglong
        mixed = _u64(_u64(high) * self.key0 + _u64(low) * self.key1 + _u64(port) * self.key2)
        mixed ^= mixed >> 32
        mixed = _u64(mixed * self.key0)
        return mixed ^ (mixed >> 29)

    @cython.cfunc
    def _find(self, i: cython.Py_ssize_t) -> cython.Py_ssize_t:
        """Return the slot of segment `i`'s connection, -1 if none; sets hashed and side."""
        both: cython.ulonglong = _u64(
            self._mixed(
                self.segments[i].source_high,
                self.segments[i].source_low,
                self.segments[i].source_port,
            )
            + self._mixed(
                self.segments[i].destination_high,
                self.segments[i].destination_low,
                self.segments[i].destination_port,
            )
        )
        wanted: cython.uint = (both ^ (both >> 32)) & _LOW_HALF
        mask: cython.Py_ssize_t = self.table.shape[0] - 1
        at: cython.Py_ssize_t = wanted & mask
        s: cython.Py_ssize_t
        self.hashed = wanted
        while self.table[at].slot != 0:
            if self.table[at].hash == wanted:
                s = _wide(self.table[at].slot) - 1
                if self._is_between(i, s):
                    return s
            at = (at + 1) & mask
        return -1

    @cython.cfunc
    def _is_between(self, i: cython.Py_ssize_t, s: cython.Py_ssize_t) -> cython.bint:
        """Say whether segment `i` has the ends of connection `s`; sets side."""
        if self.segments[i].version != self.links[s].version:
            return False
        if (
            self.segments[i].source_port == self.links[s].port0
            and self.segments[i].destination_port == self.links[s].port1
            and self.segments[i].source_low == self.links[s].low0
            and self.segments[i].destination_low == self.links[s].low1
            and self.segments[i].source_high == self.links[s].high0
            and self.segments[i].destination_high == self.links[s].high1
        ):
            self.side = 0
            return True
        if (
            self.segments[i].source_port == self.links[s].port1
            and self.segments[i].destination_port == self.links[s].port0
            and self.segments[i].source_low == self.links[s].low1
            and self.segments[i].destination_low == self.links[s].low0
            and self.segments[i].source_high == self.links[s].high1
            and self.segments[i].destination_high == self.links[s].high0
        ):
            self.side = 1
            return True
        return False

    @cython.cfunc
    def _map(self, s: cython.Py_ssize_t) -> cython.int:
        """Enter slot `s` in the table under its hash."""
        mask: cython.Py_ssize_t = self.table.shape[0] - 1
        at: cython.Py_ssize_t = _wide(self.slots[s].hash) & mask
        while self.table[at].slot != 0:
            at = (at + 1) & mask
        self.table[at].hash = self.slots[s].hash
        self.table[at].slot = s + 1
        return 0

    @cython.cfunc
    def _unmap(self, s: cython.Py_ssize_t) -> cython.int:
        """Take slot `s` out of the table; entries behind it move up."""
        mask: cython.Py_ssize_t = self.table.shape[0] - 1
        hole: cython.Py_ssize_t = _wide(self.slots[s].hash) & mask
        at: cython.Py_ssize_t
        home: cython.Py_ssize_t
        while self.table[hole].slot != s + 1:
            hole = (hole + 1) & mask
        at = (hole + 1) & mask
        while self.table[at].slot != 0:
            home = _wide(self.table[at].hash) & mask
            # An entry may move into the hole unless its home lies behind the hole.
            if ((at - home) & mask) >= ((at - hole) & mask):
                self.table[hole] = self.table[at]
                hole = at
            at = (at + 1) & mask
        self.table[hole].slot = 0
        self.mapped -= 1
        self.left_streams.pop(self.links[s].tcp_stream, None)
        self.retired.append(s)
        return 0

    # --- opening and ending

    @cython.cfunc
    def _new_slot(self) -> cython.Py_ssize_t:
        """Return an unused slot, growing the arrays where there is none."""
        s: cython.Py_ssize_t
        if self.free:
            s = self.free.pop()
            return s
        s = self.fresh
        self.fresh += 1
        if s >= self.slots.shape[0]:
            room: int = max(256, 2 * len(self.slots))
            for name, each in _PER_SLOT.items():
                old: Rows = self.arrays[name]
                bigger = np.zeros(room * each, old.dtype)
                bigger[: len(old)] = old
                self.arrays[name] = bigger
            self._bind()
        return s

    @cython.cfunc
    def _grow_table(self) -> cython.int:
        """Double the table, so that it is never more than half full."""
        slot: cython.Py_ssize_t
        old: Rows = self.arrays["table"]
        self.arrays["table"] = np.zeros(2 * len(old), connections.ENTRY)
        self._bind()
        for number in old["slot"][old["slot"] > 0].tolist():
            slot = number - 1
            self._map(slot)
        return 0

    @cython.cfunc
    def _open(self, i: cython.Py_ssize_t) -> cython.Py_ssize_t:
        """Begin a connection with segment `i`; return its slot."""
        s: cython.Py_ssize_t
        hashed: cython.uint = self.hashed
        syn: cython.int = self._flags(i) & (_SYN | _ACK)
        if self.mapped >= self.max_connections:
            self._make_room(i)
        s = self._new_slot()
        if 2 * (self.mapped + 1) > self.table.shape[0]:
            self._grow_table()
        self.slots[s] = self.blank_slot[0]
        self.links[s] = self.blank_link[0]
        self.sums[2 * s] = self.blank_sum[0]
        self.sums[2 * s + 1] = self.blank_sum[0]
        self.tracks[2 * s] = self.blank_track[0]
        self.tracks[2 * s + 1] = self.blank_track[0]
        self.slots[s].hash = hashed
        # RFC 9293 3.5: the answer to a SYN is a SYN-ACK, so its receiver opened.
        self.side = 1 if syn == (_SYN | _ACK) else 0
        self.links[s].sides_known = 1 if syn & _SYN else 0
        self._name_ends(i, s)
        self.links[s].tcp_stream = self.streams
        self.links[s].version = self.segments[i].version
        self.links[s].first_packet = self.segments[i].packet
        self.links[s].first_time = self.segments[i].time
        self.streams += 1
        self.mapped += 1
        self._map(s)
        self.open_streams[self.links[s].tcp_stream] = s
        self.opened.append(s)
        return s

    @cython.cfunc
    def _name_ends(self, i: cython.Py_ssize_t, s: cython.Py_ssize_t) -> cython.int:
        if self.side == 0:
            self.links[s].high0 = self.segments[i].source_high
            self.links[s].low0 = self.segments[i].source_low
            self.links[s].port0 = self.segments[i].source_port
            self.links[s].high1 = self.segments[i].destination_high
            self.links[s].low1 = self.segments[i].destination_low
            self.links[s].port1 = self.segments[i].destination_port
        else:
            self.links[s].high1 = self.segments[i].source_high
            self.links[s].low1 = self.segments[i].source_low
            self.links[s].port1 = self.segments[i].source_port
            self.links[s].high0 = self.segments[i].destination_high
            self.links[s].low0 = self.segments[i].destination_low
            self.links[s].port0 = self.segments[i].destination_port
        return 0

    @cython.cfunc
    def _make_room(self, i: cython.Py_ssize_t) -> cython.int:
        """Let a connection go: the first that has left, else one that is idle.

        Idle ones are found by second chance: the oldest that has had no packet since
        the last search passed it. The order is that of tcp_stream, not of slots, so
        that it depends on packets only.
        """
        s: cython.Py_ssize_t
        if self.left_streams:
            s = next(iter(self.left_streams.values()))
            self._unmap(s)
            return 0
        while True:
            stream, number = next(iter(self.open_streams.items()))
            s = number
            if self.slots[s].touched == 0:
                break
            self.slots[s].touched = 0
            self.open_streams.move_to_end(stream)
        self._end(s, _END_EVICTED)
        self._unmap(s)
        self._note(
            findings.TCP_CONNECTION_LIMIT, s, self.segments[i].packet, f"tcp.stream {stream}"
        )
        return 0

    @cython.cfunc
    def _again(self, i: cython.Py_ssize_t, s: cython.Py_ssize_t) -> cython.Py_ssize_t:
        """Decide on a SYN, or a segment of a connection that has left: the slot, or -1.

        As Wireshark does: a SYN whose sequence number is not the one that its sender
        is known to have begun with opens a new connection on the same ports.
        """
        d: cython.Py_ssize_t = 2 * s + self.side
        isn: cython.longlong = self.tracks[d].isn
        if self._flags(i) & (_SYN | _ACK) == _SYN and isn >= 0 and self.segments[i].seq != isn:
            if self.slots[s].left == 0:
                self._end(s, _END_REUSED)
            self._unmap(s)
            return self._open(i)
        if self.slots[s].left == 0:
            return s
        self._reckon_isn(i, d)
        self._note(findings.TCP_LATE, s, self.segments[i].packet, 1)
        return -1

    @cython.cfunc
    def _reckon_isn(self, i: cython.Py_ssize_t, d: cython.Py_ssize_t) -> cython.int:
        """Keep what Wireshark takes for the initial sequence numbers of both sides.

        The first segment decides, and every SYN-ACK does so again.
        """
        flags: cython.int = self._flags(i)
        seq: cython.longlong = _wide(self.segments[i].seq)
        if flags & (_SYN | _ACK) == (_SYN | _ACK):
            self.tracks[d].isn = seq
        elif self.tracks[d].isn < 0:
            self.tracks[d].isn = (seq - (0 if flags & _SYN else 1)) & _SEQ_MASK
        if self.tracks[d ^ 1].isn < 0 and flags & _ACK:
            self.tracks[d ^ 1].isn = (_wide(self.segments[i].ack) - 1) & _SEQ_MASK
        return 0

    @cython.cfunc
    def _close(self, s: cython.Py_ssize_t) -> cython.int:
        """Let a finished connection wait for late packets."""
        due: cython.longlong = self.clock + self.linger
        if self.slots[s].closing:
            return 0
        self.slots[s].closing = 1
        self.closing[self.links[s].tcp_stream] = (due, s)
        if len(self.closing) == 1:
            self.due = due
        return 0

    @cython.cfunc
    def _let_go(self) -> cython.int:
        """End the connections whose wait is over, in the order in which they closed."""
        s: cython.Py_ssize_t
        while self.due <= self.clock:
            s = next(iter(self.closing.values()))[1]
            self._end(s, _END_CLOSED)
        return 0

    @cython.cfunc
    def _end(self, s: cython.Py_ssize_t, reason: cython.int) -> cython.int:
        """Settle what is held and say that the connection's rows are final."""
        d: cython.Py_ssize_t
        kept = self._save()
        self.packet = self.links[s].last_packet
        self.time = self.links[s].last_time
        for d in range(2 * s, 2 * s + 2):
            self._flush(d)
            if self.tracks[d].unanswered >= _TIMED_OUT_AFTER:
                self.links[s].timed_out = 1
            self._summarise(d)
        self._load(kept)
        self.links[s].end = reason
        self.slots[s].left = 1
        stream = self.links[s].tcp_stream
        self.open_streams.pop(stream, None)
        self.left_streams[stream] = s
        if self.closing.pop(stream, None) is not None:
            self.due = next(iter(self.closing.values()))[0] if self.closing else _NEVER
        self.ended.append(s)
        return 0

    @cython.cfunc
    def _flush(self, d: cython.Py_ssize_t) -> cython.int:
        """Settle the holes of a direction that ends."""
        top: cython.longlong
        fin: cython.longlong = self.tracks[d].fin
        while self.tracks[d].held_from >= 0 and (fin < 0 or self.tracks[d].held_from < fin):
            self._lose(d, self.tracks[d].held_from)
            self._drain(d)
        self._refuse_held(d)
        top = fin if fin >= 0 else self.tracks[d].acked
        # One byte more than was seen may be the number of a FIN that was not captured:
        # that proves nothing.
        if fin < 0 and top == self.tracks[d].next + 1:
            return 0
        if self.tracks[d].based and top > self.tracks[d].next:
            self._lose(d, top)
        self._reach_fin(d)
        return 0

    @cython.cfunc
    def _summarise(self, d: cython.Py_ssize_t) -> cython.int:
        """Report once per direction what would else be a finding per packet."""
        s: cython.Py_ssize_t = d >> 1
        if self.sums[d].lost_bytes:
            self._note_side(
                findings.TCP_LOST, s, self.tracks[d].first_lost, self.sums[d].lost_bytes, d
            )
        if self.sums[d].retransmissions:
            self._note_side(
                findings.TCP_RETRANSMISSIONS,
                s,
                self.tracks[d].first_sent_again,
                self.sums[d].retransmissions,
                d,
            )
        if self.sums[d].zero_windows:
            self._note_side(
                findings.TCP_ZERO_WINDOW, s, self.tracks[d].first_zero, self.sums[d].zero_windows, d
            )
        return 0

    def _note(self, kind: Any, slot: int, packet: int, detail: Any) -> None:
        self.found.append(Finding(kind, slot=slot, packet=int(packet), detail=detail))

    def _note_side(self, kind: Any, slot: int, packet: int, detail: Any, direction: int) -> None:
        self.found.append(
            Finding(kind, slot=slot, packet=int(packet), detail=int(detail), direction=direction)
        )

    # --- one segment

    @cython.cfunc
    def _segment(self, i: cython.Py_ssize_t) -> cython.int:
        s: cython.Py_ssize_t
        d: cython.Py_ssize_t
        flags: cython.int = self._flags(i)
        length: cython.int = self.segments[i].length
        if length < 0:
            length = 0
        if self.segments[i].time != _NULL:
            self.clock = _wide(self.segments[i].time)
            if self.due <= self.clock:
                self._let_go()
        s = self._find(i)
        if s < 0:
            s = self._open(i)
        elif self.slots[s].left or (flags & (_SYN | _ACK)) == _SYN:
            s = self._again(i, s)
            if s < 0:
                return 0
        d = 2 * s + self.side
        self._present(i, length)
        self.sums[d].packets += 1
        self.sums[d].wire_bytes += self.wire
        self.links[s].last_packet = self.packet
        self.links[s].last_time = self.time
        self.slots[s].touched = 1
        if self._is_copy(i, d):
            self.sums[d].duplicate_bytes += self.wire
            self._row(_DUPLICATE, d, self._place(i, d), length, 0, 0, self.time)
            return 0
        self.sums[d].link_bytes += self.segments[i].link_bytes
        self.sums[d].ip_bytes += self.segments[i].ip_bytes
        self.sums[d].tcp_bytes += self.segments[i].tcp_bytes
        self.slots[s].segments += 1
        self.tracks[d ^ 1].unanswered = 0
        if flags & _SYN or self.tracks[d].isn < 0 or self.tracks[d ^ 1].isn < 0:
            self._reckon_isn(i, d)
        if flags & _ACK:
            self.row_acked = self._acknowledge(i, d ^ 1, flags)
        if self.segments[i].window == 0:
            self._window_closed(d, flags)
        else:
            self.tracks[d].zero_window = 0
        self._take(i, s, d, flags, length)
        if self.slots[s].waiting:
            self._judge(s)
        return 0

    @cython.cfunc
    @cython.inline
    @cython.exceptval(check=False)
    def _flags(self, i: cython.Py_ssize_t) -> cython.int:
        """Return the TCP flags of segment `i`; numpy has a `flags` of its own."""
        if cython.compiled:
            return self.segments[i].flags
        return int(self.segments[i]["flags"])

    @cython.cfunc
    @cython.inline
    def _present(self, i: cython.Py_ssize_t, length: cython.int) -> cython.int:
        """Make segment `i` the packet whose rows are written."""
        self.packet = _wide(self.segments[i].packet)
        self.time = _wide(self.segments[i].time)
        self.row_acked = -1
        self.row_flags = self._flags(i) & 0xFF
        self.header = (
            _wide(self.segments[i].link_bytes)
            + self.segments[i].ip_bytes
            + self.segments[i].tcp_bytes
        )
        self.payload = length
        self.wire = self.header + length
        self.news = False
        return 0

    @cython.cfunc
    def _take(
        self,
        i: cython.Py_ssize_t,
        s: cython.Py_ssize_t,
        d: cython.Py_ssize_t,
        flags: cython.int,
        length: cython.int,
    ) -> cython.int:
        """Give a segment's rows: the common cases here, the rest in `_take_slowly`."""
        place: cython.longlong
        captured: cython.int
        if (
            self.links[s].state != _ESTABLISHED
            and flags & (_SYN | _RST | _ACK) == _ACK
            and (self.row_acked >= 0 or self.tracks[d ^ 1].based == 0)
        ):
            self._event(s, _ON_ACK + (d & 1), d & 1)
        if flags & _SYN_FIN_RST:
            return self._take_slowly(i, s, d, flags, length)
        if length == 0:
            self.sums[d].pure_acks += 1
            self.sums[d].pure_ack_bytes += self.wire
            if self.tracks[d].based and self._place(i, d) == self.tracks[d].next - 1:
                self.sums[d].keep_alives += 1
            self._row(_PURE, d, self.tracks[d].next, 0, 0, 0, self.time)
            return 0
        if self.tracks[d].based and self.tracks[d].held_from < 0 and self.tracks[d].fin < 0:
            place = self._place(i, d)
            if place == self.tracks[d].next:
                captured = self._readable(i, length)
                self._deliver(d, length, 0, self.segments[i].start, captured, self.time)
                return 0
        return self._take_slowly(i, s, d, flags, length)

    @cython.cfunc
    @cython.inline
    def _place(self, i: cython.Py_ssize_t, d: cython.Py_ssize_t) -> cython.longlong:
        """Return the stream offset of segment `i`'s first payload byte.

        RFC 9293 3.4: a SYN occupies the sequence number before the first data octet.
        """
        seq: cython.longlong = _wide(self.segments[i].seq)
        near: cython.longlong = self.tracks[d].next
        if self.tracks[d].based == 0:
            return 0
        if self._flags(i) & _SYN:
            seq += 1
        return near + _distance(seq, self.tracks[d].origin + near)

    @cython.cfunc
    @cython.inline
    def _readable(self, i: cython.Py_ssize_t, length: cython.int) -> cython.int:
        """Return how many payload bytes can be read: captured, if that is possible."""
        captured: cython.int = self.segments[i].captured
        start: cython.longlong = _wide(self.segments[i].start)
        if captured > length:
            captured = length
        if start < 0 or captured < 0 or start + captured > self.data.shape[0]:
            return 0
        return captured

    @cython.cfunc
    def _is_copy(self, i: cython.Py_ssize_t, d: cython.Py_ssize_t) -> cython.bint:
        """Say whether segment `i` is a packet seen before; remember it if it is not."""
        identity: cython.ulonglong = _u64(self.segments[i].identity)
        tags: cython.ulonglong = _u64(self.tracks[d].tags)
        tag: cython.ulonglong = identity >> 56
        lane: cython.ulonglong = 0xFF
        met: cython.ulonglong = tags ^ (tag * _ONES)
        k: cython.int = _wide(self.tracks[d].recents) & (_RING - 1)
        at: cython.Py_ssize_t = d * _RING + k
        # A byte of `met` is 0 where the tag agrees; this finds a zero byte.
        if (met - _ONES) & ~met & _HIGHS and self._is_recent(i, d, identity):
            return True
        self.recents[at].identity = identity
        self.recents[at].time = self.segments[i].time
        self.recents[at].seq = self.segments[i].seq
        self.recents[at].ack = self.segments[i].ack
        self.recents[at].length = self.payload
        lane = lane << (8 * k)
        self.tracks[d].tags = (tags & ~lane) | (tag << (8 * k))
        self.tracks[d].recents = (
            _RING + ((self.tracks[d].recents + 1) & (_RING - 1))
            if (self.tracks[d].recents >= _RING - 1)
            else self.tracks[d].recents + 1
        )
        return False

    @cython.cfunc
    def _is_recent(
        self, i: cython.Py_ssize_t, d: cython.Py_ssize_t, identity: cython.ulonglong
    ) -> cython.bint:
        """Compare with the recent segments of the direction, byte tags agreeing."""
        k: cython.int
        at: cython.Py_ssize_t
        apart: cython.longlong
        window: cython.longlong = self.copy_window
        count: cython.int = min(self.tracks[d].recents, _RING)
        if self.segments[i].strong_identity == 0:
            # See connections.WEAK_WINDOW_NS.
            if self.payload == 0 and self.row_flags & _SYN_FIN_RST == 0:
                return False
            if self.time == _NULL:
                return False
            window = min(window, _WEAK_WINDOW)
        for k in range(count):
            at = d * _RING + k
            if (
                self.recents[at].identity == identity
                and self.recents[at].seq == self.segments[i].seq
                and self.recents[at].ack == self.segments[i].ack
                and self.recents[at].length == self.payload
                and (self.recents[at].time == _NULL) == (self.time == _NULL)
            ):
                apart = self.time - _wide(self.recents[at].time)
                if -window <= apart <= window:
                    return True
        return False

    @cython.cfunc
    def _acknowledge(
        self, i: cython.Py_ssize_t, o: cython.Py_ssize_t, flags: cython.int
    ) -> cython.longlong:
        """Note what segment `i` acknowledges of direction `o`; return it, -1 for nothing."""
        reached: cython.longlong
        near: cython.longlong
        s: cython.Py_ssize_t = o >> 1
        if self.tracks[o].based == 0:
            if (flags & (_SYN | _RST)) != _SYN:
                return -1
            # RFC 9293 3.10.7.3: a SYN-ACK acknowledges the SYN, so the peer's data
            # begins there.
            self.tracks[o].origin = _wide(self.segments[i].ack)
            self.tracks[o].based = 1
            return 0
        near = self.tracks[o].next
        reached = near + _distance(_wide(self.segments[i].ack), self.tracks[o].origin + near)
        if reached < 0 or reached > near + _MAX_WINDOW:
            return -1
        if flags & _RST:
            # Stacks fill the ACK field of a RST with all kinds of things: no proof.
            return reached if reached <= near else -1
        if self.tracks[o].fin >= 0 and reached > self.tracks[o].fin:
            reached = self.tracks[o].fin
            if self.links[s].state == _FIN_BOTH and self.links[s].fin_side != (o & 1):
                self._event(s, _ON_LAST_ACK, (o & 1) ^ 1)
        if reached > self.tracks[o].acked:
            self.tracks[o].acked = reached
            self.news = True
        return reached

    @cython.cfunc
    def _window_closed(self, d: cython.Py_ssize_t, flags: cython.int) -> cython.int:
        if flags & (_SYN | _RST) or self.tracks[d].zero_window:
            return 0
        self.tracks[d].zero_window = 1
        self.sums[d].zero_windows += 1
        if self.sums[d].zero_windows == 1:
            self.tracks[d].first_zero = self.packet
        return 0

    @cython.cfunc
    def _event(self, s: cython.Py_ssize_t, event: cython.int, side: cython.int) -> cython.int:
        """Move the connection's state on, with the times that belong to the change."""
        old: cython.int = self.links[s].state
        new: cython.int = self.transitions[old * _EVENTS + event]
        self.links[s].state = new
        if new == old:
            return 0
        if new == _ESTABLISHED and old != _NEW and (side == 0 or old == _SYN_CROSSED):
            self.links[s].established_time = self.time
        if new == _CLOSED:
            self.links[s].closed_time = self.time
        if new >= _FIN_BOTH:
            self._close(s)
        return 0

    # --- the rare segments

    @cython.cfunc
    def _take_slowly(
        self,
        i: cython.Py_ssize_t,
        s: cython.Py_ssize_t,
        d: cython.Py_ssize_t,
        flags: cython.int,
        length: cython.int,
    ) -> cython.int:
        place: cython.longlong
        captured: cython.int = self._readable(i, length)
        start: cython.longlong = _wide(self.segments[i].start)
        if flags & _RST:
            self._reset(s, d, self._place(i, d), length)
            return 0
        if flags & _SYN:
            self._syn(i, s, d, flags)
        if self.tracks[d].based == 0:
            self.tracks[d].origin = _wide(self.segments[i].seq)
            self.tracks[d].based = 1
        place = self._place(i, d)
        if length:
            self._payload(d, place, length, start, captured)
        if flags & _FIN:
            self._fin(s, d, place + length)
        elif length == 0:
            self._row(_PURE, d, self.tracks[d].next, 0, 0, 0, self.time)
        return 0

    @cython.cfunc
    def _reset(
        self, s: cython.Py_ssize_t, d: cython.Py_ssize_t, place: cython.longlong, length: cython.int
    ) -> cython.int:
        side: cython.int = d & 1
        if self.links[s].reset_side < 0:
            self.links[s].reset_side = side
            if self.links[s].closed_time == _NULL:
                self.links[s].closed_time = self.time
        self._event(s, _ON_RST + side, side)
        if length:
            # RFC 9293 3.5.3 lets a RST carry data: a diagnosis, not part of the stream.
            self._sent_again(d, place, length, 0)
            self.header = 0
        self._row(_RESET, d, self.tracks[d].next, 0, 0, 0, self.time)
        return 0

    @cython.cfunc
    def _syn(
        self, i: cython.Py_ssize_t, s: cython.Py_ssize_t, d: cython.Py_ssize_t, flags: cython.int
    ) -> cython.int:
        """Take the opening of one side: where its stream begins, and the times."""
        side: cython.int = d & 1
        base: cython.longlong = (_wide(self.segments[i].seq) + 1) & _SEQ_MASK
        untouched: cython.bint = self.tracks[d].next == 0 and self.tracks[d].held_from < 0
        # Another SYN-ACK may replace one that nobody has used yet.
        if self.tracks[d].based == 0 or (untouched and self.tracks[d].fin < 0):
            self.tracks[d].origin = base
            self.tracks[d].based = 1
        if self.segments[i].mss:
            self.sums[d].mss = self.segments[i].mss
        if flags & _ACK:
            if self.links[s].synack_time == _NULL:
                self.links[s].synack_time = self.time
            self._event(s, _ON_SYNACK + side, side)
            return 0
        if self.links[s].syn_time == _NULL:
            self.links[s].syn_time = self.time
        elif side == 0:
            self.links[s].syn_retries += 1
        self._event(s, _ON_SYN + side, side)
        return 0

    @cython.cfunc
    def _fin(self, s: cython.Py_ssize_t, d: cython.Py_ssize_t, at: cython.longlong) -> cython.int:
        """Take a FIN that stands behind the byte before stream offset `at`."""
        side: cython.int = d & 1
        believed: cython.bint = (
            self.tracks[d].fin < 0
            and at >= self.tracks[d].next
            and at <= self._reference(d) + _WINDOW
        )
        if believed:
            self.tracks[d].fin = at
            self.tracks[d].fin_packet = self.packet
            self.tracks[d].fin_time = self.time
            self.tracks[d].fin_acked = self.row_acked
            self.tracks[d].fin_flags = self.row_flags
            if self.tracks[d].acked > at:
                self.tracks[d].acked = at
            if self.links[s].fin_time == _NULL:
                self.links[s].fin_time = self.time
                self.links[s].fin_side = side
            self._event(s, _ON_FIN + side, side)
        if self.payload:
            self.header = 0
            if believed:
                self._reach_fin(d)
            return 0
        if believed and at == self.tracks[d].next:
            self.tracks[d].fin_done = 1
            self._row(_FIN_ROW, d, at, 0, 0, 0, self.time)
            self._refuse_held(d)
        else:
            self._row(_PURE, d, self.tracks[d].next, 0, 0, 0, self.time)
        return 0

    @cython.cfunc
    def _reach_fin(self, d: cython.Py_ssize_t) -> cython.int:
        """Write the FIN row if the stream has come to it."""
        if self.tracks[d].fin_done or self.tracks[d].fin != self.tracks[d].next:
            return 0
        self.tracks[d].fin_done = 1
        now: cython.longlong = self.time
        kept = self._save()
        self.packet = self.tracks[d].fin_packet
        self.time = self.tracks[d].fin_time
        self.row_acked = self.tracks[d].fin_acked
        self.row_flags = self.tracks[d].fin_flags
        self.header = self.payload = self.wire = 0
        self._row(_FIN_ROW, d, self.tracks[d].fin, 0, 0, 0, now)
        self._load(kept)
        self._refuse_held(d)
        return 0

    @cython.cfunc
    def _reference(self, d: cython.Py_ssize_t) -> cython.longlong:
        """Return the furthest stream offset that is believed to exist."""
        furthest: cython.longlong = self.tracks[d].next
        if self.tracks[d].acked > furthest:
            furthest = self.tracks[d].acked
        if self.tracks[d].top > furthest:
            furthest = self.tracks[d].top
        return furthest

    @cython.cfunc
    def _payload(
        self,
        d: cython.Py_ssize_t,
        place: cython.longlong,
        length: cython.int,
        start: cython.longlong,
        captured: cython.int,
    ) -> cython.int:
        """Sort payload at stream offset `place` into old, next, early and impossible."""
        end: cython.longlong = place + length
        into: cython.longlong = 0
        old: cython.longlong
        beyond: cython.longlong
        fin: cython.longlong = self.tracks[d].fin
        if self._is_stray(d, place, length):
            self._sent_again(d, place, length, 0)
            return 0
        if fin >= 0 and end > fin:
            # RFC 9293 3.6: FIN means "I have no more data to send".
            beyond = max(place, fin)
            self._note_side(findings.TCP_DATA_AFTER_FIN, d >> 1, self.packet, end - beyond, d)
            self._sent_again(d, beyond, end - beyond, beyond - place)
            end = beyond
        if place < end and place < self.tracks[d].next:
            old = min(end, self.tracks[d].next) - place
            self._count_again(d, place, old, end)
            self._compare(d, place, start, min(captured, old))
            self._sent_again(d, place, old, 0)
            into = old
        while True:
            if place + into >= end:
                return 0
            old = self.tracks[d].next - (place + into)
            if old > 0:
                # A hole was given up to make room, and took part of this with it.
                old = min(old, end - place - into)
                self._sent_again(d, place + into, old, into)
                into += old
            elif old == 0 or self._has_room(d, captured - into):
                break
            else:
                self._give_up(d, place + into)
        captured = max(0, min(captured, end - place) - into)
        if old == 0 and self.tracks[d].held_from < 0:
            self._deliver(d, end - place - into, into, start + into, captured, self.time)
            self._reach_fin(d)
        else:
            self._hold(d, place + into, end, into, start + into, captured)
        return 0

    @cython.cfunc
    def _is_stray(
        self, d: cython.Py_ssize_t, place: cython.longlong, length: cython.int
    ) -> cython.bint:
        """Say whether payload lies where no window reaches.

        A capture may itself have a hole that large: ACKs up to there, or a run of
        `lost_after_segments` stray segments that follow on from each other, are
        believed.
        """
        if place <= self._reference(d) + _WINDOW:
            return False
        self.tracks[d].stray = self.tracks[d].stray + 1 if place == self.tracks[d].stray_next else 1
        self.tracks[d].stray_next = place + length
        if self.tracks[d].stray > self.lost_after:
            return False
        self._note_side(
            findings.TCP_OUT_OF_WINDOW, d >> 1, self.packet, place - self.tracks[d].next, d
        )
        return True

    @cython.cfunc
    def _count_again(
        self,
        d: cython.Py_ssize_t,
        place: cython.longlong,
        old: cython.longlong,
        end: cython.longlong,
    ) -> cython.int:
        """Count a segment whose first `old` bytes are not new."""
        # RFC 9293 3.8.4: a keep-alive's sequence number is SND.NXT-1, with one garbage
        # octet or none.
        if old == 1 and end == place + 1 and end == self.tracks[d].next and self.payload == 1:
            self.sums[d].keep_alives += 1
            return 0
        self.sums[d].retransmissions += 1
        if self.sums[d].retransmissions == 1:
            self.tracks[d].first_sent_again = self.packet
        if end <= self.tracks[d].next:
            self.tracks[d].unanswered += 1
        return 0

    @cython.cfunc
    def _sent_again(
        self,
        d: cython.Py_ssize_t,
        place: cython.longlong,
        length: cython.longlong,
        into: cython.longlong,
    ) -> cython.int:
        self.sums[d].retransmitted_bytes += length
        self._row(_RETRANSMISSION, d, place, length, into, 0, self.time)
        return 0

    @cython.cfunc
    def _compare(
        self,
        d: cython.Py_ssize_t,
        place: cython.longlong,
        start: cython.longlong,
        captured: cython.longlong,
    ) -> cython.int:
        """Compare bytes sent again with those delivered, where the arena still has them."""
        k: cython.Py_ssize_t
        at: cython.Py_ssize_t
        byte: cython.longlong
        stop: cython.longlong
        shift: cython.longlong
        for k in range(min(self.tracks[d].pieces, _RING)):
            at = d * _RING + k
            if self.delivered[at].position < self.head - _ARENA:
                continue
            byte = max(place, self.delivered[at].offset)
            stop = min(place + captured, self.delivered[at].offset + self.delivered[at].length)
            shift = self.delivered[at].position - self.delivered[at].offset
            while byte < stop:
                if self.data[start + byte - place] != self.arena[(byte + shift) & (_ARENA - 1)]:
                    self._note_side(findings.TCP_OVERLAP_DIFFERS, d >> 1, self.packet, byte, d)
                    return 0
                byte += 1
        return 0

    # --- delivery and holes

    @cython.cfunc
    def _deliver(
        self,
        d: cython.Py_ssize_t,
        length: cython.longlong,
        into: cython.longlong,
        start: cython.longlong,
        captured: cython.longlong,
        ready: cython.longlong,
    ) -> cython.int:
        """Write the next `length` bytes of a stream, `captured` of them readable."""
        place: cython.longlong = self.tracks[d].next
        self.sums[d].stream_bytes += length
        self.tracks[d].next = place + length
        if captured > 0:
            self._row(_DATA, d, place, captured, into, start, ready)
            self._keep(d, place, start, captured)
        if captured < length:
            self.sums[d].cut_bytes += length - captured
            self._row(_GAP_CUT, d, place + captured, length - captured, into + captured, 0, ready)
        return 0

    @cython.cfunc
    def _keep(
        self,
        d: cython.Py_ssize_t,
        place: cython.longlong,
        start: cython.longlong,
        count: cython.longlong,
    ) -> cython.int:
        """Copy delivered bytes into the arena."""
        at: cython.Py_ssize_t = self.head & (_ARENA - 1)
        n: cython.Py_ssize_t = count
        r: cython.Py_ssize_t = d * _RING + (self.tracks[d].pieces & (_RING - 1))
        if count > _ARENA:
            return 0
        if at + n > _ARENA:
            # A piece never wraps around: the rest of the arena stays unused.
            self.head += _ARENA - at
            at = 0
        _copy(self.arena, at, self.data, start, n)
        self.delivered[r].offset = place
        self.delivered[r].position = self.head
        self.delivered[r].length = count
        self.head += count
        self.tracks[d].pieces = (
            _RING + ((self.tracks[d].pieces + 1) & (_RING - 1))
            if (self.tracks[d].pieces >= _RING - 1)
            else self.tracks[d].pieces + 1
        )
        return 0

    @cython.cfunc
    def _has_room(self, d: cython.Py_ssize_t, captured: cython.longlong) -> cython.bint:
        charge: cython.longlong = max(0, captured) + OVERHEAD_BYTES
        held: Any = self.held.get(d)
        mine: cython.longlong = held.charge if held is not None else 0
        return mine + charge <= self.max_held and self.held_total + charge <= self.max_held_total

    @cython.cfunc
    def _give_up(self, d: cython.Py_ssize_t, place: cython.longlong) -> cython.int:
        """Give up the first hole of a direction, so that nothing more need be held."""
        upto: cython.longlong = place
        if 0 <= self.tracks[d].held_from < place:
            upto = self.tracks[d].held_from
        self._note_side(findings.TCP_HELD_LIMIT, d >> 1, self.packet, upto - self.tracks[d].next, d)
        self._lose(d, upto)
        self._drain(d)
        return 0

    @cython.cfunc
    def _lose(self, d: cython.Py_ssize_t, upto: cython.longlong) -> cython.int:
        """Declare the bytes before stream offset `upto` lost."""
        place: cython.longlong = self.tracks[d].next
        if upto <= place:
            return 0
        kept = self._save()
        self.row_acked = -1
        self.row_flags = self.header = self.payload = self.wire = 0
        self._row(_GAP_LOST, d, place, upto - place, 0, 0, self.time)
        self._load(kept)
        if self.sums[d].lost_bytes == 0:
            self.tracks[d].first_lost = self.packet
        self.sums[d].lost_bytes += upto - place
        self.tracks[d].next = upto
        self.tracks[d].mark = -1
        return 0

    @cython.cfunc
    def _hold(
        self,
        d: cython.Py_ssize_t,
        place: cython.longlong,
        end: cython.longlong,
        into: cython.longlong,
        start: cython.longlong,
        captured: cython.longlong,
    ) -> cython.int:
        """Hold bytes [place, end) of the current packet, and deliver what now can be."""
        origin: Any = Origin(
            self.packet,
            self.time,
            self.row_acked,
            self.row_flags,
            self.header,
            self.payload,
            self.wire,
            self.wire == 0,
        )
        content = bytes(self.records.data[start : start + captured])
        held: Any = self.held.get(d)
        if held is None:
            held = self.held[d] = Held(bool(self.keep_first))
            self.slots[d >> 1].waiting += 1
        before: cython.longlong = held.charge
        lost, differs = held.insert(Piece(place, end, into, content, origin))
        self.held_total += held.charge - before
        if differs >= 0:
            self._note_side(findings.TCP_OVERLAP_DIFFERS, d >> 1, self.packet, differs, d)
        if lost:
            self.sums[d].retransmissions += 1
            if self.sums[d].retransmissions == 1:
                self.tracks[d].first_sent_again = self.packet
        for piece in lost:
            self._held_row(d, piece, _RETRANSMISSION, 0, self.time)
        if place > self.tracks[d].next:
            self.sums[d].out_of_order += 1
        self.tracks[d].top = max(self.tracks[d].top, end)
        self.tracks[d].held_from = held.begin
        self._drain(d)
        if not origin.shown and self.news:
            self.header = self.payload = self.wire = 0
            self._row(_PURE, d, self.tracks[d].next, 0, 0, 0, self.time)
        self.payload = origin.payload
        self.wire = 0
        return 0

    @cython.cfunc
    def _held_row(
        self,
        d: cython.Py_ssize_t,
        piece: Any,
        kind: cython.int,
        start: cython.longlong,
        ready: cython.longlong,
    ) -> cython.int:
        """Write the rows of a held piece as its own packet: delivered, or as sent again."""
        length: cython.longlong = piece.end - piece.offset
        into: cython.longlong = piece.into
        place: cython.longlong = piece.offset
        kept = self._save()
        origin = piece.origin
        self._load(
            (
                origin.packet,
                origin.time,
                origin.acked,
                origin.flags,
                origin.header_bytes,
                origin.payload,
                origin.wire,
            )
        )
        if kind == _DATA:
            self._deliver(d, length, into, start, len(piece.data), ready)
        else:
            self.sums[d].retransmitted_bytes += length
            self._row(kind, d, place, length, into, 0, ready)
        origin.wire = 0
        origin.shown = True
        self._load(kept)
        return 0

    @cython.cfunc
    def _drain(self, d: cython.Py_ssize_t) -> cython.int:
        """Deliver held bytes that have their turn."""
        held: Any = self.held.get(d)
        fin: cython.longlong = self.tracks[d].fin
        start: cython.longlong
        if held is None:
            return 0
        before: cython.longlong = held.charge
        ready: Any = held.pop_ready(self.tracks[d].next)
        self.held_total += held.charge - before
        if ready:
            self.tracks[d].mark = -1
        for piece in ready:
            behind = piece
            if fin < 0 or piece.offset < fin:
                if fin >= 0 and piece.end > fin:
                    piece, behind = piece.section(piece.offset, fin), piece.section(fin, piece.end)
                else:
                    behind = None
                start = self.records.append(piece.data)
                self.data = self.records.data
                self._held_row(d, piece, _DATA, start, self.time)
            if behind is not None:
                self._refuse(d, behind)
        self.tracks[d].held_from = held.begin
        if not held.pieces:
            del self.held[d]
            self.slots[d >> 1].waiting -= 1
        self._reach_fin(d)
        return 0

    @cython.cfunc
    def _refuse(self, d: cython.Py_ssize_t, piece: Any) -> cython.int:
        """Account for a held piece that lies behind the FIN."""
        self._note_side(
            findings.TCP_DATA_AFTER_FIN, d >> 1, piece.origin.packet, piece.end - piece.offset, d
        )
        self._held_row(d, piece, _RETRANSMISSION, 0, self.time)
        return 0

    @cython.cfunc
    def _refuse_held(self, d: cython.Py_ssize_t) -> cython.int:
        """Account for all that is still held: it lies behind the FIN."""
        held: Any = self.held.pop(d, None)
        if held is None:
            return 0
        self.held_total -= held.charge
        self.slots[d >> 1].waiting -= 1
        self.tracks[d].held_from = -1
        for piece in held.pop_all():
            self._refuse(d, piece)
        return 0

    @cython.cfunc
    def _judge(self, s: cython.Py_ssize_t) -> cython.int:
        """Declare holes lost that the receiver does not have.

        It acknowledged them, so they arrived: the capture lost them. Packets of two
        capture queues may be swapped, so a few more are waited for.
        """
        d: cython.Py_ssize_t
        for d in range(2 * s, 2 * s + 2):
            if self.tracks[d].held_from < 0 or self.tracks[d].acked < self.tracks[d].held_from:
                continue
            if self.tracks[d].mark < 0:
                self.tracks[d].mark = self.slots[s].segments
            elif self.slots[s].segments - self.tracks[d].mark >= self.lost_after:
                self._lose(d, self.tracks[d].held_from)
                self._drain(d)
        return 0

    # --- rows

    def _save(self) -> Any:
        """Return the current packet, for `_load`."""
        return (
            self.packet,
            self.time,
            self.row_acked,
            self.row_flags,
            self.header,
            self.payload,
            self.wire,
        )

    def _load(self, packet: Any) -> None:
        """Make a saved or held packet the one whose rows are written."""
        (
            self.packet,
            self.time,
            self.row_acked,
            self.row_flags,
            self.header,
            self.payload,
            self.wire,
        ) = packet

    @cython.cfunc
    def _row(
        self,
        kind: cython.int,
        d: cython.Py_ssize_t,
        place: cython.longlong,
        length: cython.longlong,
        into: cython.longlong,
        start: cython.longlong,
        ready: cython.longlong,
    ) -> cython.int:
        """Write a row of the current packet; the first one takes its wire bytes."""
        n: cython.Py_ssize_t = self.row_count
        if n >= self.capacity:
            self._grow_rows()
        self.chunks[n].packet = self.packet
        self.chunks[n].time = self.time
        self.chunks[n].ready = ready
        self.chunks[n].offset = place
        self.chunks[n].acked = self.row_acked
        self.chunks[n].start = start
        self.chunks[n].direction = d
        self.chunks[n].length = length
        self.chunks[n].payload = self.payload
        self.chunks[n].into = into
        self.chunks[n].header_bytes = self.header
        self.chunks[n].wire = self.wire
        self.chunks[n].kind = kind
        self.chunks[n].flags = self.row_flags
        self.wire = 0
        self.row_count = n + 1
        return 0

    def _grow_rows(self) -> None:
        old: Rows = self.arrays["chunks"]
        bigger = np.empty(2 * len(old) + 16, old.dtype)
        bigger[: len(old)] = old
        self.arrays["chunks"] = bigger
        self._bind()


_PER_SLOT = {
    "slots": 1,
    "links": 1,
    "sums": 2,
    "tracks": 2,
    "recents": 2 * connections.RING,
    "delivered": 2 * connections.RING,
}
"""Growing arrays, and their rows per connection."""
