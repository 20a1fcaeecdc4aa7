"""Legs: connections that carry one conversation, and what is between them.

A reverse proxy, a balancer or NAT makes two connections of one, and a capture on it holds both.
They are matched by Sec-WebSocket-Key, which such hops hand on, and by the order of their
handshakes; where the hop makes a handshake of its own, by what is said (tables.leg_pairs). Knows
connections and messages. Used by tables.build, and by the pipeline for what counts once.

A hop passes the request on before it answers, so that the handshake of the leg behind lies within
that of the leg before. That distinguishes legs from clients that reuse one key (finding
handshake-key-reused).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from analyzer import findings
from analyzer.columns import NULL, Rows
from analyzer.findings import Finding
from analyzer.options import Options
from analyzer.tables.declare import take_rows
from analyzer.tables.leg_pairs import FAR, NEAR, Candidates, Leg, Pair
from analyzer.tables.schema import DIRECTIONS, HOPS, TableRows
from analyzer.tables.timing import columns_of
from analyzer.tables.ways import Seen
from analyzer.tcp.bytestream import Connection
from analyzer.websocket.connection import WebSocketConnection
from analyzer.websocket.stage import WebSocketBatch

_BY_KEY, _BY_PAYLOAD = 0, 1
_HELD_UP = ("stall", "window", "nagle", "resent")


class Legs:
    """Holds the handshakes of open connections by key, and the messages of their legs.

    Attributes:
        left_out: open connections whose conversation is counted by a leg that opened first.
        undecided: open connections that may have to be left out.

    Args:
        options: max_leg_messages, max_handshakes_per_key, and those of tables.leg_pairs.
    """

    def __init__(self, options: Options) -> None:
        self.left_out: set[int] = set()
        self.undecided: set[int] = set()
        self._limit = options.max_leg_messages
        self._per_key = options.max_handshakes_per_key
        self._most_pairs = options.max_leg_pairs
        self._keys: dict[str, list[tuple[WebSocketConnection, Leg, tuple[int, ...]]]] = {}
        self._legs: dict[int, int] = {}
        self._pairs: dict[int, list[Pair]] = {}
        self._pair_count = 0
        self._candidates = Candidates(options)
        self._early = EarlyMessages(options.max_early_messages)
        self._count = self._hop_count = 0
        self._gone: list[WebSocketConnection] = []
        self._forgotten = self._refused = 0

    def finish(self) -> list[Finding]:
        """Return what the limits left out."""
        cut = {
            f"{self._forgotten} handshakes beyond max_handshakes_per_key": self._forgotten,
            f"{self._candidates.cut} pairs beyond max_leg_candidates": self._candidates.cut,
            f"{self._refused} pairs beyond max_leg_pairs": self._refused,
        }
        detail = ", ".join(words for words, count in cut.items() if count)
        return [Finding(findings.CAPTURE_LEGS_LIMIT, detail=detail)] if detail else []

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
            tcp = batch.http.stream.connection(opened.slot)
            key = None if opened.handshake is None else opened.handshake.key
            leg = Leg.of(opened, tcp)
            if key:
                self._open(opened, leg, _ends(tcp))
            self._look_for(leg)
        rows = batch.messages
        if len(rows):
            if self._pairs:
                self._messages(rows)
            self._early.add(rows, self._candidates.oldest(int(rows["time_last"].max())))
        if batch.ended:
            self._candidates.ended({each.connection for each in batch.ended})
            if self._pairs:
                self._settle(batch)

    def give_up(self, connections: Iterable[int]) -> None:
        """Take connections for no legs, unless it is certain by now."""
        for connection in connections:
            for pair in [*self._pairs.get(connection, ())]:
                if pair.hop == NULL:
                    self._drop(pair)

    @property
    def hop_count(self) -> int:
        """Hops that were numbered."""
        return self._hop_count

    def hops(self, ended: Sequence[WebSocketConnection]) -> list[TableRows]:
        """Return the rows of hops whose legs have both ended, and forget the ended ones."""
        rows: list[tuple[object, ...]] = []
        for connection in ended:
            handshake = connection.handshake
            held = self._keys.get((handshake.key or "") if handshake else "", [])
            held[:] = [each for each in held if each[0] is not connection]
            if handshake and handshake.key and not held:
                self._keys.pop(handshake.key, None)
            for pair in self._pairs.pop(connection.connection, []):
                pair.open -= 1
                if pair.open == 0:
                    self._pair_count -= 1
                    rows += [_cells(pair, direction) for direction in range(len(DIRECTIONS))]
        return [TableRows(HOPS, columns_of(HOPS.columns, rows), len(rows))] if rows else []

    # --- matched by key

    def _open(self, opened: WebSocketConnection, leg: Leg, ends: tuple[int, ...]) -> None:
        assert leg.key is not None
        held = self._keys.setdefault(leg.key, [])
        for other, its_leg, its_ends in reversed(held):
            if _is_within(other, opened) and its_ends != ends:
                pair = Pair.of(leg, its_leg, self._limit)
                pair.by_key = True
                self._add(pair)
                self._confirm(pair)
                self._take_early(pair)
                break
        held.append((opened, leg, ends))
        if len(held) > self._per_key:
            del held[0]
            self._forgotten += 1

    # --- matched by payload

    def _look_for(self, leg: Leg) -> None:
        """Note the pairs that a new connection may make, with what was said before."""
        for pair in self._candidates.pairs(leg):
            if self._is_taken(pair):
                continue
            if self._pair_count >= self._most_pairs:
                self._refused += 1
                continue
            self._add(pair)
            self._take_early(pair)

    def _take_early(self, pair: Pair) -> None:
        """Show a pair what its legs said before it was known."""
        numbers = [leg.number for leg in pair.legs]
        for connection, sender, seen in self._early.of(numbers):
            if not self._take(pair, connection, sender, seen):
                return

    def _take(self, pair: Pair, connection: int, sender: int, seen: Seen) -> bool:
        """Show a pair a message; return whether it is still one."""
        if pair.take(connection, sender, seen):
            self._judge(pair, seen.packet)
        if pair.hop == NULL and pair.is_refuted:
            self._drop(pair)
            return False
        return True

    def _add(self, pair: Pair) -> None:
        self._pair_count += 1
        for leg in pair.legs:
            self._pairs.setdefault(leg.number, []).append(pair)
        self.undecided.add(_second(pair))

    def _is_taken(self, pair: Pair) -> bool:
        """Say whether a leg has its other one already, on the same side."""
        return any(
            other.hop != NULL and other.legs[side] == pair.legs[side]
            for side in (NEAR, FAR)
            for other in self._pairs.get(pair.legs[side].number, ())
        )

    def _judge(self, pair: Pair, packet: int) -> None:
        """Confirm a pair that is proven, and that no other one rivals."""
        if pair.hop != NULL or not pair.is_proven or self._is_taken(pair):
            return
        rivals = [
            other
            for side in (NEAR, FAR)
            for other in self._pairs[pair.legs[side].number]
            if other is not pair and other.legs[side] == pair.legs[side]
        ]
        if any(other.rank >= pair.rank and 2 * other.evidence >= pair.evidence for other in rivals):
            return
        pair.packet = packet
        self._confirm(pair)
        for other in rivals:
            self._drop(other)

    def _confirm(self, pair: Pair) -> None:
        near, far = (leg.number for leg in pair.legs)
        number = self._legs.get(far, self._legs.get(near, self._count))
        self._count += number == self._count
        merged = self._legs.get(near, number)
        for leg, its in self._legs.items():
            if its == merged:
                self._legs[leg] = number
        self._legs[near] = self._legs[far] = number
        pair.hop = self._hop_count
        self._hop_count += 1
        for way in pair.ways:
            way.widen(self._limit)
        self.left_out.add(_second(pair))
        self._decide(_second(pair))

    def _drop(self, pair: Pair) -> None:
        for leg in pair.legs:
            kept = [each for each in self._pairs.get(leg.number, ()) if each is not pair]
            if kept:
                self._pairs[leg.number] = kept
            else:
                self._pairs.pop(leg.number, None)
        self._pair_count -= 1
        self._decide(_second(pair))

    def _decide(self, connection: int) -> None:
        """Note that a connection is left out or not, where no pair leaves that open."""
        pairs = self._pairs.get(connection, ())
        if not any(each.hop == NULL and _second(each) == connection for each in pairs):
            self.undecided.discard(connection)

    def _settle(self, batch: WebSocketBatch) -> None:
        """Drop the pairs of ended connections that are not certain.

        What came behind a connection's last packet would be known or not by how the input is
        cut into batches.
        """
        for ended in batch.ended:
            pairs = self._pairs.get(ended.connection)
            if not pairs:
                continue
            last = batch.http.stream.connection(ended.slot).last_packet
            for pair in [*pairs]:
                if pair.hop != NULL and pair.packet > last and pair.open == len(pair.legs):
                    self._retract(pair)
                elif pair.hop == NULL:
                    self._drop(pair)

    def _retract(self, pair: Pair) -> None:
        pair.hop = NULL
        self._drop(pair)
        self.left_out.discard(_second(pair))
        for leg in pair.legs:
            if leg.number not in self._pairs:
                self._legs.pop(leg.number, None)

    def _messages(self, rows: Rows) -> None:
        wanted = np.isin(rows["connection"], np.fromiter(self._pairs, np.int64))
        for connection, sender, seen in _seen(rows.take(np.flatnonzero(wanted))):
            for pair in [*self._pairs.get(connection, ())]:
                self._take(pair, connection, sender, seen)


class EarlyMessages:
    """Messages of connections that opened lately, for the leg that opens a little later.

    Args:
        most: messages that are kept, the last ones.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: deque[Rows] = deque()
        self._count = 0

    def add(self, rows: Rows, oldest: int | None) -> None:
        """Take a batch's messages; keep those of connections from `oldest` on; None: of none."""
        if oldest is None:
            self._kept.clear()
            self._count = 0
            return
        some = rows.take(np.flatnonzero(rows["connection"] >= oldest)[-self._most :])
        if len(some):
            self._kept.append(some)
            self._count += len(some)
        while self._count > self._most:
            self._count -= len(self._kept.popleft())

    def of(self, connections: Sequence[int]) -> Iterable[tuple[int, int, Seen]]:
        """Yield the messages of some connections, in order."""
        for rows in self._kept:
            places = np.flatnonzero(np.isin(rows["connection"], connections))
            if len(places):
                yield from _seen(rows.take(places))


def _seen(rows: Rows) -> Iterable[tuple[int, int, Seen]]:
    """Yield connection and sender of each message, and what is compared."""
    hindered = np.zeros(len(rows), bool)
    for name in _HELD_UP:
        hindered |= rows[name] > 0
    names = ("connection", "sender", "digest", "payload_bytes", "time_last", "packet_last")
    columns = (rows[name].tolist() for name in names)
    for connection, sender, *rest in zip(*columns, hindered.tolist(), strict=True):
        yield connection, sender, Seen(*rest)


def _second(pair: Pair) -> int:
    """Return the leg that opened later: the other one counts."""
    near, far = pair.legs
    opened = (near.opened, near.number), (far.opened, far.number)
    return near.number if opened[NEAR] > opened[FAR] else far.number


def _cells(pair: Pair, direction: int) -> tuple[object, ...]:
    way = pair.ways[direction]
    transit, held = way.transit, way.held
    some = transit.count > 0
    return (
        pair.hop,
        *(leg.number for leg in pair.legs),
        direction,
        _BY_KEY if pair.by_key else _BY_PAYLOAD,
        transit.count,
        round(transit.median) if some else NULL,
        round(transit.quantile(0.95)) if some else NULL,
        transit.worst if some else NULL,
        held.count,
        held.longest if held.count else NULL,
        *(leg.tcp_stream for leg in pair.legs),
        *(NULL, NULL),
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
    out = _owned(rows, connections)
    return take_rows(rows, np.flatnonzero(~out).tolist()) if out.any() else rows


def only(rows: TableRows, connections: Collection[int]) -> TableRows:
    """Return the rows of some connections."""
    return take_rows(rows, np.flatnonzero(_owned(rows, connections)).tolist())


def _owned(rows: TableRows, connections: Collection[int]) -> npt.NDArray[np.bool_]:
    numbers: Any = rows.values["connection"]
    return np.isin(np.asarray(numbers, np.int64), np.fromiter(connections, np.int64))
