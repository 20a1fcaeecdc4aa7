"""Kernel: when a proxy that buffers would have passed a stream's messages on.

A stream's bytes wait in a buffer until it is full, until a time after its first byte, or until the
stream closes; docs/alternatives.md has the rule and its reason. Keeps no message: how long those
in the buffer have waited is in classes. Knows times and sizes. Must not know headers. Called by
alternatives._schedule; tests/oracle/buffers.py is its plain twin.
"""

from __future__ import annotations

from typing import Any

import cython
import numpy as np

from analyzer.alternatives import lanes as layout
from analyzer.columns import NULL, grown
from analyzer.tcp._state import record_view

# C copies of names, as in alternatives._schedule.
_NULL = cython.declare(cython.longlong, NULL)
_SIZE_CLASSES = cython.declare(cython.int, layout.SIZE_CLASSES)
_DELAY_CLASSES = cython.declare(cython.int, layout.DELAY_CLASSES)
_MOST = cython.declare(cython.longlong, 2**61)


@cython.cclass
class Buffers:
    """One buffer and its lane for each connection, by the small number of each.

    Args:
        room: bytes of a buffer.
        wait: ns after its first byte at which a buffer is passed on; NULL: never.
    """

    def __init__(self, room: int, wait: int) -> None:
        self.room = max(room, 1)
        self.wait = wait
        self._arrays = {
            "buffers": np.zeros(0, layout.BUFFER),
            "lanes": np.zeros(0, layout.LANE),
            "sizes": np.zeros((0, _SIZE_CLASSES), np.int32),
            "delays": np.zeros((0, _DELAY_CLASSES), np.int32),
            "waiting": np.zeros((0, _DELAY_CLASSES), np.int32),
        }
        self._grow(16)

    def _grow(self, count: int) -> None:
        arrays = self._arrays
        arrays["buffers"] = grown(arrays["buffers"], count)
        self._count = len(arrays["buffers"])
        for name in ("lanes", "sizes", "delays", "waiting"):
            known = arrays[name]
            arrays[name] = np.zeros((self._count, *known.shape[1:]), known.dtype)
            arrays[name][: len(known)] = known
        self.buffers = record_view(arrays["buffers"])
        self.lanes = record_view(arrays["lanes"])
        self.sizes = arrays["sizes"]
        self.delays = arrays["delays"]
        self.waiting = arrays["waiting"]

    def open(self, numbers: Any, origins: Any, mss: Any) -> None:
        """Begin connections again.

        Args:
            numbers: int64, the small number of each.
            origins: int64, ns: its opening.
            mss: int64, payload bytes of a full segment.
        """
        most = int(numbers.max())
        if most >= self._count:
            self._grow(most + 1)
        for name in ("sizes", "delays", "waiting"):
            self._arrays[name][numbers] = 0
        self._arrays["lanes"][numbers] = np.zeros(1, layout.LANE)
        begun = np.zeros(len(numbers), layout.BUFFER)
        begun["origin"] = origins
        begun["mss"] = np.maximum(mss, 1)
        begun["size_class"] = begun["mss"] // _SIZE_CLASSES + 1
        begun["offset_class"] = begun["delay_class"] = 1
        self._arrays["buffers"][numbers] = begun

    def rows_of(self, name: str, numbers: Any) -> Any:
        """Return "lanes", "sizes" or "delays" of connections, one lane each."""
        return self._arrays[name].take(numbers, axis=0)[:, None]

    def ranges_of(self, numbers: Any) -> Any:
        """Return ns that the classes of delays of connections span together, int64."""
        return self._arrays["buffers"]["delay_class"].take(numbers) * _DELAY_CLASSES - 1

    def add(
        self,
        numbers: cython.int[::1],
        senders: cython.uchar[::1],
        times: cython.longlong[::1],
        sizes: cython.longlong[::1],
        replies: cython.uchar[::1],
    ) -> None:
        """Take messages as Schedule.add does; what the client sends and replies pass by."""
        i: cython.Py_ssize_t
        c: cython.Py_ssize_t
        time: cython.longlong
        size: cython.longlong
        for i in range(len(numbers)):
            c = numbers[i]
            if c < 0 or c >= self._count or senders[i] == 0:
                continue
            time = self.buffers[c].latest
            if times[i] != _NULL and times[i] - self.buffers[c].origin > time:
                time = times[i] - self.buffers[c].origin
            self.buffers[c].latest = time
            if replies[i]:
                continue
            size = sizes[i] if sizes[i] > 0 else 0
            self._take(c, time, size if size < _MOST else _MOST)

    def finish(self, numbers: cython.longlong[::1], ends: cython.longlong[::1]) -> None:
        """Close streams: what is left in their buffers is passed on.

        Args:
            numbers: of the connections.
            ends: ns since the origin of each.
        """
        i: cython.Py_ssize_t
        c: cython.Py_ssize_t
        now: cython.longlong
        for i in range(len(numbers)):
            c = numbers[i]
            if c < 0 or c >= self._count or self.buffers[c].filled == 0:
                continue
            now = self.buffers[c].latest
            if ends[i] > now:
                now = ends[i]
            if self.wait != _NULL and now - self.buffers[c].first > self.wait:
                now = self.buffers[c].first + self.wait
            self._pass_on(c, now)

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _take(
        self, c: cython.Py_ssize_t, time: cython.longlong, size: cython.longlong
    ) -> cython.int:
        """Put a message into the buffer; pass on what is due, and all buffers that it fills."""
        # One byte between messages, as about every way to list them has it.
        whole: cython.longlong
        left: cython.longlong
        if (
            self.buffers[c].filled
            and self.wait != _NULL
            and time - self.buffers[c].first >= self.wait
        ):
            self._pass_on(c, self.buffers[c].first + self.wait)
        if self.buffers[c].filled == 0:
            self.buffers[c].first = time
        whole = self.buffers[c].filled + size + 1
        left = whole % self.room
        if whole < self.room:
            self.buffers[c].filled = whole
            self._hold(c, time - self.buffers[c].first)
            return 0
        if left == 0:
            # Its last byte is the buffer's: it does not wait, and is in no class.
            self.buffers[c].messages += 1
            self.buffers[c].offsets += time - self.buffers[c].first
        self._write(c, whole - left, time)
        self.buffers[c].filled = left
        self.buffers[c].first = time
        if left:
            self._hold(c, 0)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _hold(self, c: cython.Py_ssize_t, offset: cython.longlong) -> cython.int:
        """Note a message whose last byte came `offset` ns after the buffer's first."""
        k: cython.int
        while offset // self.buffers[c].offset_class >= _DELAY_CLASSES:
            # Two classes become one.
            self.buffers[c].offset_class *= 2
            for k in range(_DELAY_CLASSES // 2):
                self.waiting[c, k] = self.waiting[c, 2 * k] + self.waiting[c, 2 * k + 1]
            for k in range(_DELAY_CLASSES // 2, _DELAY_CLASSES):
                self.waiting[c, k] = 0
        self.waiting[c, offset // self.buffers[c].offset_class] += 1
        self.buffers[c].messages += 1
        self.buffers[c].offsets += offset
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _pass_on(self, c: cython.Py_ssize_t, now: cython.longlong) -> cython.int:
        """Pass on a buffer that is not full."""
        self._write(c, self.buffers[c].filled, now)
        self.buffers[c].filled = 0
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _write(
        self, c: cython.Py_ssize_t, body: cython.longlong, now: cython.longlong
    ) -> cython.int:
        """Count one write of the proxy, and the messages that end in it."""
        messages: cython.longlong = self.buffers[c].messages
        mss: cython.longlong = self.buffers[c].mss
        self.lanes[c].answers += 1
        self.lanes[c].messages += messages
        self.lanes[c].payload_bytes += body - messages
        self.lanes[c].full_segments += body // mss
        self.sizes[c, (body % mss) // self.buffers[c].size_class] += 1
        return self._deliver(c, now)

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _deliver(self, c: cython.Py_ssize_t, now: cython.longlong) -> cython.int:
        """Let the messages in the buffer arrive: their waits, in total exactly, and by class."""
        k: cython.int
        offset: cython.longlong
        longest: cython.longlong = now - self.buffers[c].first
        width: cython.longlong = self.buffers[c].offset_class
        self.lanes[c].delay += (
            cython.cast(cython.double, longest) * self.buffers[c].messages - self.buffers[c].offsets
        )
        for k in range(_DELAY_CLASSES):
            if self.waiting[c, k]:
                offset = k * width + width // 2
                self._delay(c, longest - offset, self.waiting[c, k])
                self.waiting[c, k] = 0
        self.buffers[c].messages = 0
        self.buffers[c].offsets = 0
        self.buffers[c].offset_class = 1
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _delay(self, c: cython.Py_ssize_t, wait: cython.longlong, count: cython.int) -> cython.int:
        """Count in classes, which double where a wait lies above them; no wait has no class."""
        k: cython.int
        if wait <= 0:
            return 0
        while wait // self.buffers[c].delay_class >= _DELAY_CLASSES:
            self.buffers[c].delay_class *= 2
            for k in range(_DELAY_CLASSES // 2):
                self.delays[c, k] = self.delays[c, 2 * k] + self.delays[c, 2 * k + 1]
            for k in range(_DELAY_CLASSES // 2, _DELAY_CLASSES):
                self.delays[c, k] = 0
        self.delays[c, wait // self.buffers[c].delay_class] += count
        return 0
