"""The state of the assembly of streams: arrays of structs, limits, and how they grow.

Knows the layouts (tcp.connections, tcp.bytestream). Must not know what a segment means.
The assembly is one class in ten files, each a base of the next: _state, _rows, _copies,
_delivery, _ordering, _lookup, _lifecycle, _openings, _doubts, _assembly. Each has a .pxd
beside it with its C declarations.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from typing import Any

import cython
import numpy as np

from analyzer.columns import NULL, Rows
from analyzer.findings import Finding
from analyzer.options import Options
from analyzer.packets.segments import SEGMENT
from analyzer.tcp import bytestream, connections, lifecycle

# C copies of names: a kernel reads a C integer where it would else look up a Python
# object per row; so it would for literals beyond 31 bits.
_NULL = cython.declare(cython.longlong, NULL)
_FIRST_SLOTS = cython.declare(cython.Py_ssize_t, 1024)


def record_view(array: Rows) -> Any:
    """Return `array` as a kernel takes it: with fields as attributes, uncompiled."""
    return array if cython.compiled else array.view(np.recarray)


@cython.cclass
class AssemblerState:
    """Arrays, counters and growth.

    Args:
        options: limits.
    """

    def __init__(self, options: Options) -> None:
        self.max_connections = max(1, options.max_connections)
        self.max_finished = max(0, options.max_finished_connections)
        self.max_held = options.max_held_bytes
        self.max_held_total = options.max_held_bytes_total
        self.lost_after = max(1, options.lost_after_segments)
        self.copy_window = int(options.duplicate_window_s * 1e9)
        self.remembered = options.max_remembered_packets
        self.linger = int(options.closed_linger_s * 1e9)
        self.max_idle = int((options.max_idle_s or 0.0) * 1e9)
        self.keep_first = options.overlap_policy == "first"
        # Keyed, so that no traffic can be made that fills one place of the table.
        self.key0 = int.from_bytes(os.urandom(8), "little") | 1
        self.key1 = int.from_bytes(os.urandom(8), "little") | 1
        self.key2 = int.from_bytes(os.urandom(8), "little") | 1
        self._begin_numbers()
        self._begin_objects()
        self.data = np.zeros(0, np.uint8)
        self.arena = np.zeros(connections.ARENA_BYTES, np.uint8)
        self.transitions = lifecycle.transition_array()
        self.hashes = np.zeros(connections.BLOCK, np.uint32)
        self.guesses = np.zeros(connections.BLOCK, np.intp)
        self.segments = record_view(np.zeros(0, SEGMENT))
        self.recents = record_view(np.zeros(connections.RECENTS, connections.RECENT))
        self.index = np.zeros(connections.RECENT_PLACES, np.int64)
        self.pieces = record_view(np.zeros(connections.PIECES, connections.PIECE))
        self._make_blanks()
        self.arrays = {
            "chunks": np.zeros(0, bytestream.CHUNK),
            "table": np.zeros(1024, connections.ENTRY),
        }
        for name, (dtype, _) in _GROWING.items():
            self.arrays[name] = np.zeros(0, dtype)
        self._bind()

    def _begin_numbers(self) -> None:
        self.packet = self.time = self.row_acked = 0
        self.row_flags = self.header = self.payload = self.wire = 0
        self.link = self.ip = self.window = 0
        self.news = False
        self.row_count = self.capacity = self.side = 0
        self.hashed = 0
        self.clock = _NULL
        self.due = _NULL  # so that the first packet with a time is noticed
        self.sweep_at = 2**63 - 1
        self.idle_count = self.evicted_count = 0
        self.head = self.streams = self.held_total = 0
        self.recent_head = self.piece_head = 0
        self.mapped = self.fresh = 0
        self.copies = self.first_copy = self.seen = 0
        self.settling = self.replaying = False
        self.split_stream = self.split_side = -1

    def _begin_objects(self) -> None:
        self.records = None
        self.segment_rows = np.zeros(0, SEGMENT)
        self.held = {}
        self.free = []
        self.retired = []
        self.open_streams = OrderedDict()
        self.left_streams = OrderedDict()
        self.closing = OrderedDict()
        self.ahead = {}  # idle ones whose last packet is later than the clock, which was set back
        self.shadows = {}
        self.shaded = 0
        self.doubtful = {}  # by slot: segments that may begin another connection
        self.opened = []
        self.ended = []
        self.found = []

    def _make_blanks(self) -> None:
        """Make the rows that a new connection begins with."""
        link = np.zeros(1, bytestream.CONNECTION)
        for name in ("syn_time", "synack_time", "established_time", "fin_time", "closed_time"):
            link[name] = NULL
        link["fin_side"] = link["reset_side"] = -1
        track = np.zeros(1, connections.TRACK)
        track["fin"] = track["held_from"] = -1
        rare = np.zeros(1, connections.RARE)
        rare["mark"] = rare["isn"] = rare["scale"] = rare["other_base"] = -1
        self.blank_link = record_view(link)
        self.blank_track = record_view(track)
        self.blank_rare = record_view(rare)
        self.blank_slot = record_view(np.zeros(1, connections.SLOT))
        self.blank_count = record_view(np.zeros(1, connections.COUNT))
        self.blank_sum = record_view(np.zeros(1, bytestream.DIRECTION))

    def _bind(self) -> None:
        """Take views of all growing arrays, after any of them was replaced."""
        arrays = self.arrays
        self.chunks = record_view(arrays["chunks"])
        self.table = record_view(arrays["table"])
        self.slots = record_view(arrays["slots"])
        self.tracks = record_view(arrays["tracks"])
        self.counts = record_view(arrays["counts"])
        self.rares = record_view(arrays["rares"])
        self.links = record_view(arrays["links"])
        self.sums = record_view(arrays["sums"])
        self.capacity = len(arrays["chunks"])

    @cython.cfunc
    @cython.inline
    @cython.exceptval(check=False)
    def _flags(self, i: cython.Py_ssize_t) -> cython.int:
        """Return the TCP flags of segment `i`; numpy has its own `flags`."""
        if cython.compiled:
            return self.segments[i].flags
        return int(self.segments[i]["flags"])

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
            self._grow_slots()
        return s

    def _grow_slots(self) -> None:
        # By 8, not by 2: what is not used yet costs no memory, but copying does cost.
        room: int = max(_FIRST_SLOTS, 8 * len(self.slots))
        for name, (dtype, each) in _GROWING.items():
            old: Rows = self.arrays[name]
            bigger = connections.aligned(room * each, dtype)
            bigger[: len(old)] = old
            self.arrays[name] = bigger
        self._bind()

    @cython.cfunc
    def _blank(self, s: cython.Py_ssize_t) -> cython.int:
        """Reset slot `s` for a new connection."""
        d: cython.Py_ssize_t
        if self.shadows:
            gone = self.shadows.pop(s, None)
            if gone is not None:
                self.shaded -= len(gone[2])
        self.slots[s] = self.blank_slot[0]
        self.links[s] = self.blank_link[0]
        for d in range(2 * s, 2 * s + 2):
            self.tracks[d] = self.blank_track[0]
            self.counts[d] = self.blank_count[0]
            self.rares[d] = self.blank_rare[0]
            self.sums[d] = self.blank_sum[0]
        return 0

    def _used(self, name: str) -> Rows:
        """Return a growing array as far as slots were ever used, and a quarter more at most.

        Other stages take state for all that is returned, so it may not change with each slot.
        """
        array: Rows = self.arrays[name]
        room: int = 256
        while room < self.fresh:
            room += max(256, room // 4)
        return array[: room * _GROWING[name][1]]

    def _note(self, kind: Any, slot: int, packet: int, detail: Any) -> None:
        self.found.append(Finding(kind, slot=slot, packet=int(packet), detail=detail))

    def _note_side(self, kind: Any, slot: int, packet: int, detail: Any, direction: int) -> None:
        self.found.append(
            Finding(kind, slot=slot, packet=int(packet), detail=int(detail), direction=direction)
        )


_GROWING = {
    "slots": (connections.SLOT, 1),
    "tracks": (connections.TRACK, 2),
    "counts": (connections.COUNT, 2),
    "rares": (connections.RARE, 2),
    "links": (bytestream.CONNECTION, 1),
    "sums": (bytestream.DIRECTION, 2),
}
"""Arrays by slot: their dtype, and their rows per connection."""
