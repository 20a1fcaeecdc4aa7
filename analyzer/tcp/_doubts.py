"""Other connections on the same ports: begun with a SYN, or met in their middle.

Knows sequence numbers and what windows allow (RFC 9293 3.10.7.4, RFC 7323 2.3), and keeps the
segments that are not decisive yet. Must not know payload. The ninth of the kernels that make the
assembly (see _state).
"""

from __future__ import annotations

from typing import Any

import cython
import numpy as np

from analyzer import findings
from analyzer.packets.segments import SEGMENT
from analyzer.tcp import bytestream, connections, lifecycle, sequence
from analyzer.tcp._state import record_view

if cython.compiled:
    from cython.cimports.analyzer.tcp._openings import Openings
    from cython.cimports.analyzer.tcp.sequence import distance, wide
else:
    from analyzer.tcp._openings import Openings
    from analyzer.tcp.sequence import distance, wide

# C copies of names: a kernel reads a C integer where it would else look up a Python
# object per row; so it would for literals beyond 31 bits.
_SYN = cython.declare(cython.int, 2)
_RST = cython.declare(cython.int, 4)
_ACK = cython.declare(cython.int, 16)
_MAX_WINDOW = cython.declare(cython.longlong, sequence.MAX_WINDOW)
_VOLUME = cython.declare(cython.longlong, connections.VOLUME)
_MAX_DOUBTFUL = cython.declare(cython.int, connections.MAX_DOUBTFUL)
_SYN_CROSSED = cython.declare(cython.int, lifecycle.State.SYN_CROSSED)
_FIN_BOTH = cython.declare(cython.int, lifecycle.State.FIN_BOTH)
_END_SPLIT = cython.declare(cython.int, bytestream.END_SPLIT)
_END_REUSED = cython.declare(cython.int, bytestream.END_REUSED)
_WINDOW = cython.declare(cython.longlong, connections.WINDOW_BYTES)
_SEQ_MASK = cython.declare(cython.longlong, 0xFFFFFFFF)


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _near(one: cython.longlong, other: cython.longlong) -> cython.bint:
    """Return whether two sequence numbers lie within a window of each other."""
    apart: cython.longlong = distance(one, other)
    return -_WINDOW <= apart <= _WINDOW


@cython.cclass
class Doubts(Openings):
    """Decides which of several connections on the same ports a segment belongs to."""

    @cython.cfunc
    def _again(self, i: cython.Py_ssize_t, s: cython.Py_ssize_t) -> cython.Py_ssize_t:
        """Decide on a segment that may be of another connection on these ports.

        Returns:
            The slot to which it belongs; -1 where it waits, or came too late.
        """
        d: cython.Py_ssize_t = 2 * s + self.side
        isn: cython.longlong = self.rares[d].isn
        flags: cython.int = self._flags(i)
        state: cython.int
        if self.slots[s].doubt:
            s = self._weigh_doubt(i, s, flags)
            if s < 0:
                return -1
            d = 2 * s + self.side
            isn = self.rares[d].isn
        state = self.slots[s].state
        if flags & (_SYN | _ACK) == _SYN and isn >= 0 and self.segments[i].seq != isn:
            # As Wireshark does: a SYN whose sequence number is not the one that its sender
            # is known to have begun with opens a new connection. But where the old one is
            # in use it changes nothing (RFC 9293 3.10.7.4) until it is acknowledged.
            if self.slots[s].left == 0 and _SYN_CROSSED <= state < _FIN_BOTH:
                # Its number is Wireshark's, also where nothing comes of it.
                self.rares[2 * s].reserved = self.streams
                self.streams += 1
                self._doubt(i, s)
                return -1
            if self.slots[s].left == 0:
                self._end(s, _END_REUSED)
            return self._anew(i, s, None, self.hashed)
        if self.slots[s].left == 0:
            if self._jumps(i, d, flags):
                self._doubt(i, s)
                return -1
            return s
        self._reckon_isn(i, d)
        # Not of the slot: its findings have left as well, and when they did depends on
        # batches.
        self._note(
            findings.TCP_LATE,
            -1,
            self.segments[i].packet,
            f"tcp.stream {self.links[s].tcp_stream}",
        )
        return -1

    @cython.cfunc
    @cython.inline
    def _jumps(self, i: cython.Py_ssize_t, d: cython.Py_ssize_t, flags: cython.int) -> cython.bint:
        """Return whether a segment's numbers are those of another connection."""
        if self.tracks[d].based == 0 or flags & (_SYN | _RST | _ACK) != _ACK:
            return False
        expected: cython.longlong = wide(self.tracks[d].origin) + self.tracks[d].next
        if (expected & _SEQ_MASK) == wide(self.segments[i].seq):
            return False
        return self._is_far(i, d, expected)

    @cython.cfunc
    def _is_far(
        self, i: cython.Py_ssize_t, d: cython.Py_ssize_t, expected: cython.longlong
    ) -> cython.bint:
        """Return whether both numbers of a segment lie where no window reaches.

        RFC 7323 2.3: no window is larger than 1 GiB. Within that, what was carried so far
        bounds how much a capture may have missed. Both numbers at once, since the packets of one
        direction alone may be missing.
        """
        o: cython.Py_ssize_t = d ^ 1
        seen: cython.longlong = self._reference(o)
        one: cython.longlong = distance(wide(self.segments[i].seq), expected)
        other: cython.longlong
        if self.tracks[o].based == 0:
            return False
        other = distance(wide(self.segments[i].ack), wide(self.tracks[o].origin) + seen)
        one = one if one >= 0 else -one
        other = other if other >= 0 else -other
        if one <= _WINDOW or other <= _WINDOW:
            return False
        if one > _MAX_WINDOW or other > _MAX_WINDOW:
            return True
        return one > _VOLUME * self.tracks[d].next and other > _VOLUME * seen

    @cython.cfunc
    def _doubt(self, i: cython.Py_ssize_t, s: cython.Py_ssize_t) -> cython.int:
        """Let segment `i` wait until it shows whether it begins another connection."""
        start: cython.Py_ssize_t = self.segments[i].start
        count: cython.Py_ssize_t = self.segments[i].captured
        if start < 0 or count < 0 or start + count > self.data.shape[0]:
            count = 0
        row = self.segment_rows[i].copy()
        content = bytes(self.records.data[start : start + count])
        self.doubtful.setdefault(int(s), []).append((row, content))
        self.slots[s].doubt = 1
        return 0

    @cython.cfunc
    def _weigh_doubt(
        self, i: cython.Py_ssize_t, s: cython.Py_ssize_t, flags: cython.int
    ) -> cython.Py_ssize_t:
        """Decide on the segments that wait, by segment `i`; return its slot, -1 if it waits."""
        waiting = self.doubtful[int(s)]
        first = waiting[0][0]
        length: cython.longlong = self.segments[i].length
        is_same: cython.bint = (
            int(first["source_low"]) == self.segments[i].source_low
            and int(first["source_port"]) == self.segments[i].source_port
            and int(first["source_high"]) == self.segments[i].source_high
        )
        seq: cython.longlong = wide(self.segments[i].seq)
        ack: cython.longlong = wide(self.segments[i].ack)
        other_seq: cython.longlong = int(first["seq"])
        other_ack: cython.longlong = int(first["ack"])
        fits: cython.bint
        if int(first["flags"]) & _SYN:
            if flags & (_SYN | _ACK) == _SYN and is_same:
                if self.slots[s].state >= _FIN_BOTH:
                    return self._split(i, s, True)
                if seq == other_seq and len(waiting) < _MAX_DOUBTFUL:
                    self._doubt(i, s)
                    return -1
                if seq != other_seq:
                    self._settle(s)
                return s
            if is_same:
                # Its sender goes on with it: the SYN-ACK was not captured.
                fits = flags & (_ACK | _RST) == _ACK and seq == (other_seq + 1) & _SEQ_MASK
            else:
                fits = (
                    flags & _ACK != 0
                    and flags & (_SYN | _RST) != 0
                    and ack == (other_seq + 1) & _SEQ_MASK
                )
            return self._split(i, s, True) if fits else s
        if is_same:
            fits = _near(seq, other_seq) and _near(ack, other_ack)
        else:
            fits = _near(seq, other_ack) and _near(ack, other_seq)
        if fits and flags & _SYN == 0 and (is_same or flags & _ACK) and length >= 0:
            return self._split(i, s, False)
        self._settle(s)
        return s

    @cython.cfunc
    def _split(
        self, i: cython.Py_ssize_t, s: cython.Py_ssize_t, is_new: cython.bint
    ) -> cython.Py_ssize_t:
        """Begin another connection with the segments that waited; return the slot for `i`.

        `is_new`: it began with a SYN, and Wireshark counts a new stream.
        """
        hashed: cython.uint = self.hashed
        waiting = self.doubtful.pop(int(s))
        first = waiting[0][0]
        side: cython.int = 1
        self.slots[s].doubt = 0
        if (
            int(first["source_low"]) == self.links[s].low0
            and int(first["source_port"]) == self.links[s].port0
            and int(first["source_high"]) == self.links[s].high0
        ):
            side = 0
        if self.slots[s].left == 0:
            self._end(s, _END_REUSED if is_new else _END_SPLIT)
        self.split_stream = self.rares[2 * s].reserved if is_new else self.links[s].tcp_stream
        self.split_side = -1 if is_new else side
        self.side = side
        return self._anew(i, s, waiting, hashed)

    @cython.cfunc
    def _anew(
        self, i: cython.Py_ssize_t, s: cython.Py_ssize_t, waiting: Any, hashed: cython.uint
    ) -> cython.Py_ssize_t:
        """Begin another connection on the ports of `s`, which ended; return its slot.

        Args:
            i: a segment of it.
            s: the slot of the one before; `side` is that of who begins.
            waiting: its first segments, which waited; None if `i` is the first.
            hashed: of its ends.
        """
        first: cython.longlong = self.links[s].first_packet
        flip: cython.int = self.side
        joined: cython.bint = self.links[s].sides_known == 0 and self.split_side < 0
        self._unmap(s)
        if waiting is None:
            s = self._open(i)
        else:
            self._replay(waiting, hashed)
            s = self._find(i, hashed)
            if s < 0:
                s = self._open(i)
        if joined:
            self._shade(s, first, flip)
        return s

    @cython.cfunc
    def _settle(self, s: cython.Py_ssize_t) -> cython.int:
        """Count the segments that waited as the connection's; they change nothing."""
        last: cython.longlong = self.slots[s].last_packet
        time: cython.longlong = self.slots[s].last_time
        hashed: cython.uint = self.slots[s].hash
        side: cython.Py_ssize_t = self.side
        waiting = self.doubtful.pop(int(s))
        kept = self._save()
        self.slots[s].doubt = 0
        self.settling = True
        self._replay(waiting, hashed)
        self.settling = False
        self._load(kept)
        self.side = side
        if self.slots[s].last_packet < last:
            self.slots[s].last_packet = last
            self.slots[s].last_time = time
        return 0

    def _replay(self, waiting: Any, hashed: cython.uint) -> None:
        """Take segments that waited, with their payload."""
        rows = self.segment_rows
        again = np.array([row for row, _ in waiting], SEGMENT)
        for place, (_, content) in enumerate(waiting):
            again[place]["start"] = self.records.append(content)
        self.data = self.records.data
        self.segment_rows = again
        self.segments = record_view(again)
        self.replaying = True
        for place in range(len(waiting)):
            self._segment(place, hashed)
        self.replaying = False
        self.segment_rows = rows
        self.segments = record_view(rows)
        self.hashed = hashed

    @cython.cfunc
    def _segment(self, i: cython.Py_ssize_t, hashed: cython.uint) -> cython.int:
        """Take one segment; see _assembly."""
        raise NotImplementedError
