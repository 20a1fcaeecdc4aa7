"""Legs of plain streams: server-sent events or chunks that a proxy passes on, seen on both sides.

A reverse proxy asks the server behind it after it was asked, and answers after it was answered, so
that the request behind lies within the one before; and what comes behind comes before as well, in
the same order and later. Other clients that hear the same hear it from the same server, or from one
that is no client of theirs. Knows exchanges. Used by tables.build, and by the pipeline for what
counts once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from analyzer.columns import NULL
from analyzer.http.exchanges import Exchange
from analyzer.lazy_dataclass import dataclass
from analyzer.options import Options
from analyzer.tables.leg_pairs import FAR, NEAR
from analyzer.tables.schema import DIRECTIONS, HOPS, TableRows
from analyzer.tables.schema.hops import MATCHED_BY
from analyzer.tables.timing import columns_of
from analyzer.tables.ways import Seen, Way

_KINDS: Final = ("stream", "sse")
_FEWEST: Final = 3
"""Different messages that prove a pair."""
_MISSED: Final = 8
"""At most one message in so many of the leg behind is not found before the proxy."""
_SERVER: Final = DIRECTIONS.index("server")
_BY_PAYLOAD: Final = MATCHED_BY.index("payload")

Address = tuple[int, int]


@dataclass(frozen=True, slots=True)
class StreamLeg:
    """One stream, when it ended. Times are ns.

    Attributes:
        tcp_stream, exchange: which it is.
        group: its group in http_groups.
        asked, answered: first byte of the request and of the response.
        client, server: addresses.
        port: of the server.
        said: the first messages.
    """

    tcp_stream: int
    exchange: int
    group: int
    asked: int
    answered: int
    client: Address
    server: Address
    port: int
    said: tuple[Seen, ...]

    @classmethod
    def of(cls, exchange: Exchange) -> StreamLeg | None:
        """Return the leg that an exchange may be; None if it is no stream, or little is known."""
        tcp = exchange.tcp
        times = exchange.request_first_time, exchange.response_first_time
        if exchange.kind not in _KINDS or tcp is None or NULL in times:
            return None
        if len(exchange.digests) < _FEWEST:
            return None
        ends, ports = ((tcp.high0, tcp.low0), (tcp.high1, tcp.low1)), (tcp.port0, tcp.port1)
        side = exchange.client_side
        said = tuple(
            Seen(digest, size, time, 0, False)
            for (time, size), digest in zip(exchange.deliveries, exchange.digests, strict=False)
        )
        which = tcp.tcp_stream, exchange.exchange, exchange.group
        return cls(*which, *times, ends[side], ends[1 - side], ports[1 - side], said)

    def is_before(self, other: StreamLeg) -> bool:
        """Return whether `other` may be the leg behind a proxy that this one leads to."""
        if not self.asked <= other.asked <= other.answered <= self.answered:
            return False
        if (self.server, self.port) == (other.server, other.port):
            return False
        mine, others = {self.client, self.server}, {other.client, other.server}
        return self.server == other.client or not mine & others


def _way_between(near: StreamLeg, far: StreamLeg) -> tuple[Way, int] | None:
    """Return what passed from the leg behind to the one before; None if they are no legs.

    And for how many ns all of it was held: what it took longer than the quickest of it.
    """
    way = Way.of(FAR, max(len(near.said), len(far.said)))
    took = []
    for leg, said in ((FAR, far.said), (NEAR, near.said)):
        for seen in said:
            match = way.take(leg, seen)
            if match is not None:
                took.append(match[1].time - match[0].time)
    most = max(1, min(len(near.said), len(far.said)) // _MISSED)
    if len(way.distinct) < _FEWEST or way.early or way.missed > most:
        return None
    # Either may have been cut: the capture ended, or a limit of what is kept was reached.
    if min(len(waiting) for waiting in way.waiting) > most:
        return None
    return way, sum(took) - len(took) * min(took)


class StreamLegs:
    """Streams that wait for their other leg, and pairs that were found.

    Attributes:
        left_out: groups of streams whose conversation is counted by the leg before the proxy.
        held: ns that the messages of a group were held, all together, where its leg before the
            proxy counts.
    """

    def __init__(self, options: Options) -> None:
        self.left_out: set[int] = set()
        self.held: dict[int, int] = {}
        self._most = options.max_stream_legs
        self._waiting: list[StreamLeg] = []
        self._found: list[tuple[StreamLeg, StreamLeg, Way]] = []

    def push(self, exchanges: Iterable[Exchange]) -> None:
        """Take exchanges whose kind became known."""
        for exchange in exchanges:
            leg = StreamLeg.of(exchange)
            if leg is not None and not self._match(leg):
                self._waiting.append(leg)
                del self._waiting[: -self._most]

    def _match(self, leg: StreamLeg) -> bool:
        """Find the other leg of one among those that wait."""
        for place, other in enumerate(self._waiting):
            for near, far in ((leg, other), (other, leg)):
                found = _way_between(near, far) if near.is_before(far) else None
                if found is not None and len(self._found) < self._most:
                    self._found.append((near, far, found[0]))
                    self.left_out.add(far.group)
                    self.held[near.group] = self.held.get(near.group, 0) + found[1]
                    del self._waiting[place]
                    return True
        return False

    def finish(self, first: int) -> list[TableRows]:
        """Return the rows of hops, numbered from `first` on."""
        rows = [
            _cells(first + number, *found)
            for number, found in enumerate(sorted(self._found, key=_appearance))
        ]
        return [TableRows(HOPS, columns_of(HOPS.columns, rows), len(rows))] if rows else []


def _appearance(found: tuple[StreamLeg, StreamLeg, Way]) -> tuple[int, int]:
    near, far, _ = found
    return near.asked, far.asked


def _cells(hop: int, near: StreamLeg, far: StreamLeg, way: Way) -> tuple[object, ...]:
    transit, held = way.transit, way.held
    return (
        hop,
        *(NULL, NULL),
        _SERVER,
        _BY_PAYLOAD,
        transit.count,
        round(transit.median),
        round(transit.quantile(0.95)),
        transit.worst,
        held.count,
        held.longest if held.count else NULL,
        *(near.tcp_stream, far.tcp_stream),
        *(near.exchange, far.exchange),
    )
