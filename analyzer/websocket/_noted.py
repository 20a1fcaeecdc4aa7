"""The walk of a shard: notes with which packet each frame and message was complete.

Of several processes, each walks over the rows of its connections; what depends on the order among
all of them is decided behind them. Rows of frames and messages say which packets they are in, but
bytes that were read late (behind a hole, or before it was known what they are) count from then.
Knows the walk. Used by websocket.shard. One process alone has the walk as it is.
"""

from __future__ import annotations

from typing import Any

import cython
import numpy as np

if cython.compiled:
    from cython.cimports.analyzer.websocket._frames import FrameWalk
else:
    from analyzer.websocket._frames import FrameWalk

_BEGIN = cython.declare(cython.Py_ssize_t, 256)


@cython.cclass
class NotingWalk(FrameWalk):
    """The walk over the rows of a shard.

    A key is twice the number of the packet with which something became known, and one more for what
    does when the batch is over. With it goes the slot of the connection that ends; -1 without one.

    Attributes:
        now: the packet in work; never less than before.
        until: the last packet of the batch, of all shards.
    """

    def __init__(self, preview_bytes: int, max_pending: int, seeker: Any) -> None:
        FrameWalk.__init__(self, preview_bytes, max_pending, seeker)
        self.now = self.until = 0
        self.floors = np.zeros(64, np.int64)
        self.arrivals = np.zeros(_BEGIN, np.int64)
        self.frame_keys = np.zeros((_BEGIN, 2), np.int64)
        self.done_keys = np.zeros((_BEGIN, 2), np.int64)
        self.noted_frames = self.noted_fragments = self.noted_done = 0

    def begin_batch(self) -> None:
        """Begin a batch: what was noted of the one before is forgotten."""
        FrameWalk.begin_batch(self)
        self.noted_frames = self.noted_fragments = self.noted_done = 0

    def reach(self, packet: int) -> None:
        """Go on to what becomes known with a packet, or behind it."""
        if packet > self.now:
            self.now = packet

    def known_from(self, slot: int, packet: int) -> None:
        """Note that nothing of a slot is read before a packet, whatever its rows say."""
        if slot >= len(self.floors):
            wider = np.zeros(max(2 * len(self.floors), slot + 1), np.int64)
            wider[: len(self.floors)] = self.floors
            self.floors = wider
        self.floors[slot] = packet

    def flush(self, slot: int) -> None:
        """Let the messages of an ending connection go without further ACKs."""
        FrameWalk.flush(self, slot)
        last: cython.longlong = self.until if self.until > self.now else self.now
        self._note(2 * last + 1, slot)

    @cython.cfunc
    def _row(self, i: cython.Py_ssize_t) -> cython.int:
        packet: cython.longlong = self.chunks[i].packet
        slot: cython.Py_ssize_t = self.chunks[i].direction >> 1
        if self.chunks[i].done_packet > packet:
            packet = self.chunks[i].done_packet
        if slot < self.floors.shape[0] and self.floors[slot] > packet:
            packet = self.floors[slot]
        if packet > self.now:
            self.now = packet
        FrameWalk._row(self, i)
        return self._note(2 * self.now, -1)

    @cython.cfunc
    def _note(self, key: cython.longlong, ending: cython.longlong) -> cython.int:
        """Give what is new a key."""
        i: cython.Py_ssize_t = self.noted_frames
        m: cython.Py_ssize_t
        if i < self.frame_count:
            if self.frame_count > self.frame_keys.shape[0]:
                self.frame_keys = _wider(np.asarray(self.frame_keys), self.frame_count)
            while i < self.frame_count:
                self.frame_keys[i, 0] = key
                self.frame_keys[i, 1] = ending
                i += 1
            self.noted_frames = i
        i = self.noted_done
        if i < self.done_count:
            if self.done_count > self.done_keys.shape[0]:
                self.done_keys = _wider(np.asarray(self.done_keys), self.done_count)
            while i < self.done_count:
                self.done_keys[i, 0] = key
                self.done_keys[i, 1] = ending
                i += 1
            self.noted_done = i
        i = self.noted_fragments
        if i < self.fragment_count:
            if self.pool.shape[0] > self.arrivals.shape[0]:
                wider = np.zeros(self.pool.shape[0], np.int64)
                wider[: len(self.arrivals)] = self.arrivals
                self.arrivals = wider
            while i < self.fragment_count:
                m = self.fragments[i].message
                if m >= 0:
                    self.arrivals[m] = key >> 1
                i += 1
            self.noted_fragments = i
        return 0

    def arrived(self, places: Any) -> Any:
        """Return the packet with which each message was complete, by place in the pool, int64."""
        return np.asarray(self.arrivals).take(places, mode="clip")

    def arrival(self, place: cython.Py_ssize_t) -> int:
        """Return the same of one message."""
        return int(self.arrivals[place])

    def keys_of_frames(self) -> Any:
        """Return key and ending of each frame of the batch, int64, (count, 2)."""
        return np.asarray(self.frame_keys)[: self.noted_frames].copy()

    def keys_of_finished(self) -> Any:
        """Return key and ending of each message that is finished, int64, (count, 2)."""
        return np.asarray(self.done_keys)[: self.noted_done].copy()


def _wider(array: Any, rows: int) -> Any:
    wider = np.zeros((max(rows, 2 * len(array)), 2), np.int64)
    wider[: len(array)] = array
    return wider
