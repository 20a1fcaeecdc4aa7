"""Kernel: when and in which answers other transports would have delivered messages.

One pass over the messages of a batch, whatever connections they belong to; docs/alternatives.md has
the rules and their reasons. Knows times and sizes. Must not know headers or
packets' headers: these come later (alternatives.costs). Called by alternatives.stage;
tests/oracle/alternatives.py is its plain twin.
"""

from __future__ import annotations

from typing import Any

import cython
import numpy as np

from analyzer.alternatives import lanes as layout
from analyzer.alternatives._buffers import Buffers
from analyzer.alternatives.packets import ACK_DELAY_NS
from analyzer.columns import NULL, grown
from analyzer.tcp._state import record_view

# C copies of names: a kernel reads a C integer where it would else look up a
# Python object per row; so it would for literals beyond 31 bits.
_NULL = cython.declare(cython.longlong, NULL)
_POSTS = cython.declare(cython.int, layout.POSTS)
_PUSHES = cython.declare(cython.int, layout.PUSHES)
_WRITES = cython.declare(cython.int, layout.WRITES)
_LONG_POLL = cython.declare(cython.int, layout.LONG_POLL)
_REPLIES = cython.declare(cython.int, layout.REPLIES)
_FOLLOWERS = cython.declare(cython.int, layout.FOLLOWERS)
_PHASES = cython.declare(cython.int, layout.PHASES)
_SHORT_POLL = cython.declare(cython.int, layout.SHORT_POLL)
_SIZE_CLASSES = cython.declare(cython.int, layout.SIZE_CLASSES)
_DELAY_CLASSES = cython.declare(cython.int, layout.DELAY_CLASSES)
_KINDS = cython.declare(cython.int, layout.KINDS)
_SOON = cython.declare(cython.longlong, ACK_DELAY_NS)


@cython.cclass
class Schedule:
    """The lanes of all connections, by a small number of each (such as its slot).

    Args:
        intervals: ns between polls; each has PHASES lanes.
        buffered: bytes and ns that the buffer of a proxy holds (ns NULL: until it is full), which
            has the last lane; None: there is no such lane.
    """

    def __init__(self, intervals: Any, buffered: Any = None) -> None:
        self.buffers = None if buffered is None else Buffers(*buffered)
        self.intervals = np.ascontiguousarray(intervals, np.int64)
        self.width = _SHORT_POLL + _PHASES * len(intervals)
        # Lanes whose delays are in classes: of short polls the first phase tells of all.
        self._waits = [_LONG_POLL, *range(_SHORT_POLL, self.width, _PHASES)]
        self._arrays = {}
        self._count = 0
        self._grow(16)

    def _grow(self, count: int) -> None:
        arrays = self._arrays
        if not arrays:
            arrays["conversations"] = np.zeros(0, layout.CONVERSATION)
            arrays["lanes"] = np.zeros(0, layout.LANE)
            arrays["sizes"] = np.zeros((0, _SIZE_CLASSES), np.int32)
            # Of the lanes that somebody reads the delays of: see _waits.
            arrays["delays"] = np.zeros((0, _DELAY_CLASSES), np.int32)
            arrays["kinds"] = np.zeros(0, layout.KIND)
            arrays["latest"] = np.zeros(0, layout.LATEST)
        arrays["conversations"] = grown(arrays["conversations"], count)
        self._count = len(arrays["conversations"])
        rows = self._count * self.width
        arrays["lanes"] = grown(arrays["lanes"], rows)[:rows]
        waits = self._count * len(self._waits)
        for name, each, width in (
            ("sizes", rows, _SIZE_CLASSES),
            ("delays", waits, _DELAY_CLASSES),
        ):
            bigger = np.zeros((each, width), np.int32)
            bigger[: len(arrays[name])] = arrays[name]
            arrays[name] = bigger
        for name, width in (("kinds", _KINDS), ("latest", len(self.intervals))):
            known = arrays[name]
            arrays[name] = grown(known, self._count * width)[: self._count * width]
        self.kinds = record_view(arrays["kinds"])
        self.latest = record_view(arrays["latest"])
        self.conversations = record_view(arrays["conversations"])
        self.lanes = record_view(arrays["lanes"])
        self.sizes = arrays["sizes"]
        self.delays = arrays["delays"]

    def open(self, numbers: Any, origins: Any, gaps: Any, hold: int, mss: Any) -> None:
        """Begin connections again.

        Args:
            numbers: int64, the small number of each.
            origins: int64, ns: its opening, the time of the first poll.
            gaps: int64, ns between a long poll's answer and the arrival of the next request.
            hold: ns for which a long poll is held.
            mss: int64, payload bytes of a full segment.
        """
        if not len(numbers):
            return
        most = int(numbers.max())
        if most >= self._count:
            self._grow(most + 1)
        for name in ("lanes", "sizes", "delays"):
            self._by_connection(name)[numbers] = 0
        self._by_connection("lanes")["last_answer"][numbers] = NULL
        for name in ("kinds", "latest"):
            rows = self._arrays[name].reshape(self._count, -1)
            rows[numbers] = np.zeros(1, rows.dtype)
        begun = np.zeros(len(numbers), layout.CONVERSATION)
        begun["origin"] = origins
        begun["gap"] = np.maximum(gaps, 1)
        begun["hold"] = max(hold, 1)
        begun["mss"] = np.maximum(mss, 1)
        begun["size_class"] = begun["mss"] // _SIZE_CLASSES + 1
        self._arrays["conversations"][numbers] = begun
        if self.buffers is not None:
            self.buffers.open(numbers, origins, mss)

    def _by_connection(self, name: str) -> Any:
        array = self._arrays[name]
        return array.reshape(self._count, -1, *array.shape[1:])

    def lanes_of(self, name: str, numbers: Any) -> Any:
        """Return "lanes", "sizes" or "delays" of connections: shape (numbers, lanes, ...).

        Delays are counted by class in the lanes of long polls, and of each interval's first phase.
        """
        rows = self._by_connection(name).take(numbers, axis=0)
        if name == "delays":
            counted, rows = rows, np.zeros((len(rows), self.width, _DELAY_CLASSES), np.int32)
            rows[:, self._waits] = counted
        if self.buffers is None:
            return rows
        return np.concatenate([rows, self.buffers.rows_of(name, numbers)], axis=1)

    def buffer_ranges_of(self, numbers: Any) -> Any:
        """Return ns that delays behind a proxy's buffer span; int64, empty without a buffer."""
        return np.zeros(0, np.int64) if self.buffers is None else self.buffers.ranges_of(numbers)

    def latest_of(self, numbers: Any) -> Any:
        """Return the LATEST rows of connections: shape (numbers, intervals)."""
        return (
            self._arrays["latest"].reshape(self._count, len(self.intervals)).take(numbers, axis=0)
        )

    def conversations_of(self, numbers: Any) -> Any:
        """Return the CONVERSATION rows of connections."""
        return self._arrays["conversations"].take(numbers)

    def add(
        self,
        numbers: cython.int[::1],
        senders: cython.uchar[::1],
        times: cython.longlong[::1],
        sizes: cython.longlong[::1],
        firsts: cython.longlong[::1],
        lasts: cython.longlong[::1],
        replies: cython.uchar[::1],
        kinds: cython.longlong[::1],
    ) -> None:
        """Take messages; those of one direction in order of time.

        Args:
            numbers: of their connections, each open; -1 passes one by.
            senders: 0 the client, 1 the server.
            times: ns, when each was sent; NULL counts as the time of the one before.
            sizes: payload bytes as the application sees them.
            firsts: packet with its first byte.
            lasts: packet with its last byte.
            replies: 1 where the server answers a message of the client, known by its id.
            kinds: equal of messages that supersede each other.
        """
        i: cython.Py_ssize_t
        c: cython.Py_ssize_t
        time: cython.longlong
        size: cython.longlong
        if self.buffers is not None:
            self.buffers.add(numbers, senders, times, sizes, replies)
        for i in range(len(numbers)):
            c = numbers[i]
            if c < 0 or c >= self._count:
                continue
            size = sizes[i] if sizes[i] > 0 else 0
            if senders[i] == 0:
                self._client(c, size)
                continue
            # A clock that is set back delivers nothing before what it delivered already.
            time = self.conversations[c].last_server
            if times[i] != _NULL and times[i] - self.conversations[c].origin > time:
                time = times[i] - self.conversations[c].origin
            self.conversations[c].last_server = time
            header: cython.int = 2 if size < 126 else 4 if size < 65536 else 10
            self.conversations[c].server_header_bytes += header
            if replies[i]:
                # It would ride in the response to the request that asked for it.
                self.conversations[c].by_ids = 1
                self.conversations[c].asked = 0
                self._answer(c, c * self.width + _REPLIES, size, 1)
            else:
                self._push(c, time, size, self._write(c, size, firsts[i], lasts[i]), kinds[i])

    def finish(self, numbers: cython.longlong[::1], ends: cython.longlong[::1]) -> None:
        """Close the answers of connections that are being filled.

        Args:
            numbers: of them.
            ends: ns since the origin of each.
        """
        i: cython.Py_ssize_t
        c: cython.Py_ssize_t
        lane: cython.Py_ssize_t
        if self.buffers is not None:
            self.buffers.finish(numbers, ends)
        for i in range(len(numbers)):
            c = numbers[i]
            for lane in range(c * self.width, (c + 1) * self.width):
                if self.lanes[lane].open_messages:
                    self._answer(
                        c, lane, self.lanes[lane].open_bytes, self.lanes[lane].open_messages
                    )
                    self.lanes[lane].open_bytes = self.lanes[lane].open_messages = 0
            for lane in range(c * _KINDS, (c + 1) * _KINDS):
                if self.kinds[lane].used:
                    self._settle(c, lane, _NULL)
                    self.kinds[lane].used = 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _answer(
        self,
        c: cython.Py_ssize_t,
        lane: cython.Py_ssize_t,
        payload: cython.longlong,
        messages: cython.longlong,
    ) -> cython.int:
        """Count one answer with its messages."""
        mss: cython.longlong = self.conversations[c].mss
        # One byte between messages, as about every way to list them has it.
        body: cython.longlong = payload + messages
        self.lanes[lane].answers += 1
        self.lanes[lane].messages += messages
        self.lanes[lane].payload_bytes += payload
        self.lanes[lane].full_segments += body // mss
        self.sizes[lane, (body % mss) // self.conversations[c].size_class] += 1
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _delay(
        self,
        lane: cython.Py_ssize_t,
        row: cython.Py_ssize_t,
        wait: cython.longlong,
        most: cython.longlong,
    ) -> cython.int:
        """Count how long a message waited, of `most` that it could; no wait has no class.

        Classes are counted in `row` of the delays; -1: they are not.
        """
        if wait <= 0:
            return 0
        self.lanes[lane].delay += wait
        if row < 0:
            return 0
        place: cython.longlong = wait // (most // _DELAY_CLASSES + 1)
        if place >= _DELAY_CLASSES:
            place = _DELAY_CLASSES - 1
        self.delays[row, place] += 1
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _client(self, c: cython.Py_ssize_t, size: cython.longlong) -> cython.int:
        """Put a message of the client into a request of its own."""
        self.conversations[c].asked = 1
        header: cython.int = 6 if size < 126 else 8 if size < 65536 else 14
        self.conversations[c].client_header_bytes += header
        self._answer(c, c * self.width + _POSTS, size, 1)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _push(
        self,
        c: cython.Py_ssize_t,
        time: cython.longlong,
        size: cython.longlong,
        joined: cython.bint,
        kind: cython.longlong,
    ) -> cython.int:
        """Deliver a message of the server in each way."""
        k: cython.Py_ssize_t
        row: cython.Py_ssize_t
        base: cython.Py_ssize_t = c * self.width
        before: cython.longlong = self.conversations[c].last_push
        self.conversations[c].last_push = time
        self._follow(c, size)
        self._answer(c, base + _PUSHES, size, 1)
        self._long_poll(c, time, size, joined)
        self._supersede(c, time, size, kind)
        for k in range(len(self.intervals) * _PHASES):
            row = c * (1 + len(self.intervals)) + 1 + k // _PHASES if k % _PHASES == 0 else -1
            self._short_poll(
                c,
                base + _SHORT_POLL + k,
                row,
                self.intervals[k // _PHASES],
                k % _PHASES,
                time,
                before,
                size,
            )
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _supersede(
        self,
        c: cython.Py_ssize_t,
        time: cython.longlong,
        size: cython.longlong,
        kind: cython.longlong,
    ) -> cython.int:
        """Replace the previous message of its kind with this one."""
        i: cython.Py_ssize_t
        place: cython.Py_ssize_t = c * _KINDS
        for i in range(c * _KINDS, (c + 1) * _KINDS):
            if not self.kinds[i].used or self.kinds[i].kind == kind:
                # They are taken in order: after the first free one none is used.
                place = i
                break
            if self.kinds[i].time < self.kinds[place].time:
                place = i
        if self.kinds[place].used:
            # A kind that is dropped because the table is full counts as having no later message.
            self._settle(c, place, time if self.kinds[place].kind == kind else _NULL)
        self.kinds[place].kind = kind
        self.kinds[place].time = time
        self.kinds[place].length = size
        self.kinds[place].used = 1
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _settle(
        self, c: cython.Py_ssize_t, place: cython.Py_ssize_t, until: cython.longlong
    ) -> cython.int:
        """Count a message that is superseded at `until` (NULL: never), for each interval.

        Of all phases alike, a poll finds it with the probability d / interval, where d is the time
        until it is superseded, at most the interval; it has waited d / 2 then.
        """
        k: cython.Py_ssize_t
        apart: cython.longlong
        interval: cython.longlong
        share: cython.double
        row: cython.Py_ssize_t
        for k in range(len(self.intervals)):
            interval = self.intervals[k]
            if interval < self.conversations[c].gap:
                interval = self.conversations[c].gap
            apart = interval
            if until != _NULL and until - self.kinds[place].time < interval:
                apart = until - self.kinds[place].time
            share = cython.cast(cython.double, apart) / interval
            row = c * len(self.intervals) + k
            self.latest[row].messages += share
            self.latest[row].payload_bytes += share * self.kinds[place].length
            self.latest[row].delay += share * apart / 2
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _follow(self, c: cython.Py_ssize_t, size: cython.longlong) -> cython.int:
        """Note whether a message of the server may answer the client's latest one."""
        if self.conversations[c].asked:
            self.conversations[c].asked = 0
            self.conversations[c].followed += 1
            self._answer(c, c * self.width + _FOLLOWERS, size, 1)
        else:
            self.conversations[c].unasked += 1
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _write(
        self,
        c: cython.Py_ssize_t,
        size: cython.longlong,
        first: cython.longlong,
        last: cython.longlong,
    ) -> cython.int:
        """Join a message to the write before it, if its packet began that way; say so."""
        lane: cython.Py_ssize_t = c * self.width + _WRITES
        joined: cython.bint = (
            self.lanes[lane].open_messages > 0 and first == self.conversations[c].last_packet
        )
        if self.lanes[lane].open_messages and not joined:
            self._answer(c, lane, self.lanes[lane].open_bytes, self.lanes[lane].open_messages)
            self.lanes[lane].open_bytes = self.lanes[lane].open_messages = 0
        self.lanes[lane].open_bytes += size
        self.lanes[lane].open_messages += 1
        self.conversations[c].last_packet = last
        return joined

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _short_poll(
        self,
        c: cython.Py_ssize_t,
        lane: cython.Py_ssize_t,
        row: cython.Py_ssize_t,
        interval: cython.longlong,
        phase: cython.int,
        time: cython.longlong,
        before: cython.longlong,
        size: cython.longlong,
    ) -> cython.int:
        """Put a message into the answer of the next poll that reaches the server.

        Polls of a phase reach it at first, first + interval and so on. Over all phases, two
        messages that lie d apart are in different answers with the probability d / interval.
        """
        # A client waits for an answer before the next poll: a round trip at least.
        if interval < self.conversations[c].gap:
            interval = self.conversations[c].gap
        first: cython.longlong = interval // (2 * _PHASES) * (2 * phase + 1)
        tick: cython.longlong = (time - first + interval - 1) // interval
        apart: cython.longlong = time - before
        if self.lanes[lane].messages + self.lanes[lane].open_messages == 0 or apart > interval:
            apart = interval
        self.lanes[lane].expected += cython.cast(cython.double, apart) / interval
        if self.lanes[lane].open_messages and tick != self.lanes[lane].last_answer:
            self._answer(c, lane, self.lanes[lane].open_bytes, self.lanes[lane].open_messages)
            self.lanes[lane].open_bytes = self.lanes[lane].open_messages = 0
        self.lanes[lane].last_answer = tick
        self.lanes[lane].open_bytes += size
        self.lanes[lane].open_messages += 1
        self._delay(lane, row, first + tick * interval - time, interval)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _long_poll(
        self,
        c: cython.Py_ssize_t,
        time: cython.longlong,
        size: cython.longlong,
        joined: cython.bint,
    ) -> cython.int:
        """Put a message into the answer of the request that is open, or of the next one."""
        lane: cython.Py_ssize_t = c * self.width + _LONG_POLL
        row: cython.Py_ssize_t = c * (1 + len(self.intervals))
        gap: cython.longlong = self.conversations[c].gap
        hold: cython.longlong = self.conversations[c].hold
        answer: cython.longlong = self.lanes[lane].last_answer
        ready: cython.longlong
        phase: cython.longlong
        begun: cython.bint = self.lanes[lane].open_messages > 0
        if begun and (joined or time <= answer):
            # It waits for the same request, or goes out with the message before it.
            self.lanes[lane].open_bytes += size
            self.lanes[lane].open_messages += 1
            self._delay(lane, row, answer - time, gap)
            return 0
        if begun:
            self._answer(c, lane, self.lanes[lane].open_bytes, self.lanes[lane].open_messages)
        ready = answer + gap if begun else 0
        if time > ready + hold:
            # Requests that were not answered in time: each is held, answered empty, asked again.
            self.lanes[lane].timeouts += (time - ready) // (hold + gap)
            phase = (time - ready) % (hold + gap)
            ready = time - phase
            if phase > hold:
                self.lanes[lane].timeouts += 1
                ready += hold + gap
        answer = time if time > ready else ready
        if answer - ready < _SOON:
            self.lanes[lane].prompt += 1
        self.lanes[lane].last_answer = answer
        self.lanes[lane].open_bytes = size
        self.lanes[lane].open_messages = 1
        self._delay(lane, row, answer - time, gap)
        return 0
