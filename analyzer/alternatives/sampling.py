"""Sampling: how far the server's payload shrinks in gzip, as each transport would carry it.

Deflates the first payload of some connections in the ways in which HTTP would send it: each
answer by itself, or a stream with one context and a flush for each message. What is kept is
sums and classes of sizes. Hears whole payloads (websocket.hearing). Must not know headers or costs.
Called by alternatives.stage.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from analyzer.alternatives.buffering import buffer_of
from analyzer.alternatives.deflating import USUAL, levels_of
from analyzer.alternatives.evidence import announced_mss, gaps_ns
from analyzer.alternatives.lanes import SIZE_CLASSES
from analyzer.columns import NULL, distinct
from analyzer.http.exchanges import HttpBatch
from analyzer.options import Options
from analyzer.websocket.connection import WebSocketConnection
from analyzer.websocket.frames import SERVER
from analyzer.websocket.hearing import Said

# The ways to carry payload; one for each polling interval follows, then that of a buffer.
STREAM: Final = 0  # one context, flushed for each message
SINGLE: Final = 1  # each message by itself, as the only one of a list
LONG: Final = 2  # the answers of long polls
# Of sessions of plain HTTP alone (alternatives.told):
FRAMES: Final = 3  # frames of the server over a WebSocket with permessage-deflate
FRAMES_UP: Final = 4  # those of the client
OWN: Final = 5  # the bodies that were really sent
POLLS: Final = 6
"""The first interval of short polling."""

_GZIP: Final = 16
"""zlib's number for gzip's header and trailer (RFC 1952), beside the bits of the window."""
_LEAST_BITS: Final = 9
_LOOKAHEAD: Final = 262
"""zlib's MIN_LOOKAHEAD: a match begins at most a window less these bytes back."""
GZIP_FRAME: Final = 18
"""RFC 1952 2.3: a header of 10 bytes without optional fields, a trailer of 8."""

SAMPLE: Final = np.dtype(
    [
        ("answers", "<i8"),
        ("plain", "<i8"),  # bytes of their bodies
        ("coded", "<i8"),  # of the same in gzip, where that is smaller
        ("in_gzip", "<i8"),  # how many are smaller in gzip
        ("full_segments", "<i8"),  # of the MSS each, in coded bodies
        ("plain_squares", "<f8"),  # sums of squares and products, for the spread
        ("coded_squares", "<f8"),
        ("products", "<f8"),
        ("sizes", "<i4", (SIZE_CLASSES,)),  # of coded bodies modulo the MSS, in classes
    ],
    align=True,
)
"""What one way of carrying a connection's payload made of it."""

_SUMS: Final = tuple(name for name in SAMPLE.names or () if name != "sizes")

Samples = npt.NDArray[Any]


def gzip_size(body: bytes, level: int = USUAL) -> int:
    """Return the size of a body by itself in gzip.

    zlib clears and allocates by the window: for a short body that takes longer than to deflate it.
    One that holds the whole body finds the same matches.
    """
    bits = min(max((len(body) + _LOOKAHEAD).bit_length(), _LEAST_BITS), zlib.MAX_WBITS)
    return len(zlib.compress(body, level, _GZIP + bits))


class PayloadSample:
    """One connection's payload of the server, as far as it is looked at.

    Args:
        intervals: ns between polls; each is taken in the middle of its phases.
        origin: ns, when the first poll could come.
        gap: ns between a long poll's answer and the next request.
        mss: payload bytes of a full segment.
        room: bytes that are looked at.
        most: messages that are looked at.
        buffered: bytes and ns that the buffer of a proxy holds (ns NULL: until it is full), for the
            last way; None: there is no such way.
        level: of zlib.
    """

    def __init__(
        self,
        intervals: Sequence[int],
        origin: int,
        gap: int,
        mss: int,
        room: int,
        most: int,
        buffered: tuple[int, int] | None = None,
        level: int = USUAL,
    ) -> None:
        self._level = level
        self._intervals = [max(each, gap) for each in intervals]
        self._origin, self._gap, self._mss = origin, max(gap, 1), max(mss, 1)
        self._class = self._mss // SIZE_CLASSES + 1
        self._room, self._most = room, most
        # Plain lists: a field of a numpy row takes longer to add to than a short body to deflate.
        ways = POLLS + len(intervals) + (buffered is not None)
        self._sums: list[list[float]] = [[0] * len(_SUMS) for _ in range(ways)]
        self._sizes = [[0] * SIZE_CLASSES for _ in self._sums]
        self._context: Any = zlib.compressobj(level, zlib.DEFLATED, -15)
        self._buffer = None if buffered is None else _Buffer(*buffered, level)
        self._time = 0
        # The write and the answers that are being filled: when they go out, and what is in them.
        self._write = (0, 0)
        self._last_packet = NULL
        self._open: list[list[bytes]] = [[] for _ in self._sums]
        # Sizes of the first of them by itself: most answers have one, and to begin to deflate
        # costs more than to deflate it.
        self._alone = [(0, 0)] * len(self._sums)
        self._due = [0] * len(self._sums)

    @property
    def has_room(self) -> bool:
        """More messages are wanted."""
        return self._room > 0 and self._most > 0

    def take(self, time: int, payload: bytes, first: int, last: int) -> None:
        """Take a message of the server, in order.

        Args:
            time: ns of its first byte; NULL counts as that of the one before.
            payload: whole.
            first: packet with its first byte.
            last: packet with its last byte.
        """
        self._room -= len(payload)
        self._most -= 1
        if time != NULL:
            self._time = max(self._time, time - self._origin)
        joined = first == self._last_packet
        self._last_packet = last
        alone = self._body([payload])
        self._add(SINGLE, *alone)
        self._stream(payload, joined=joined)
        self._answer(LONG, self._long_due(joined=joined), payload, alone)
        for place, interval in enumerate(self._intervals):
            tick = (self._time - interval // 2 + interval - 1) // interval
            self._answer(POLLS + place, tick, payload, alone)
        if self._buffer is not None:
            self._add_writes(self._buffer.take(self._time, payload + b"\n"))
        if not self.has_room:
            self.release()

    def release(self) -> None:
        """Let the context go, a quarter of a MB: no more messages will be taken."""
        self._context = None
        self._room = 0

    def _add_writes(self, writes: Iterable[tuple[int, int]]) -> None:
        for plain, coded in writes:
            self._add(len(self._sums) - 1, plain, coded, streamed=True)

    def finish(self) -> Samples:
        """Close what is being filled; return SAMPLE rows, one for each way."""
        for way in range(len(self._open)):
            self._close(way)
        if self._write[0]:
            self._add(STREAM, *self._write, streamed=True)
            self._write = (0, 0)
        if self._buffer is not None:
            self._add_writes(self._buffer.close())
        rows = np.zeros(len(self._sums), SAMPLE)
        for place, name in enumerate(_SUMS):
            rows[name] = [sums[place] for sums in self._sums]
        rows["sizes"] = self._sizes
        return rows

    def _stream(self, payload: bytes, *, joined: bool) -> None:
        piece = len(self._context.compress(payload + b"\n"))
        size = _chunk(piece + len(self._context.flush(zlib.Z_SYNC_FLUSH)))
        if self._write[0] and not joined:
            self._add(STREAM, *self._write, streamed=True)
            self._write = (0, 0)
        self._write = (self._write[0] + len(payload) + 1, self._write[1] + size)

    def _long_due(self, *, joined: bool) -> int:
        """Return when the answer of a long poll goes out that brings a message of now."""
        due = self._due[LONG]
        if not self._open[LONG]:
            return self._time if not due else max(self._time, due + self._gap)
        if joined or self._time <= due:
            return due
        return max(self._time, due + self._gap)

    def _answer(self, way: int, due: int, payload: bytes, alone: tuple[int, int]) -> None:
        if due != self._due[way]:
            self._close(way)
        self._due[way] = due
        if not self._open[way]:
            self._alone[way] = alone
        self._open[way].append(payload)

    def _close(self, way: int) -> None:
        """Let an answer go out, if there is anything in it."""
        payloads = self._open[way]
        if payloads:
            self._add(way, *(self._alone[way] if len(payloads) == 1 else self._body(payloads)))
            self._open[way] = []

    def _body(self, payloads: list[bytes]) -> tuple[int, int]:
        """Return the sizes of a list of messages, plain and as it is sent."""
        body = b"[%b]" % b",".join(payloads)
        return len(body), gzip_size(body, self._level)

    def _add(self, way: int, plain: int, coded: int, *, streamed: bool = False) -> None:
        # A server need not compress what only grows; a stream it has begun to.
        in_gzip = coded < plain or streamed
        sent = coded if in_gzip else plain
        sums = self._sums[way]
        sums[0] += 1
        sums[1] += plain
        sums[2] += sent
        sums[3] += in_gzip
        sums[4] += sent // self._mss
        sums[5] += plain * plain
        sums[6] += sent * sent
        sums[7] += plain * sent
        self._sizes[way][sent % self._mss // self._class] += 1


def _chunk(data: int) -> int:
    """Return the size of a chunk (RFC 9112 7.1): the data's size in hex, CRLF, the data, CRLF."""
    return data + len(f"{data:x}") + 4


class _Buffer:
    """The buffer of a proxy that deflates what it passes on: one context, a flush for each write.

    When bytes leave is as in alternatives._buffers.
    """

    def __init__(self, room: int, wait: int, level: int) -> None:
        self._room, self._wait = room, wait
        self._context = zlib.compressobj(level, zlib.DEFLATED, -15)
        self._filled = self._coded = self._first = 0

    def take(self, time: int, body: bytes) -> Iterable[tuple[int, int]]:
        """Take bytes of a stream; yield the sizes of what is passed on, plain and in gzip."""
        if self._filled and self._wait != NULL and time - self._first >= self._wait:
            yield from self.close()
        if not self._filled:
            self._first = time
        whole = self._filled + len(body)
        left = whole % self._room
        if whole < self._room:
            left = len(body)
        else:
            self._deflate(body[: len(body) - left])
            yield from self.close()
            self._first = time
        if left:
            self._deflate(body[-left:])

    def close(self) -> Iterable[tuple[int, int]]:
        """Yield the sizes of what is left; nothing of an empty buffer."""
        if self._filled:
            self._coded += len(self._context.flush(zlib.Z_SYNC_FLUSH))
            yield self._filled, _chunk(self._coded)
        self._filled = self._coded = 0

    def _deflate(self, data: bytes) -> None:
        self._filled += len(data)
        self._coded += len(self._context.compress(data))


def intervals_ns(options: Options) -> list[int]:
    """Return ns between polls, as the options have them, each once."""
    return list(dict.fromkeys(round(each * 1_000_000_000) for each in options.poll_intervals_s))


def sample_ways(options: Options) -> int:
    """Return in how many ways payload is carried: of how many rows a sample has."""
    return POLLS + len(intervals_ns(options)) + (buffer_of(options) is not None)


class Sampler:
    """Samples of the first connections, as long as there is room.

    Args:
        options: limits.
        intervals: ns between polls.
        connections: open WebSocket connections by slot, as the websocket stage has them.
        only: numbers of those that are compared; None: all.
    """

    def __init__(
        self,
        options: Options,
        intervals: Sequence[int],
        connections: Mapping[int, WebSocketConnection],
        only: Collection[int] | None = None,
    ) -> None:
        self._options, self._intervals, self._only = options, intervals, only
        self._connections = connections
        self._room, self._most = options.max_gzip_bytes_total, options.max_gzip_messages_total
        self._places = options.max_gzip_connections
        self._samples: dict[int, PayloadSample | None] = {}
        self._http: HttpBatch | None = None
        self._buffered = buffer_of(options)
        self._ways = sample_ways(options)

    def begin(self, http: HttpBatch) -> None:
        """Take the batch of http, before the websocket stage walks it."""
        self._http = http

    def wants(self, slot: int) -> bool:
        """Return whether more of a connection's payload is wanted."""
        if not self._has_room:
            return False
        sample = self._samples.get(slot, False)
        if sample is False:
            # Nothing of it was heard so far.
            return self._places > 0
        return isinstance(sample, PayloadSample) and sample.has_room

    @property
    def _has_room(self) -> bool:
        return self._room > 0 and self._most > 0

    def hear(self, said: Said) -> None:
        """Take messages that were complete, in the order of their ends."""
        if not self._has_room:
            return
        slots = said.directions >> 1
        wanted = [slot for slot in distinct(slots).tolist() if self.wants(slot)]
        if not wanted:
            return
        chosen = np.flatnonzero(np.isin(slots, wanted) & (said.places >= 0))
        some = said.rows.take(chosen)
        columns = (some[name].tolist() for name in _COLUMNS)
        numbers = chosen.tolist(), slots[chosen].tolist()
        for at, slot, sender, time, first, last in zip(*numbers, *columns, strict=True):
            payload = said.payloads[at]
            if sender == SERVER and payload is not None and self._has_room:
                self._take(slot, time, payload, first, last)

    def _take(self, slot: int, time: int, payload: bytes, first: int, last: int) -> None:
        sample = self._samples.get(slot)
        if slot not in self._samples:
            sample = self._samples[slot] = self._begin(slot)
        if sample is not None and sample.has_room:
            self._room -= len(payload)
            self._most -= 1
            sample.take(time, payload, first, last)
            if not self._has_room:
                for each in self._samples.values():
                    if each is not None:
                        each.release()

    def _begin(self, slot: int) -> PayloadSample | None:
        connection, http = self._connections.get(slot), self._http
        if connection is None or http is None or not self._places:
            return None
        if self._only is not None and connection.connection not in self._only:
            return None
        if connection.negotiation.unknown_extensions:
            # What they made of the payload is not what HTTP would carry.
            return None
        self._places -= 1
        slots = np.array([slot])
        gap = int(gaps_ns(http.stream.connections.take(slots))[0])
        mss = int(announced_mss(http.stream.directions, slots)[0])
        origin = max(connection.opened_at, 0)
        limits = self._options.max_gzip_bytes, self._options.max_gzip_messages
        handshake = connection.handshake
        level = levels_of(handshake.server if handshake is not None else None, None).bodies
        return PayloadSample(self._intervals, origin, gap, mss, *limits, self._buffered, level)

    def take(self, slots: Sequence[int]) -> Samples:
        """Return the SAMPLE rows of connections that end, and forget them.

        Returns:
            Shape (slots, ways); zeros of connections that were not looked at.
        """
        out = np.zeros((len(slots), self._ways), SAMPLE)
        for place, slot in enumerate(slots):
            sample = self._samples.pop(slot, None)
            if sample is not None:
                out[place] = sample.finish()
        return out

    def forget(self, slots: Iterable[int]) -> None:
        """Forget connections that ended and are not compared: others take their slots."""
        for slot in slots:
            self._samples.pop(slot, None)


_COLUMNS: Final = ("sender", "time_first", "packet_first", "packet_last")
