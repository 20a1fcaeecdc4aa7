"""Legs: connections that carry one conversation, and what is between them.

A reverse proxy, a balancer or NAT makes two connections of one, and a capture on it holds both.
They are matched by Sec-WebSocket-Key, which such hops hand on, and by the order of their
handshakes. Knows connections and messages. Used by tables.build, and by the pipeline for what
counts once.

A hop passes the request on before it answers, so that the handshake of the leg behind lies within
that of the leg before. That distinguishes legs from clients that reuse one key (finding
handshake-key-reused).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from analyzer.columns import NULL, Rows
from analyzer.lazy_dataclass import dataclass, field
from analyzer.options import Options
from analyzer.tables.samples import Samples
from analyzer.tables.schema import DIRECTIONS, HOPS, TableRows
from analyzer.tables.timing import columns_of
from analyzer.tcp.bytestream import Connection
from analyzer.websocket.connection import WebSocketConnection
from analyzer.websocket.stage import WebSocketBatch

_BY_KEY = 0
_SAMPLES = 4_096
"""Transit times kept of a direction, for its median."""

_TOGETHER_NS = 1_000_000
"""Messages that leave a hop within this leave together: one write, or one wake of its loop."""
_APART_NS = 20_000_000
"""What reaches a hop as far apart, and leaves it together, was collected: a frame of a screen."""

_Seen = tuple[int, bytes | None, int, bool]
"""Payload bytes, how the payload begins, and time of the last byte (ns) of a message; whether
loss, a closed window or a delayed ACK held it up."""


@dataclass(slots=True)
class _Held:
    """Messages that a hop let go together with a later one.

    Attributes:
        count: of such messages.
        longest: how much earlier the first of a group came than its last (ns); 0 without.
    """

    count: int = 0
    longest: int = 0
    _came: int = NULL
    _left: int = NULL
    _first: int = NULL

    def take(self, came: int, left: int, *, hindered: bool) -> None:
        """Take a message: when it came to the hop, and left it."""
        together = self._left != NULL and 0 <= left - self._left <= _TOGETHER_NS and not hindered
        if not together:
            self._first = came
        elif came - self._came >= _APART_NS:
            self.count += 1
            self.longest = max(self.longest, came - self._first)
        self._came, self._left = came, NULL if hindered else left


@dataclass(slots=True)
class _Way:
    """One direction between two legs: messages that wait for their match, by leg."""

    waiting: tuple[deque[_Seen], deque[_Seen]]
    transit: Samples = field(default_factory=lambda: Samples(_SAMPLES))
    held: _Held = field(default_factory=_Held)

    def take(self, leg: int, seen: _Seen, order: int) -> None:
        """Match a message with the first alike that waits on the other leg.

        What waits before that one never came through, or was not captured. `order` is 1
        where messages come through leg 0 first, else -1.
        """
        others = self.waiting[1 - leg]
        for place, other in enumerate(others):
            if other[:2] != seen[:2]:
                continue
            for _ in range(place + 1):
                others.popleft()
            there, here = (other, seen) if leg else (seen, other)
            if NULL not in (there[2], here[2]):
                value = order * (here[2] - there[2])
                self.transit.add(np.array([value], np.int64), np.zeros(1, np.int64))
                came, left = (there, here) if order > 0 else (here, there)
                self.held.take(came[2], left[2], hindered=came[3] or left[3])
            return
        self.waiting[leg].append(seen)


@dataclass(slots=True)
class _Hop:
    """Two legs: `near` is the client's side of the hop, `far` the server's."""

    number: int
    near: int
    far: int
    ways: tuple[_Way, _Way]
    open: int = 2


class Legs:
    """Holds the handshakes of open connections by key, and the messages of their legs.

    Attributes:
        left_out: open connections whose conversation is counted by a leg that opened first.

    Args:
        options: max_leg_messages, max_handshakes_per_key.
    """

    def __init__(self, options: Options) -> None:
        self.left_out: set[int] = set()
        self._limit = options.max_leg_messages
        self._per_key = options.max_handshakes_per_key
        self._keys: dict[str, list[tuple[WebSocketConnection, Connection]]] = {}
        self._legs: dict[int, int] = {}
        self._hops: dict[int, list[_Hop]] = {}
        self._count = self._hop_count = 0
        self._gone: list[WebSocketConnection] = []

    def leg(self, connection: int) -> int:
        """Return the number of the conversation that an open connection is a leg of; NULL."""
        return self._legs.get(connection, NULL)

    def push(self, batch: WebSocketBatch) -> None:
        """Take what opened, and the messages of a batch; `hops` has what ended."""
        for gone in self._gone:
            self.left_out.discard(gone.connection)
            self._legs.pop(gone.connection, None)
        self._gone = list(batch.ended)
        for opened in batch.opened:
            key = None if opened.handshake is None else opened.handshake.key
            if key:
                self._open(opened, key, batch.http.stream.connection(opened.slot))
        if self._hops and len(batch.messages):
            self._messages(batch.messages, batch.previews)

    def hops(self, ended: Sequence[WebSocketConnection]) -> list[TableRows]:
        """Return the rows of hops whose legs have both ended, and forget the ended ones."""
        rows: list[tuple[object, ...]] = []
        for connection in ended:
            handshake = connection.handshake
            held = self._keys.get((handshake.key or "") if handshake else "", [])
            held[:] = [each for each in held if each[0] is not connection]
            if handshake and handshake.key and not held:
                self._keys.pop(handshake.key, None)
            for hop in self._hops.pop(connection.connection, []):
                hop.open -= 1
                if hop.open == 0:
                    rows += [_cells(hop, direction) for direction in range(len(DIRECTIONS))]
        return [TableRows(HOPS, columns_of(HOPS.columns, rows), len(rows))] if rows else []

    def _open(self, opened: WebSocketConnection, key: str, tcp: Connection) -> None:
        held = self._keys.setdefault(key, [])
        for other, their in reversed(held):
            if _is_within(other, opened) and _ends(their) != _ends(tcp):
                self._pair(near=opened, far=other)
                break
        held.append((opened, tcp))
        if len(held) > self._per_key:
            del held[0]

    def _pair(self, near: WebSocketConnection, far: WebSocketConnection) -> None:
        if far.connection not in self._legs:
            self._legs[far.connection] = self._count
            self._count += 1
        self._legs[near.connection] = self._legs[far.connection]
        # The far leg's 101 came first, and so did its number.
        self.left_out.add(near.connection)

        def queue() -> deque[_Seen]:
            return deque(maxlen=self._limit)

        ways = _Way((queue(), queue())), _Way((queue(), queue()))
        hop = _Hop(self._hop_count, near.connection, far.connection, ways)
        self._hop_count += 1
        for connection in (near, far):
            self._hops.setdefault(connection.connection, []).append(hop)

    def _messages(self, rows: Rows, previews: Sequence[bytes | None]) -> None:
        wanted = np.isin(rows["connection"], np.fromiter(self._hops, np.int64))
        for place in np.flatnonzero(wanted).tolist():
            row = rows[place]
            connection, sender = int(row["connection"]), int(row["sender"])
            begin = previews[place] if len(previews) else None
            hindered = bool(max(int(row[name]) for name in ("stall", "window", "nagle", "resent")))
            seen = int(row["payload_bytes"]), begin, int(row["time_last"]), hindered
            for hop in self._hops[connection]:
                leg = 0 if connection == hop.near else 1
                hop.ways[sender].take(leg, seen, 1 if sender == 0 else -1)


def _cells(hop: _Hop, direction: int) -> tuple[object, ...]:
    transit, held = hop.ways[direction].transit, hop.ways[direction].held
    some = transit.count > 0
    return (
        hop.number,
        hop.near,
        hop.far,
        direction,
        _BY_KEY,
        transit.count,
        round(transit.median) if some else NULL,
        round(transit.quantile(0.95)) if some else NULL,
        transit.worst if some else NULL,
        held.count,
        held.longest if held.count else NULL,
    )


def _is_within(inner: WebSocketConnection, outer: WebSocketConnection) -> bool:
    """Tell whether a handshake was asked and answered while another one waited."""
    one, other = inner.handshake, outer.handshake
    if one is None or other is None:
        return False
    times = (
        *(other.request_last_time, one.request_first_time),
        *(one.response_last_time, other.response_first_time),
    )
    return NULL not in times and list(times) == sorted(times)


def _ends(tcp: Connection) -> tuple[int, ...]:
    """Return the addresses of both ends and the server's port: a hop changes one of them."""
    return tcp.high0, tcp.low0, tcp.high1, tcp.low1, tcp.port1


def without(rows: TableRows, connections: Collection[int]) -> TableRows:
    """Return the rows of all connections but some."""
    numbers: Any = rows.values["connection"]
    out = np.isin(np.asarray(numbers, np.int64), np.fromiter(connections, np.int64))
    if not out.any():
        return rows
    places = np.flatnonzero(~out)

    def taken(values: Any) -> Any:
        if isinstance(values, np.ndarray):
            return values[places]
        return [values[place] for place in places.tolist()]

    kept = {name: taken(values) for name, values in rows.values.items()}
    return TableRows(rows.table, kept, len(places))
