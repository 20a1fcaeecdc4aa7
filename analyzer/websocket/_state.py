"""The state of the frame walk, and the rows that it writes.

One WALK row per direction, the pool of messages that are not complete in all their
costs, and the batch's frames, control payloads, fragments and oddities: arrays of
structs that the kernels above this one share. Knows their layout (websocket.frames) and
how they grow; must not know what the bytes mean.

The kernels are one class in eight files, each a base of the next: _state, _silence, _waits,
_costs, _payload, _messages, _rules, _frames. Each has a .pxd beside it with its C declarations.
"""

from __future__ import annotations

from typing import Any

import cython
import numpy as np

from analyzer import findings
from analyzer.columns import NULL, Rows, grown
from analyzer.tcp.bytestream import CHUNK
from analyzer.websocket import frames as layout
from analyzer.websocket.overlong import LongControl, Overlong

# C copies of names: a kernel reads a C integer where it would else look up a
# Python object per row; so it would for literals beyond 31 bits.
_NULL = cython.declare(cython.longlong, NULL)
_HEADER = cython.declare(cython.int, layout.HEADER)
_MAX_CONTROL = cython.declare(cython.int, layout.MAX_CONTROL)
_BINARY = cython.declare(cython.int, 2)
_TEXT = cython.declare(cython.int, 1)
_FREE = cython.declare(cython.int, layout.FREE)
_FRAMING_LOST = cython.declare(cython.int, findings.WEBSOCKET_FRAMING_LOST.code)
_TOO_BIG = cython.declare(cython.int, findings.WEBSOCKET_LENGTH_TOO_BIG.code)


@cython.cclass
class WalkState:
    """Arrays, counters and growth.

    Args:
        preview_bytes: how much of an uncompressed message's payload is kept beside it.
        max_pending: messages of a direction that may wait for an ACK.
        seeker: called where the walk cannot go on by itself; see websocket.seeking.
    """

    def __init__(self, preview_bytes: int, max_pending: int, seeker: Any) -> None:
        self.preview_bytes = preview_bytes
        self.max_pending = max(1, max_pending)
        self.seeker = seeker
        self.overlong = Overlong()
        # Control frames beyond 125 bytes, by their row in `controls`.
        self.overlong_rows: dict[int, LongControl] = {}
        # Waits that may be taken back: by message (in the pool), the bytes sent again, how long it
        # had waited, its `resent_until` before, when they were sent.
        self.sent_again: dict[int, list[tuple[int, int, int, int, int]]] = {}
        self.records = None
        self.chunk_rows: Any = None
        self.reserved = 0
        self.free_count = self.done_count = self.frame_count = 0
        self.control_count = self.control_used = 0
        self.fragment_count = self.oddity_count = self.ack_count = 0
        self._arrays: dict[str, Any] = {}
        self.data = np.zeros(0, np.uint8)
        self.pattern = np.zeros(64, np.uint8)
        self.partial = self.control = self.vouched = np.zeros((0, 0), np.uint8)
        self.previews = np.zeros((0, max(1, preview_bytes)), np.uint8)
        self.numbers = np.zeros((0, 3), np.int64)
        self.free = self.done = np.zeros(0, np.int32)
        self.control_bytes = np.zeros(4096, np.uint8)
        self._arrays["control_bytes"] = np.asarray(self.control_bytes)
        self.chunks = record_view(np.zeros(0, CHUNK))
        self.blank = record_view(_blank_walk())
        for name, dtype in _ROWS.items():
            self._arrays[name] = np.zeros(0 if name == "walks" else 64, dtype)
        self._bind()
        self._grow_pool()

    def _bind(self) -> None:
        """Take views of all growing arrays, after any of them was replaced."""
        arrays = self._arrays
        self.walks = record_view(arrays["walks"])
        self.pool = record_view(arrays["pool"])
        self.frames = record_view(arrays["frames"])
        self.controls = record_view(arrays["controls"])
        self.fragments = record_view(arrays["fragments"])
        self.oddities = record_view(arrays["oddities"])
        self.acks = record_view(arrays["acks"])
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

    def reserve(self, slots: int) -> None:
        """Make room for `slots` TCP connections; new ones begin in mode PROBE."""
        d: cython.Py_ssize_t
        if slots > len(self.numbers):
            self._widen(slots)
        # Those beyond stay untouched, and cost no memory.
        for d in range(2 * self.reserved, 2 * slots):
            self.walks[d] = self.blank[0]
        self.reserved = max(self.reserved, slots)

    def _widen(self, slots: int) -> None:
        old: int = len(self.numbers)
        new: int = max(slots, 2 * old, 16)
        self._grow("walks", 2 * new)
        numbers = np.zeros((new, 3), np.int64)
        numbers[:, 2] = NULL
        numbers[:old] = np.asarray(self.numbers)
        self.numbers = numbers
        partial = np.zeros((2 * new, 16), np.uint8)
        control = np.zeros((2 * new, 128), np.uint8)
        # A bit for each pair of first byte and mask bit.
        vouched = np.zeros((2 * new, 64), np.uint8)
        if old:
            vouched[: 2 * old] = np.asarray(self.vouched)[: 2 * old]
            partial[: 2 * old] = np.asarray(self.partial)[: 2 * old]
            control[: 2 * old] = np.asarray(self.control)[: 2 * old]
        self.partial = partial
        self.control = control
        self.vouched = vouched

    def reset(self, slot: cython.Py_ssize_t) -> None:
        """Forget a connection; its slot begins in mode PROBE."""
        self.walks[2 * slot] = self.blank[0]
        self.walks[2 * slot + 1] = self.blank[0]
        self.numbers[slot, 0] = 0
        self.numbers[slot, 1] = 0
        self.numbers[slot, 2] = _NULL
        k: cython.Py_ssize_t
        for k in range(64):
            self.vouched[2 * slot, k] = self.vouched[2 * slot + 1, k] = 0
        if self.overlong.growing:
            self.overlong.forget(2 * slot)
            self.overlong.forget(2 * slot + 1)

    def open(
        self,
        direction: cython.Py_ssize_t,
        connection: cython.longlong,
        sender: cython.int,
        rules: tuple[int, int, int, int],
    ) -> None:
        """Begin to read frames in a direction.

        Args:
            direction: 2 * slot + side.
            connection: WebSocket connection number.
            sender: CLIENT or SERVER.
            rules: reserved bits allowed, permessage-deflate negotiated, KEEP_*,
                whether a message may be joined in its middle.
        """
        self.walks[direction].connection = connection
        self.walks[direction].sender = sender
        self.walks[direction].mode = _HEADER
        self.walks[direction].rsv_allowed = rules[0]
        self.walks[direction].deflate = rules[1]
        self.walks[direction].keep = rules[2]
        self.walks[direction].tolerant = rules[3]

    def begun(self, d: cython.Py_ssize_t, packet: cython.longlong, time: cython.longlong) -> None:
        """Note the last byte of direction `d` before its first frame: its part of the handshake."""
        if time != _NULL and packet >= self.walks[d].heard_packet:
            self.walks[d].heard_packet = self.walks[d].life_packet = packet
            self.walks[d].heard_time = self.walks[d].life_time = time

    def path(self, d: cython.Py_ssize_t, round_trip: cython.longlong, mss: cython.int) -> None:
        """Note what TCP's handshake said about direction `d`: ns to its receiver and back, MSS."""
        self.walks[d].round_trip = round_trip
        self.walks[d].mss = mss

    def ending(self, d: cython.Py_ssize_t) -> tuple[int, ...]:
        """Return the values of frames.Ending for a direction."""
        m: cython.Py_ssize_t = self.walks[d].message
        return (
            self.walks[d].mode,
            self.walks[d].have if self.walks[d].mode == _HEADER else 0,
            self.walks[d].payload_left,
            1 if self.walks[d].message >= 0 else 0,
            self.walks[d].packet_last,
            self.walks[d].frame,
            self.walks[d].frames,
            self.walks[d].messages,
            self.walks[d].message_bytes,
            self.walks[d].ws_header_bytes,
            self.walks[d].ws_control_bytes,
            self.walks[d].transfer_bytes,
            self.walks[d].unparsed_bytes,
            self.walks[d].first_data_time,
            self.walks[d].end_packet,
            self.walks[d].end_time,
            self.walks[d].quiet_time,
            self.walks[d].ended_by_close,
            self.walks[d].heard_packet,
            self.walks[d].heard_time,
            self.walks[d].life_time,
            self.walks[d].shut_total,
            self.walks[d].shut_since,
            self.pool[m].packet_last if m >= 0 else 0,
            self.walks[d].data_frame,
        )

    def keys(self, d: cython.Py_ssize_t) -> tuple[Any, ...]:
        """Return the values of frames.Keys for a direction."""
        return (
            self.walks[d].repeated_keys,
            self.walks[d].stepped_keys,
            self.walks[d].zero_keys,
            (self.walks[d].repeat_packet, self.walks[d].repeat_frame),
            (self.walks[d].step_packet, self.walks[d].step_frame),
            (self.walks[d].zero_packet, self.walks[d].zero_frame),
        )

    def vouch(self, d: cython.Py_ssize_t, first: cython.int, is_masked: cython.int) -> None:
        """Take headers with this first byte and mask bit for headers from now on."""
        bit: cython.int = 2 * first + is_masked
        self.vouched[d, bit >> 3] = int(self.vouched[d, bit >> 3]) | (1 << (bit & 7))

    def header_begun(self, d: cython.Py_ssize_t) -> bytes:
        """Return the bytes of a header that is not whole."""
        return bytes(np.asarray(self.partial)[d, : self.walks[d].have])

    def begin_batch(self) -> None:
        """Forget the rows of the batch before."""
        if self.overlong_rows:
            self.overlong_rows = {}
        self.frame_count = self.control_count = self.control_used = 0
        self.fragment_count = self.oddity_count = self.ack_count = 0

    def rows(self, name: str) -> Rows:
        """Return the batch's rows: frames, controls, fragments, oddities, acks, or all walks."""
        counts = {
            "frames": self.frame_count,
            "controls": self.control_count,
            "fragments": self.fragment_count,
            "oddities": self.oddity_count,
            "acks": self.ack_count,
            "control_bytes": self.control_used,
        }
        array: Rows = self._arrays[name]
        return array[: counts[name]] if name in counts else array

    def held_bytes(self) -> int:
        """Return the bytes of the state of directions, and of the pool of messages."""
        kept = (*(self._arrays[name] for name in ("walks", "pool")), self.previews, self.control)
        return sum(np.asarray(each).nbytes for each in kept)

    def finished(self) -> Any:
        """Return int32 pool indices of the messages that are complete, in order."""
        return np.asarray(self.done)[: self.done_count]

    def preview_rows(self) -> Any:
        """Return uint8 (pool, preview_bytes): first payload bytes by pool index."""
        return np.asarray(self.previews)

    def recycle(self) -> None:
        """Take back the pool entries of the finished messages; sum up their payload."""
        i: cython.Py_ssize_t
        m: cython.Py_ssize_t
        for i in range(self.done_count):
            m = self.done[i]
            if self.pool[m].opcode <= _BINARY and self.pool[m].payload_bytes >= 0:
                self.walks[self.pool[m].direction].message_bytes += self.pool[m].payload_bytes
            self.pool[m].told = _FREE
            self.free[self.free_count] = self.done[i]
            self.free_count += 1
        self.done_count = 0

    @cython.cfunc
    def _control_row(
        self, d: cython.Py_ssize_t, f: cython.Py_ssize_t, end: cython.longlong
    ) -> cython.int:
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
        self.controls[c].end = end
        if self.walks[d].payload_bytes > _MAX_CONTROL:
            self.overlong_rows[c] = self.overlong.end(d)
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
        # Row -1: no row brings it; it says that the place in the stream is lost.
        self.fragments[f].packet = self.chunks[i].packet if i >= 0 else 0
        self.fragments[f].frame = self.walks[d].frame
        self.fragments[f].message = self.walks[d].message
        self.fragments[f].direction = d
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
        # Where there is no header there is no frame.
        self.oddities[o].frame = (
            -1 if kind == _FRAMING_LOST or kind == _TOO_BIG else self.walks[d].frame
        )
        self.oddities[o].detail = detail
        self.oddities[o].direction = d
        self.oddities[o].kind = kind
        self.oddity_count += 1
        return 0


_ROWS = {
    "walks": layout.WALK,
    "pool": layout.MESSAGE,
    "frames": layout.FRAME,
    "controls": layout.CONTROL,
    "fragments": layout.FRAGMENT,
    "oddities": layout.ODDITY,
    "acks": layout.ACK,
}


def _blank_walk() -> Rows:
    """Return the row of a direction about which nothing is known."""
    rows = np.zeros(1, layout.WALK)
    for name in (
        *("connection", "acked", "last_key", "first_data_time", "heard_time"),
        *("before_time", "end_time", "quiet_time", "life_time"),
        *("shut_since", "shut_from", "shut_until", "shut_seen", "round_trip", "ack_delay"),
    ):
        rows[name] = NULL
    for name in ("message", "head", "tail"):
        rows[name] = -1
    rows["utf8_need"] = -2
    return rows


def record_view(rows: Any) -> Any:
    """Return rows as the walk takes them: with fields as attributes, uncompiled."""
    return rows if cython.compiled else rows.view(np.recarray)
