"""The frame walk: stream rows of all connections of a batch in one pass.

Reads CHUNK rows in order, keeps one WALK row per direction between batches, and
writes frames, messages, control payloads, payload fragments and oddities. Unmasks
in place, so that payload is never copied. Knows RFC 6455 framing (section 5) and how
bytes of packets are shared out to messages; must not know handshakes, compression's
inside, or reports. Called by websocket.stage, which owns it.

Shares of packet headers: byte q of a packet's p payload bytes stands for the share
`header * q // p` of its header bytes, cumulatively, so that the shares of all pieces of
a packet sum up to its header exactly, whatever the cuts.
"""

from __future__ import annotations

from typing import Any

import cython
import numpy as np

from analyzer import findings
from analyzer.columns import Rows, grown
from analyzer.websocket import frames as layout

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
Walk = cython.struct(
    connection=cython.longlong,
    frame=cython.longlong,
    payload_bytes=cython.longlong,
    payload_left=cython.longlong,
    begin=cython.longlong,
    packet_first=cython.longlong,
    packet_last=cython.longlong,
    time_first=cython.longlong,
    time_last=cython.longlong,
    share=cython.longlong,
    ack_share=cython.longlong,
    acked=cython.longlong,
    frames=cython.longlong,
    messages=cython.longlong,
    ws_header_bytes=cython.longlong,
    ws_control_bytes=cython.longlong,
    transfer_bytes=cython.longlong,
    unparsed_bytes=cython.longlong,
    missing=cython.longlong,
    skipped=cython.longlong,
    first_data_time=cython.longlong,
    last_key=cython.longlong,
    key_step=cython.longlong,
    repeated_keys=cython.longlong,
    stepped_keys=cython.longlong,
    ready_packet=cython.longlong,
    mode=cython.int,
    message=cython.int,
    head=cython.int,
    tail=cython.int,
    pending=cython.int,
    have=cython.int,
    key=cython.uint,
    phase=cython.int,
    header_bytes=cython.int,
    utf8_need=cython.int,
    utf8_low=cython.int,
    utf8_high=cython.int,
    rsv_allowed=cython.int,
    keep=cython.int,
    sender=cython.uchar,
    opcode=cython.uchar,
    bits=cython.uchar,
    masked=cython.uchar,
    closing=cython.uchar,
    tolerant=cython.uchar,
    deflate=cython.uchar,
    compressed=cython.uchar,
)
Frame = cython.struct(
    connection=cython.longlong,
    frame=cython.longlong,
    message=cython.longlong,
    payload_bytes=cython.longlong,
    masking_key=cython.longlong,
    packet_first=cython.longlong,
    packet_last=cython.longlong,
    time_first=cython.longlong,
    time_last=cython.longlong,
    direction=cython.int,
    header_bytes=cython.int,
    close_code=cython.int,
    sender=cython.uchar,
    opcode=cython.uchar,
    bits=cython.uchar,
    masked=cython.uchar,
)
Message = cython.struct(
    connection=cython.longlong,
    message=cython.longlong,
    payload_bytes=cython.longlong,
    transfer_bytes=cython.longlong,
    ws_header_bytes=cython.longlong,
    packet_header_bytes=cython.longlong,
    ack_bytes=cython.longlong,
    retransmitted_bytes=cython.longlong,
    packet_first=cython.longlong,
    packet_last=cython.longlong,
    time_first=cython.longlong,
    time_last=cython.longlong,
    stall=cython.longlong,
    stall_until=cython.longlong,
    begin=cython.longlong,
    end=cython.longlong,
    frames=cython.int,
    direction=cython.int,
    preview_bytes=cython.int,
    next=cython.int,
    sender=cython.uchar,
    opcode=cython.uchar,
    compressed=cython.uchar,
    damaged=cython.uchar,
)
Control = cython.struct(
    row=cython.int,
    start=cython.int,
    length=cython.int,
    complete=cython.int,
)
Fragment = cython.struct(
    start=cython.longlong,
    length=cython.longlong,
    packet=cython.longlong,
    frame=cython.longlong,
    message=cython.int,
    direction=cython.int,
    first=cython.uchar,
    last=cython.uchar,
    compressed=cython.uchar,
    text=cython.uchar,
)
Oddity = cython.struct(
    packet=cython.longlong,
    frame=cython.longlong,
    detail=cython.longlong,
    direction=cython.int,
    kind=cython.int,
)

# C copies of the names in websocket.frames, tcp.bytestream and findings: a kernel
# reads a C integer where it would else look up a Python object per row.
# Cython takes literals beyond 31 bits for Python objects.
_MASK32 = cython.declare(cython.uint, 0xFFFFFFFF)
_MASK55 = cython.declare(cython.longlong, 2**55 - 1)
_NULL = cython.declare(cython.longlong, -(2**63))
_DATA = cython.declare(cython.int, 0)
_GAP_LOST = cython.declare(cython.int, 1)
_GAP_CUT = cython.declare(cython.int, 2)
_RETRANSMISSION = cython.declare(cython.int, 3)
_PURE = cython.declare(cython.int, 4)

_PROBE = cython.declare(cython.int, layout.PROBE)
_HEADER = cython.declare(cython.int, layout.HEADER)
_PAYLOAD = cython.declare(cython.int, layout.PAYLOAD)
_SEEK = cython.declare(cython.int, layout.SEEK)
_IGNORE = cython.declare(cython.int, layout.IGNORE)
_KEEP_ALL = cython.declare(cython.int, layout.KEEP_ALL)
_MAX_CONTROL = cython.declare(cython.int, layout.MAX_CONTROL)

_CONTINUATION = cython.declare(cython.int, 0)
_TEXT = cython.declare(cython.int, 1)
_BINARY = cython.declare(cython.int, 2)
_CLOSE = cython.declare(cython.int, 8)
_PONG = cython.declare(cython.int, 10)
_FIN_BIT = cython.declare(cython.int, 8)
_RSV1_BIT = cython.declare(cython.int, 4)
_VOID = cython.declare(cython.int, 255)  # opcode of a message that was given up

_UTF8_OFF = cython.declare(cython.int, -2)
_UTF8_BAD = cython.declare(cython.int, -1)

_UNMASKED = cython.declare(cython.int, findings.WEBSOCKET_UNMASKED_CLIENT_FRAME.code)
_MASKED = cython.declare(cython.int, findings.WEBSOCKET_MASKED_SERVER_FRAME.code)
_RSV = cython.declare(cython.int, findings.WEBSOCKET_RSV.code)
_RSV1 = cython.declare(cython.int, findings.WEBSOCKET_RSV1.code)
_RESERVED = cython.declare(cython.int, findings.WEBSOCKET_RESERVED_OPCODE.code)
_TOO_LONG = cython.declare(cython.int, findings.WEBSOCKET_CONTROL_TOO_LONG.code)
_FRAGMENTED = cython.declare(cython.int, findings.WEBSOCKET_CONTROL_FRAGMENTED.code)
_LONE = cython.declare(cython.int, findings.WEBSOCKET_LONE_CONTINUATION.code)
_INTERRUPTED = cython.declare(cython.int, findings.WEBSOCKET_INTERRUPTED_MESSAGE.code)
_NOT_MINIMAL = cython.declare(cython.int, findings.WEBSOCKET_LENGTH_NOT_MINIMAL.code)
_TOO_BIG = cython.declare(cython.int, findings.WEBSOCKET_LENGTH_TOO_BIG.code)
_BAD_UTF8 = cython.declare(cython.int, findings.WEBSOCKET_BAD_UTF8.code)
_AFTER_CLOSE = cython.declare(cython.int, findings.WEBSOCKET_DATA_AFTER_CLOSE.code)
_PAYLOAD_LOST = cython.declare(cython.int, findings.WEBSOCKET_PAYLOAD_LOST.code)
_FRAMING_LOST = cython.declare(cython.int, findings.WEBSOCKET_FRAMING_LOST.code)

# A header with this many faults of different kinds is no header: the walk has lost
# its place, or what was upgraded does not speak RFC 6455.
_FAULTS_OF_NO_HEADER = cython.declare(cython.int, 3)


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _share(header: cython.longlong, at: cython.longlong, payload: cython.longlong) -> cython.longlong:
    """Return the header bytes that the first `at` of `payload` bytes stand for."""
    if at <= 0 or payload <= 0:
        return 0
    if at >= payload:
        return header
    return header * at // payload


@cython.cfunc
@cython.boundscheck(False)
def _unmask(
    data: cython.uchar[::1],
    start: cython.Py_ssize_t,
    count: cython.Py_ssize_t,
    key: cython.uint,
    pattern: cython.uchar[::1],
) -> cython.int:
    """XOR `count` bytes at `start` with `key` (RFC 6455 5.3), byte 0 of it first.

    The inner loop over a pattern of 64 bytes is what compilers turn into vector
    instructions; byte by byte it ran at 0.65 GB/s, so at 11.
    """
    i: cython.Py_ssize_t = start
    stop: cython.Py_ssize_t = start + count
    j: cython.Py_ssize_t
    if start < 0 or count < 0 or stop > data.shape[0] or pattern.shape[0] < 64:
        return 0
    if count >= 64:
        for j in range(64):
            pattern[j] = (key >> (8 * (j & 3))) & 255
        while i + 64 <= stop:
            for j in range(64):
                data[i + j] ^= pattern[j]
            i += 64
    while i < stop:
        data[i] ^= key & 255
        key = ((key >> 8) | (key << 24)) & _MASK32
        i += 1
    return 0


@cython.cfunc
@cython.boundscheck(False)
@cython.exceptval(check=False)
def _ascii_run(
    data: cython.uchar[::1], start: cython.Py_ssize_t, stop: cython.Py_ssize_t
) -> cython.Py_ssize_t:
    """Return where the blocks of 64 ASCII bytes that begin at `start` end."""
    i: cython.Py_ssize_t = start
    j: cython.Py_ssize_t
    seen: cython.uchar
    if start < 0 or stop > data.shape[0]:
        return start
    while i + 64 <= stop:
        seen = 0
        for j in range(64):
            seen |= data[i + j]
        if seen >= 0x80:
            break
        i += 64
    return i


@cython.cclass
class FrameWalk:
    """The walk and its state.

    Args:
        preview_bytes: how much of an uncompressed message's payload is kept beside it.
        max_pending: messages of a direction that may wait for an ACK.
        seeker: called where the walk cannot go on by itself; see websocket.seeking.
    """

    chunks: Chunk[::1]
    data: cython.uchar[::1]
    walks: Walk[::1]
    numbers: cython.longlong[:, ::1]
    partial: cython.uchar[:, ::1]
    control: cython.uchar[:, ::1]
    pool: Message[::1]
    previews: cython.uchar[:, ::1]
    free: cython.int[::1]
    done: cython.int[::1]
    frames: Frame[::1]
    controls: Control[::1]
    control_bytes: cython.uchar[::1]
    fragments: Fragment[::1]
    oddities: Oddity[::1]
    pattern: cython.uchar[::1]
    free_count: cython.Py_ssize_t
    done_count: cython.Py_ssize_t
    frame_count: cython.Py_ssize_t
    control_count: cython.Py_ssize_t
    control_used: cython.Py_ssize_t
    fragment_count: cython.Py_ssize_t
    oddity_count: cython.Py_ssize_t
    preview_bytes: cython.int
    max_pending: cython.int
    seeker: Any
    records: Any
    _arrays: Any

    def __init__(self, preview_bytes: int, max_pending: int, seeker: Any) -> None:
        self.preview_bytes = preview_bytes
        self.max_pending = max(1, max_pending)
        self.seeker = seeker
        self.records = None
        self.free_count = self.done_count = self.frame_count = 0
        self.control_count = self.control_used = 0
        self.fragment_count = self.oddity_count = 0
        self._arrays = {}
        self.data = np.zeros(0, np.uint8)
        self.pattern = np.zeros(64, np.uint8)
        self.partial = self.control = np.zeros((0, 0), np.uint8)
        self.previews = np.zeros((0, max(1, preview_bytes)), np.uint8)
        self.numbers = np.zeros((0, 2), np.int64)
        self.free = self.done = np.zeros(0, np.int32)
        self.control_bytes = np.zeros(4096, np.uint8)
        self._arrays["control_bytes"] = np.asarray(self.control_bytes)
        self.chunks = _record(np.zeros(0, layout_chunk()))
        for name, dtype in _ROWS.items():
            self._arrays[name] = np.zeros(0 if name == "walks" else 64, dtype)
        self._bind()
        self._grow_pool()

    def _bind(self) -> None:
        """Take views of all growing arrays, after any of them was replaced."""
        arrays = self._arrays
        self.walks = _record(arrays["walks"])
        self.pool = _record(arrays["pool"])
        self.frames = _record(arrays["frames"])
        self.controls = _record(arrays["controls"])
        self.fragments = _record(arrays["fragments"])
        self.oddities = _record(arrays["oddities"])
        self.control_bytes = arrays["control_bytes"]

    def _grow(self, name: str, capacity: int) -> None:
        self._arrays[name] = grown(self._arrays[name], capacity)
        self._bind()

    def _grow_pool(self) -> None:
        old: int = len(self.free)
        new: int = max(256, 2 * old)
        self._grow("pool", new)
        previews = np.zeros((new, max(1, self.preview_bytes)), np.uint8)
        previews[:old] = np.asarray(self.previews)[:old]
        self.previews = previews
        # Lowest indices are handed out first.
        free = np.zeros(new, np.int32)
        free[: new - old] = np.arange(new - 1, old - 1, -1, dtype=np.int32)
        self.free = free
        self.free_count = new - old
        done = np.zeros(new, np.int32)
        done[:old] = np.asarray(self.done)[:old]
        self.done = done

    # --- what the owner calls

    def reserve(self, slots: int) -> None:
        """Make room for `slots` TCP connections; new ones begin in mode PROBE."""
        old: int = len(self.numbers)
        if slots <= old:
            return
        new: int = max(slots, 2 * old, 16)
        self._grow("walks", 2 * new)
        numbers = np.zeros((new, 2), np.int64)
        numbers[:old] = np.asarray(self.numbers)
        self.numbers = numbers
        partial = np.zeros((2 * new, 16), np.uint8)
        control = np.zeros((2 * new, 128), np.uint8)
        if old:
            partial[: 2 * old] = np.asarray(self.partial)[: 2 * old]
            control[: 2 * old] = np.asarray(self.control)[: 2 * old]
        self.partial = partial
        self.control = control
        for slot in range(old, new):
            self.reset(slot)

    def reset(self, slot: int) -> None:
        """Forget a connection; its slot begins in mode PROBE."""
        walks = self._arrays["walks"]
        for direction in (2 * slot, 2 * slot + 1):
            walk = walks[direction]
            walk["connection"] = walk["acked"] = walk["last_key"] = _PY_NULL
            walk["first_data_time"] = _PY_NULL
            for name in _ZEROED:
                walk[name] = 0
            walk["message"] = walk["head"] = walk["tail"] = -1
            walk["utf8_need"] = -2
        self.numbers[slot, 0] = 0
        self.numbers[slot, 1] = 0

    def begin_batch(self) -> None:
        """Forget the rows of the batch before."""
        self.frame_count = self.control_count = self.control_used = 0
        self.fragment_count = self.oddity_count = 0

    def walk(self, rows: Rows, records: Any) -> None:
        """Walk rows of dtype CHUNK over `records.data`, in order."""
        i: cython.Py_ssize_t
        self.records = records
        self.data = records.data
        self.chunks = _record(rows)
        for i in range(self.chunks.shape[0]):
            self._row(i)
        self.records = None

    def flush(self, slot: int) -> None:
        """Let the messages of an ending connection go without further ACKs."""
        d: cython.Py_ssize_t
        for d in range(2 * slot, 2 * slot + 2):
            if self.walks[d].message >= 0:
                self._give_up(d)
            while self.walks[d].head >= 0:
                self._pop(d)

    def rows(self, name: str) -> Rows:
        """Return the batch's rows: frames, controls, fragments, oddities, or all walks."""
        counts = {
            "frames": self.frame_count,
            "controls": self.control_count,
            "fragments": self.fragment_count,
            "oddities": self.oddity_count,
            "control_bytes": self.control_used,
        }
        array: Rows = self._arrays[name]
        return array[: counts[name]] if name in counts else array

    def finished(self) -> Any:
        """Return int32 pool indices of the messages that are complete, in order."""
        return np.asarray(self.done)[: self.done_count]

    def preview_rows(self) -> Any:
        """Return uint8 (pool, preview_bytes): first payload bytes by pool index."""
        return np.asarray(self.previews)

    def next_frame_number(self, slot: int) -> int:
        """Return the number that the connection's next frame will have."""
        return int(self.numbers[slot, 0])

    def recycle(self) -> None:
        """Take back the pool entries of the finished messages."""
        i: cython.Py_ssize_t
        for i in range(self.done_count):
            self.free[self.free_count] = self.done[i]
            self.free_count += 1
        self.done_count = 0

    # --- one row

    @cython.cfunc
    def _row(self, i: cython.Py_ssize_t) -> cython.int:
        d: cython.Py_ssize_t = self.chunks[i].direction
        kind: cython.int = self.chunks[i].kind
        mode: cython.int
        if self.chunks[i].acked >= 0:
            self._acknowledge(i, d ^ 1)
        if kind == _DATA:
            mode = self.walks[d].mode
            if mode == _HEADER or mode == _PAYLOAD:
                self._data(i, d, self.chunks[i].start)
            elif mode == _IGNORE:
                self.walks[d].unparsed_bytes += self.chunks[i].length
            else:
                self._ask(i, d, self.chunks[i].start)
        elif kind == _RETRANSMISSION:
            self._retransmission(i, d)
        elif kind == _GAP_LOST or kind == _GAP_CUT:
            self._gap(i, d)
        return 0

    @cython.cfunc
    def _data(self, i: cython.Py_ssize_t, d: cython.Py_ssize_t, p: cython.Py_ssize_t) -> cython.int:
        """Walk the bytes of row `i` from `p` on."""
        start: cython.Py_ssize_t = self.chunks[i].start
        end: cython.Py_ssize_t = start + self.chunks[i].length
        into: cython.longlong = self.chunks[i].into - start
        header: cython.longlong = self.chunks[i].header_bytes
        payload: cython.longlong = self.chunks[i].payload
        before: cython.longlong = _share(header, into + p, payload)
        after: cython.longlong
        n: cython.longlong
        m: cython.Py_ssize_t
        if start < 0 or end > self.data.shape[0]:
            return 0
        if self.walks[d].acked == _NULL:
            self.walks[d].acked = self.chunks[i].offset + p - start
        if self.chunks[i].ready <= self.chunks[i].time:
            self.walks[d].ready_packet = self.chunks[i].packet
        while p < end:
            if self.walks[d].mode == _HEADER:
                p = self._header(i, d, p, end)
                if self.walks[d].mode == _SEEK:
                    self._ask(i, d, p)
                    return 0
                if self.walks[d].mode == _HEADER:
                    self.walks[d].share += _share(header, into + p, payload) - before
                    return 0
            else:
                self._touch(i, d)
            n = end - p
            if self.walks[d].payload_left < n:
                n = self.walks[d].payload_left
            if n:
                self._payload(i, d, p, n)
                p += n
            after = _share(header, into + p, payload)
            m = self.walks[d].message
            if m >= 0 and self.walks[d].opcode < _CLOSE:
                self.pool[m].packet_header_bytes += after - before + self.walks[d].share
            self.walks[d].share = 0
            before = after
            if self.walks[d].payload_left == 0:
                self._end_frame(i, d, self.chunks[i].offset + p - start)
        return 0

    @cython.cfunc
    def _touch(self, i: cython.Py_ssize_t, d: cython.Py_ssize_t) -> cython.int:
        """Note that the current frame has bytes in row `i`.

        Bytes that waited behind a hole were complete only with the packet that filled
        it: that one is the frame's last, as Wireshark shows it as well.
        """
        if self.chunks[i].packet < self.walks[d].packet_first:
            self.walks[d].packet_first = self.chunks[i].packet
        if self.chunks[i].time < self.walks[d].time_first:
            self.walks[d].time_first = self.chunks[i].time
        if self.walks[d].ready_packet > self.walks[d].packet_last:
            self.walks[d].packet_last = self.chunks[i].packet
            if self.walks[d].ready_packet > self.chunks[i].packet:
                self.walks[d].packet_last = self.walks[d].ready_packet
        if self.chunks[i].ready > self.walks[d].time_last:
            self.walks[d].time_last = self.chunks[i].ready
        return 0

    @cython.cfunc
    def _header(
        self, i: cython.Py_ssize_t, d: cython.Py_ssize_t, p: cython.Py_ssize_t, end: cython.Py_ssize_t
    ) -> cython.Py_ssize_t:
        """Read header bytes from `p`; return where they end. Begins the frame if whole."""
        have: cython.int = self.walks[d].have
        need: cython.int = 2
        second: cython.int
        if have == 0:
            self.walks[d].begin = self.chunks[i].offset + p - self.chunks[i].start
            self.walks[d].packet_first = self.chunks[i].packet
            self.walks[d].packet_last = self.chunks[i].packet
            if self.walks[d].ready_packet > self.chunks[i].packet:
                self.walks[d].packet_last = self.walks[d].ready_packet
            self.walks[d].time_first = self.chunks[i].time
            self.walks[d].time_last = self.chunks[i].ready
        else:
            self._touch(i, d)
            if have >= 2:
                need = self.walks[d].header_bytes
        while p < end and have < need:
            self.partial[d, have] = self.data[p]
            have += 1
            p += 1
            if have == 2:
                second = self.partial[d, 1]
                if (second & 127) == 126:
                    need += 2
                elif (second & 127) == 127:
                    need += 8
                if second & 128:
                    need += 4
                self.walks[d].header_bytes = need
        if have < need or have < 2:
            self.walks[d].have = have
            return p
        self.walks[d].have = 0
        self._begin_frame(i, d)
        return p

    @cython.cfunc
    def _begin_frame(self, i: cython.Py_ssize_t, d: cython.Py_ssize_t) -> cython.int:
        """Take the fields of the header in `partial` and open the frame."""
        first: cython.int = self.partial[d, 0]
        second: cython.int = self.partial[d, 1]
        length: cython.longlong = second & 127
        at: cython.int = 2
        k: cython.int
        faults: cython.int
        key: cython.longlong = 0
        big: cython.longlong = 0
        slot: cython.Py_ssize_t = d >> 1
        if length == 126:
            length = (cython.cast(cython.longlong, self.partial[d, 2]) << 8) | self.partial[d, 3]
            at = 4
        elif length == 127:
            length = 0
            for k in range(2, 10):
                length = ((length & _MASK55) << 8) | self.partial[d, k]
            # "the most significant bit MUST be 0" (RFC 6455 5.2)
            big = self.partial[d, 2] & 128
            at = 10
        self.walks[d].masked = 1 if second & 128 else 0
        if self.walks[d].masked:
            key = (
                (cython.cast(cython.longlong, self.partial[d, at]) << 24)
                | (cython.cast(cython.longlong, self.partial[d, at + 1]) << 16)
                | (cython.cast(cython.longlong, self.partial[d, at + 2]) << 8)
                | self.partial[d, at + 3]
            )
            self._note_key(d, key)
            self.walks[d].key = (
                ((key & 255) << 24) | ((key & 0xFF00) << 8) | ((key >> 8) & 0xFF00) | (key >> 24)
            )
        self.walks[d].phase = 0
        self.walks[d].opcode = first & 15
        self.walks[d].bits = first >> 4
        self.walks[d].frame = self.numbers[slot, 0]
        faults = self._check(i, d, length)
        if big:
            self._oddity(i, d, _TOO_BIG, 0)
        if big or faults >= _FAULTS_OF_NO_HEADER:
            self.walks[d].unparsed_bytes += self.walks[d].header_bytes
            self._lose(i, d)
            return 0
        self.numbers[slot, 0] += 1
        self.walks[d].payload_bytes = length
        self.walks[d].payload_left = length
        self.walks[d].missing = 0
        self.walks[d].mode = _PAYLOAD
        self.walks[d].ws_header_bytes += self.walks[d].header_bytes
        self._place(i, d)
        self.walks[d].ack_share = 0
        return 0

    @cython.cfunc
    def _note_key(self, d: cython.Py_ssize_t, key: cython.longlong) -> cython.int:
        """Count masking keys that repeat or follow by a constant step (RFC 6455 5.3)."""
        step: cython.longlong
        if self.walks[d].last_key != _NULL:
            step = (key - self.walks[d].last_key) & _MASK32
            if step == 0:
                self.walks[d].repeated_keys += 1
            elif step == self.walks[d].key_step:
                self.walks[d].stepped_keys += 1
            self.walks[d].key_step = step
        self.walks[d].last_key = key
        return 0

    @cython.cfunc
    def _check(self, i: cython.Py_ssize_t, d: cython.Py_ssize_t, length: cython.longlong) -> cython.int:
        """Report the rules that the header breaks; return how many."""
        opcode: cython.int = self.walks[d].opcode
        bits: cython.int = self.walks[d].bits
        rsv: cython.int = bits & 7
        faults: cython.int = 0
        shortest: cython.int = 2
        if self.walks[d].sender == 0 and not self.walks[d].masked:
            # "a client MUST mask all frames that it sends" (RFC 6455 5.1)
            self._oddity(i, d, _UNMASKED, 0)
            faults += 1
        elif self.walks[d].sender == 1 and self.walks[d].masked:
            # "A server MUST NOT mask any frames that it sends" (RFC 6455 5.1)
            self._oddity(i, d, _MASKED, 0)
            faults += 1
        if rsv & ~self.walks[d].rsv_allowed:
            # "MUST be 0 unless an extension is negotiated" (RFC 6455 5.2)
            if (rsv & ~self.walks[d].rsv_allowed) == _RSV1_BIT:
                self._oddity(i, d, _RSV1, 0)
            else:
                self._oddity(i, d, _RSV, rsv & ~self.walks[d].rsv_allowed)
            faults += 1
        elif (rsv & _RSV1_BIT) and self.walks[d].deflate and opcode != _TEXT and opcode != _BINARY:
            # "MUST NOT set the "Per-Message Compressed" bit of control frames and
            # non-first fragments of a data message" (RFC 7692 6.1)
            self._oddity(i, d, _RSV1, 0)
            faults += 1
        if (opcode > _BINARY and opcode < _CLOSE) or opcode > _PONG:
            self._oddity(i, d, _RESERVED, opcode)
            faults += 1
        if opcode >= _CLOSE:
            # "All control frames MUST have a payload length of 125 bytes or less
            # and MUST NOT be fragmented" (RFC 6455 5.5)
            if length > _MAX_CONTROL:
                self._oddity(i, d, _TOO_LONG, length)
                faults += 1
            if not bits & _FIN_BIT:
                self._oddity(i, d, _FRAGMENTED, 0)
                faults += 1
        if length > 65535:
            shortest = 10
        elif length > 125:
            shortest = 4
        if self.walks[d].header_bytes - (4 if self.walks[d].masked else 0) > shortest:
            # "the minimal number of bytes MUST be used" (RFC 6455 5.2)
            self._oddity(i, d, _NOT_MINIMAL, length)
            faults += 1
        if self.walks[d].closing:
            self._oddity(i, d, _AFTER_CLOSE, 0)
        return faults

    @cython.cfunc
    def _place(self, i: cython.Py_ssize_t, d: cython.Py_ssize_t) -> cython.int:
        """Find the message that the frame belongs to (RFC 6455 5.4)."""
        opcode: cython.int = self.walks[d].opcode
        m: cython.Py_ssize_t
        if opcode >= _CLOSE:
            return 0
        if opcode == _CONTINUATION:
            if self.walks[d].message < 0:
                if not self.walks[d].tolerant:
                    self._oddity(i, d, _LONE, 0)
                return 0
        elif opcode > _BINARY:
            return 0
        else:
            if self.walks[d].message >= 0:
                self._oddity(i, d, _INTERRUPTED, 0)
                self._give_up(d)
            self._begin_message(i, d)
        m = self.walks[d].message
        self.pool[m].frames += 1
        self.pool[m].transfer_bytes += self.walks[d].payload_bytes
        self.pool[m].ws_header_bytes += self.walks[d].header_bytes
        return 0

    @cython.cfunc
    def _begin_message(self, i: cython.Py_ssize_t, d: cython.Py_ssize_t) -> cython.int:
        m: cython.Py_ssize_t
        rsv1: cython.int = self.walks[d].bits & _RSV1_BIT
        if self.free_count == 0:
            self._grow_pool()
        self.free_count -= 1
        m = self.free[self.free_count]
        self.pool[m].connection = self.walks[d].connection
        self.pool[m].message = self.numbers[d >> 1, 1]
        self.numbers[d >> 1, 1] += 1
        self.pool[m].payload_bytes = self.pool[m].transfer_bytes = 0
        self.pool[m].ws_header_bytes = self.pool[m].packet_header_bytes = 0
        self.pool[m].ack_bytes = self.walks[d].ack_share
        self.pool[m].retransmitted_bytes = 0
        self.pool[m].packet_first = self.walks[d].packet_first
        self.pool[m].packet_last = self.walks[d].packet_last
        self.pool[m].time_first = self.walks[d].time_first
        self.pool[m].time_last = self.walks[d].time_last
        self.pool[m].stall = 0
        self.pool[m].stall_until = _NULL
        self.pool[m].begin = self.walks[d].begin
        self.pool[m].end = _NULL
        self.pool[m].frames = 0
        self.pool[m].direction = d
        self.pool[m].preview_bytes = 0
        self.pool[m].next = -1
        self.pool[m].sender = self.walks[d].sender
        self.pool[m].opcode = self.walks[d].opcode
        self.pool[m].damaged = 0
        self.walks[d].compressed = 1 if rsv1 and self.walks[d].deflate else 0
        self.pool[m].compressed = self.walks[d].compressed
        self.walks[d].message = m
        self.walks[d].tolerant = 0
        # Text that some unknown extension has changed is not UTF-8 and need not be.
        self.walks[d].utf8_need = 0 if self.walks[d].opcode == _TEXT and not rsv1 else _UTF8_OFF
        if self.walks[d].tail >= 0:
            self.pool[self.walks[d].tail].next = m
        else:
            self.walks[d].head = m
        self.walks[d].tail = m
        self.walks[d].pending += 1
        if self.walks[d].first_data_time == _NULL:
            self.walks[d].first_data_time = self.walks[d].time_first
        if self.walks[d].pending > self.max_pending and self.walks[d].head != m:
            self._pop(d)
        return 0

    @cython.cfunc
    def _payload(
        self, i: cython.Py_ssize_t, d: cython.Py_ssize_t, p: cython.Py_ssize_t, n: cython.Py_ssize_t
    ) -> cython.int:
        """Take `n` payload bytes at `p`."""
        key: cython.uint = self.walks[d].key
        phase: cython.int = self.walks[d].phase
        m: cython.Py_ssize_t = self.walks[d].message
        if self.walks[d].masked:
            if phase:
                key = ((key >> (8 * phase)) | (key << (32 - 8 * phase))) & _MASK32
            _unmask(self.data, p, n, key, self.pattern)
            self.walks[d].phase = (phase + n) & 3
        if self.walks[d].opcode >= _CLOSE:
            self.walks[d].ws_control_bytes += n
            self._keep_control(d, p, n)
        else:
            self.walks[d].transfer_bytes += n
            if m >= 0:
                if self.chunks[i].ready > self.chunks[i].time:
                    self._stall(i, m)
                if self.walks[d].utf8_need >= 0:
                    self._utf8(d, p, p + n)
                if self.walks[d].compressed:
                    if self.walks[d].keep:
                        self._fragment(i, d, p, n)
                else:
                    self._preview(m, p, n)
                    if self.walks[d].keep == _KEEP_ALL:
                        self._fragment(i, d, p, n)
        self.walks[d].payload_left -= n
        return 0

    @cython.cfunc
    def _stall(self, i: cython.Py_ssize_t, m: cython.Py_ssize_t) -> cython.int:
        """Count the time for which bytes of message `m` waited behind a hole, once."""
        since: cython.longlong = self.chunks[i].time
        if self.pool[m].stall_until > since:
            since = self.pool[m].stall_until
        if self.chunks[i].ready > since:
            self.pool[m].stall += self.chunks[i].ready - since
            self.pool[m].stall_until = self.chunks[i].ready
        return 0

    @cython.cfunc
    def _preview(self, m: cython.Py_ssize_t, p: cython.Py_ssize_t, n: cython.Py_ssize_t) -> cython.int:
        have: cython.int = self.pool[m].preview_bytes
        j: cython.Py_ssize_t
        if have >= self.preview_bytes:
            return 0
        if n > self.preview_bytes - have:
            n = self.preview_bytes - have
        for j in range(n):
            self.previews[m, have + j] = self.data[p + j]
        self.pool[m].preview_bytes = have + n
        return 0

    @cython.cfunc
    def _keep_control(
        self, d: cython.Py_ssize_t, p: cython.Py_ssize_t, n: cython.Py_ssize_t
    ) -> cython.int:
        """Copy control payload, at its place in the frame, up to MAX_CONTROL bytes."""
        at: cython.longlong = self.walks[d].payload_bytes - self.walks[d].payload_left
        j: cython.Py_ssize_t
        for j in range(n):
            if at + j >= _MAX_CONTROL:
                break
            self.control[d, at + j] = self.data[p + j]
        return 0

    @cython.cfunc
    def _utf8(self, d: cython.Py_ssize_t, p: cython.Py_ssize_t, end: cython.Py_ssize_t) -> cython.int:
        """Check text as it comes (RFC 3629 section 4), across frames and packets."""
        need: cython.int = self.walks[d].utf8_need
        low: cython.int = self.walks[d].utf8_low
        high: cython.int = self.walks[d].utf8_high
        b: cython.int
        if need == 0:
            p = _ascii_run(self.data, p, end)
        while p < end:
            b = self.data[p]
            p += 1
            if need == 0:
                if b < 0x80:
                    continue
                low = 0x80
                high = 0xBF
                if b < 0xC2 or b > 0xF4:
                    need = _UTF8_BAD
                    break
                if b < 0xE0:
                    need = 1
                elif b < 0xF0:
                    need = 2
                    if b == 0xE0:
                        low = 0xA0
                    elif b == 0xED:
                        high = 0x9F
                else:
                    need = 3
                    if b == 0xF0:
                        low = 0x90
                    elif b == 0xF4:
                        high = 0x8F
            else:
                if b < low or b > high:
                    need = _UTF8_BAD
                    break
                low = 0x80
                high = 0xBF
                need -= 1
                if need == 0:
                    p = _ascii_run(self.data, p, end)
        self.walks[d].utf8_need = need
        self.walks[d].utf8_low = low
        self.walks[d].utf8_high = high
        return 0

    @cython.cfunc
    def _end_frame(
        self, i: cython.Py_ssize_t, d: cython.Py_ssize_t, end: cython.longlong
    ) -> cython.int:
        """The frame is complete; `end` is the stream offset behind it."""
        opcode: cython.int = self.walks[d].opcode
        m: cython.Py_ssize_t = self.walks[d].message
        f: cython.Py_ssize_t = self.frame_count
        code: cython.int = -1
        if f >= self.frames.shape[0]:
            self._grow("frames", f + 1)
        self.frame_count += 1
        self.walks[d].frames += 1
        self.walks[d].mode = _HEADER
        if self.walks[d].missing:
            self._oddity(i, d, _PAYLOAD_LOST, self.walks[d].missing)
        if opcode == _CLOSE:
            self.walks[d].closing = 1
            if self.walks[d].payload_bytes >= 2 and not self.walks[d].missing:
                code = (cython.cast(cython.int, self.control[d, 0]) << 8) | self.control[d, 1]
        self.frames[f].connection = self.walks[d].connection
        self.frames[f].frame = self.walks[d].frame
        self.frames[f].message = _NULL
        self.frames[f].payload_bytes = self.walks[d].payload_bytes
        self.frames[f].masking_key = self.walks[d].last_key if self.walks[d].masked else _NULL
        self.frames[f].packet_first = self.walks[d].packet_first
        self.frames[f].packet_last = self.walks[d].packet_last
        self.frames[f].time_first = self.walks[d].time_first
        self.frames[f].time_last = self.walks[d].time_last
        self.frames[f].direction = d
        self.frames[f].header_bytes = self.walks[d].header_bytes
        self.frames[f].close_code = code
        self.frames[f].sender = self.walks[d].sender
        self.frames[f].opcode = opcode
        self.frames[f].bits = self.walks[d].bits
        self.frames[f].masked = self.walks[d].masked
        if opcode >= _CLOSE:
            self._control_row(d, f)
        elif m >= 0 and opcode <= _BINARY:
            self.frames[f].message = self.pool[m].message
            self._extend(d, m)
            if self.walks[d].bits & _FIN_BIT:
                self._end_message(i, d, m, end)
        elif opcode == _CONTINUATION and self.walks[d].bits & _FIN_BIT:
            self.walks[d].tolerant = 0
        return 0

    @cython.cfunc
    def _extend(self, d: cython.Py_ssize_t, m: cython.Py_ssize_t) -> cython.int:
        """Widen the message's packets and times by those of the frame that ended."""
        if self.walks[d].packet_first < self.pool[m].packet_first:
            self.pool[m].packet_first = self.walks[d].packet_first
        if self.walks[d].packet_last > self.pool[m].packet_last:
            self.pool[m].packet_last = self.walks[d].packet_last
        if self.walks[d].time_first < self.pool[m].time_first:
            self.pool[m].time_first = self.walks[d].time_first
        if self.walks[d].time_last > self.pool[m].time_last:
            self.pool[m].time_last = self.walks[d].time_last
        return 0

    @cython.cfunc
    def _end_message(
        self, i: cython.Py_ssize_t, d: cython.Py_ssize_t, m: cython.Py_ssize_t, end: cython.longlong
    ) -> cython.int:
        if self.walks[d].utf8_need > 0 or self.walks[d].utf8_need == _UTF8_BAD:
            self._oddity(i, d, _BAD_UTF8, 0)
        self.pool[m].payload_bytes = self.pool[m].transfer_bytes
        self.pool[m].end = end
        self.walks[d].messages += 1
        if self.walks[d].keep == _KEEP_ALL or (self.walks[d].compressed and self.walks[d].keep):
            # An empty piece says that the message has ended.
            self._fragment(i, d, 0, 0)
            self.fragments[self.fragment_count - 1].last = 1
        self.walks[d].message = -1
        self.walks[d].compressed = 0
        self.walks[d].utf8_need = _UTF8_OFF
        if self.walks[d].acked >= end:
            while self.walks[d].head >= 0 and self._is_acknowledged(d):
                self._pop(d)
        return 0

    @cython.cfunc
    def _is_acknowledged(self, d: cython.Py_ssize_t) -> cython.bint:
        m: cython.Py_ssize_t = self.walks[d].head
        return self.pool[m].end != _NULL and self.pool[m].end <= self.walks[d].acked

    # --- costs

    @cython.cfunc
    def _acknowledge(self, i: cython.Py_ssize_t, d: cython.Py_ssize_t) -> cython.int:
        """Row `i` acknowledges bytes of direction `d`: share its cost, let messages go."""
        acked: cython.longlong = self.chunks[i].acked
        old: cython.longlong = self.walks[d].acked
        cost: cython.longlong = 0
        low: cython.longlong
        high: cython.longlong
        m: cython.Py_ssize_t
        if acked <= old:
            return 0
        self.walks[d].acked = acked
        m = self.walks[d].head
        if old == _NULL:
            return 0
        if self.chunks[i].kind == _PURE:
            cost = self.chunks[i].wire
            if self.walks[d].have and self.walks[d].message < 0 and acked > self.walks[d].begin:
                # Of a header that is not whole yet: kept for the message it will begin.
                low = self.walks[d].begin if self.walks[d].begin > old else old
                self.walks[d].ack_share += cost - _share(cost, low - old, acked - old)
        while m >= 0 and self.pool[m].begin < acked:
            if cost:
                low = self.pool[m].begin if self.pool[m].begin > old else old
                high = acked
                if self.pool[m].end != _NULL and self.pool[m].end < acked:
                    high = self.pool[m].end
                if high > low:
                    self.pool[m].ack_bytes += _share(cost, high - old, acked - old) - _share(
                        cost, low - old, acked - old
                    )
            m = self.pool[m].next
        while self.walks[d].head >= 0 and self._is_acknowledged(d):
            self._pop(d)
        return 0

    @cython.cfunc
    def _retransmission(self, i: cython.Py_ssize_t, d: cython.Py_ssize_t) -> cython.int:
        """Charge payload sent again, with its share of headers, to its messages."""
        begin: cython.longlong = self.chunks[i].offset
        end: cython.longlong = begin + self.chunks[i].length
        into: cython.longlong = self.chunks[i].into - begin
        low: cython.longlong
        high: cython.longlong
        m: cython.Py_ssize_t = self.walks[d].head
        while m >= 0 and self.pool[m].begin < end:
            low = self.pool[m].begin if self.pool[m].begin > begin else begin
            high = end
            if self.pool[m].end != _NULL and self.pool[m].end < end:
                high = self.pool[m].end
            if high > low:
                self.pool[m].retransmitted_bytes += high - low
                self.pool[m].packet_header_bytes += _share(
                    self.chunks[i].header_bytes, into + high, self.chunks[i].payload
                ) - _share(self.chunks[i].header_bytes, into + low, self.chunks[i].payload)
            m = self.pool[m].next
        return 0

    @cython.cfunc
    def _pop(self, d: cython.Py_ssize_t) -> cython.int:
        """Let the oldest waiting message of `d` go; its row is final."""
        m: cython.Py_ssize_t = self.walks[d].head
        self.walks[d].head = self.pool[m].next
        if self.walks[d].head < 0:
            self.walks[d].tail = -1
        self.walks[d].pending -= 1
        # The pool has as many places as `done`, and a message is in either once.
        self.done[self.done_count] = m
        self.done_count += 1
        return 0

    @cython.cfunc
    def _give_up(self, d: cython.Py_ssize_t) -> cython.int:
        """The current message will never be complete: it yields no row."""
        m: cython.Py_ssize_t = self.walks[d].message
        self.pool[m].opcode = _VOID
        self.pool[m].end = self.walks[d].begin
        self.walks[d].message = -1
        self.walks[d].compressed = 0
        self.walks[d].utf8_need = _UTF8_OFF
        return 0

    # --- gaps and unknown bytes

    @cython.cfunc
    def _gap(self, i: cython.Py_ssize_t, d: cython.Py_ssize_t) -> cython.int:
        """Bytes are missing: go on inside a known frame, else search."""
        left: cython.longlong = self.chunks[i].length
        n: cython.longlong
        mode: cython.int = self.walks[d].mode
        if self.chunks[i].kind == _GAP_CUT:
            self.walks[d].unparsed_bytes += left
        if mode == _PAYLOAD:
            # The frame's length is known, so its end is, although bytes are not.
            n = self.walks[d].payload_left
            if n > left:
                n = left
            if self.chunks[i].packet > self.walks[d].ready_packet:
                self.walks[d].ready_packet = self.chunks[i].packet
            self._touch(i, d)
            self.walks[d].payload_left -= n
            self.walks[d].missing += n
            self.walks[d].phase = (self.walks[d].phase + n) & 3
            self.walks[d].utf8_need = _UTF8_OFF
            if self.walks[d].message >= 0:
                self.pool[self.walks[d].message].damaged = 1
            if self.walks[d].keep:
                self._fragment(i, d, -1, n)
            left -= n
            if self.walks[d].payload_left == 0:
                self._end_frame(i, d, self.chunks[i].offset + n)
            mode = self.walks[d].mode
        if left > 0:
            if mode == _HEADER:
                self._lose(i, d)
            if mode != _IGNORE:
                self._ask(i, d, -1)
        return 0

    @cython.cfunc
    def _lose(self, i: cython.Py_ssize_t, d: cython.Py_ssize_t) -> cython.int:
        """The place of the next header is not known any more."""
        self._oddity(i, d, _FRAMING_LOST, 0)
        self.walks[d].unparsed_bytes += self.walks[d].have
        if self.walks[d].message >= 0:
            self._give_up(d)
        self.walks[d].mode = _SEEK
        self.walks[d].have = 0
        self.walks[d].share = 0
        self.walks[d].skipped = 0
        self.walks[d].tolerant = 1
        if self.walks[d].keep:
            self._fragment(i, d, -1, 0)
        return 0

    @cython.cfunc
    def _ask(self, i: cython.Py_ssize_t, d: cython.Py_ssize_t, p: cython.Py_ssize_t) -> cython.int:
        """Show row `i` from byte `p` on to the seeker; walk what it gives back.

        `p` is -1 for a gap. The seeker may open connections and change modes.
        """
        n: cython.longlong = 0
        replay: Any
        kept: Any
        j: cython.Py_ssize_t
        if p >= 0:
            n = self.chunks[i].start + self.chunks[i].length - p
            if n <= 0:
                return 0
            self.walks[d].unparsed_bytes += n
            self.walks[d].skipped += n
        kept = np.asarray(self.chunks)
        replay = self.seeker.show(self, kept[i], p, self.records)
        if replay is None or len(replay) == 0:
            return 0
        # The seeker has appended bytes, which may have moved the buffer.
        self.data = self.records.data
        self.chunks = _record(replay)
        for j in range(self.chunks.shape[0]):
            if self.chunks[j].kind == _DATA:
                self.walks[self.chunks[j].direction].unparsed_bytes -= self.chunks[j].length
            self._row(j)
        self.chunks = kept
        return 0

    # --- rows out

    @cython.cfunc
    def _control_row(self, d: cython.Py_ssize_t, f: cython.Py_ssize_t) -> cython.int:
        c: cython.Py_ssize_t = self.control_count
        length: cython.longlong = self.walks[d].payload_bytes
        j: cython.Py_ssize_t
        if length > _MAX_CONTROL:
            length = _MAX_CONTROL
        if c >= self.controls.shape[0]:
            self._grow("controls", c + 1)
        if self.control_used + length > self.control_bytes.shape[0]:
            self._grow("control_bytes", self.control_used + length)
        for j in range(length):
            self.control_bytes[self.control_used + j] = self.control[d, j]
        self.controls[c].row = f
        self.controls[c].start = self.control_used
        self.controls[c].length = length
        self.controls[c].complete = 0 if self.walks[d].missing else 1
        self.control_used += length
        self.control_count += 1
        return 0

    @cython.cfunc
    def _fragment(
        self, i: cython.Py_ssize_t, d: cython.Py_ssize_t, p: cython.longlong, n: cython.longlong
    ) -> cython.int:
        f: cython.Py_ssize_t = self.fragment_count
        if f >= self.fragments.shape[0]:
            self._grow("fragments", f + 1)
        self.fragments[f].start = p
        self.fragments[f].length = n
        self.fragments[f].packet = self.chunks[i].packet
        self.fragments[f].frame = self.walks[d].frame
        self.fragments[f].message = self.walks[d].message
        self.fragments[f].direction = d
        self.fragments[f].first = 0
        self.fragments[f].last = 0
        self.fragments[f].compressed = self.walks[d].compressed
        self.fragments[f].text = 0
        if self.walks[d].message >= 0:
            self.fragments[f].text = self.pool[self.walks[d].message].opcode == _TEXT
        self.fragment_count += 1
        return 0

    @cython.cfunc
    def _oddity(
        self, i: cython.Py_ssize_t, d: cython.Py_ssize_t, kind: cython.int, detail: cython.longlong
    ) -> cython.int:
        o: cython.Py_ssize_t = self.oddity_count
        if o >= self.oddities.shape[0]:
            self._grow("oddities", o + 1)
        self.oddities[o].packet = self.chunks[i].packet
        self.oddities[o].frame = self.walks[d].frame
        self.oddities[o].detail = detail
        self.oddities[o].direction = d
        self.oddities[o].kind = kind
        self.oddity_count += 1
        return 0


_PY_NULL = -(2**63)
_ROWS = {
    "walks": layout.WALK,
    "pool": layout.MESSAGE,
    "frames": layout.FRAME,
    "controls": layout.CONTROL,
    "fragments": layout.FRAGMENT,
    "oddities": layout.ODDITY,
}
_ZEROED = [
    name
    for name in layout.WALK.names or ()
    if name
    not in ("connection", "acked", "last_key", "first_data_time", "message", "head", "tail")
]


def layout_chunk() -> np.dtype[np.void]:
    """Return the dtype of the rows that the walk reads."""
    from analyzer.tcp.bytestream import CHUNK

    return CHUNK


def _record(rows: Any) -> Any:
    """Return a view whose elements have attributes, as the uncompiled walk needs."""
    return rows.view(np.recarray)
