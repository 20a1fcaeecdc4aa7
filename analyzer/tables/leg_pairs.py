"""Pairs of connections that may be legs of one conversation although their keys differ.

A proxy that makes a handshake of its own leaves nothing but what is said: the same messages in
the same order, each on the leg of its sender first. Clients that hear one broadcast, or run one
script, hear and say the same things too. So four things must come together:

- the legs lead to different servers, and the first one's server is the second one's client; or
  they have no address in common (a proxy with two);
- the leg behind was opened while the proxy had reason to: after the request before it, soon;
- messages of both sides go through, each after it came, different ones, and nearly all; and in
  turns, one side's when the other's are through. Of clients that say and hear the same, who is
  first is a matter of chance at each turn; subscribers of a feed take one turn or two;
- no other pair with one of the legs explains as much.

Knows connections and messages. Used by tables.legs.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from itertools import islice

from analyzer.columns import NULL
from analyzer.lazy_dataclass import dataclass
from analyzer.named_tuple import NamedTuple
from analyzer.options import Options
from analyzer.tables.ways import Seen, Way
from analyzer.tcp.bytestream import Connection
from analyzer.websocket.connection import WebSocketConnection

NEAR, FAR = 0, 1
"""Legs: on the client's side of the hop, and on the server's."""

_LOOKED_AT = 64
"""Connections that opened last among which a new one's other leg is looked for."""
_WAITING = 64
"""Messages of a leg that wait while nobody knows yet whether it is one."""
_NESTED_MESSAGES, _NESTED_TURNS = 4, 2
"""Different messages, and turns, that prove a pair whose handshakes lie within each other."""
_EACH, _TURNS = 3, 6
"""The same for any other pair, of each side."""


Place = tuple[tuple[int, int], int]


class Leg(NamedTuple):
    """An open connection, as far as pairs are concerned. Times are ns, NULL if not seen.

    Attributes:
        number: of the connection.
        tcp_stream: that carries it.
        key: Sec-WebSocket-Key; None without.
        syn: of its TCP connection.
        asked, heard, answered: end of the request; begin and end of the response.
        opened: when it opened.
        client, server: addresses.
        port: of the server.
    """

    number: int
    tcp_stream: int
    key: str | None
    syn: int
    asked: int
    heard: int
    answered: int
    opened: int
    client: tuple[int, int]
    server: tuple[int, int]
    port: int

    @classmethod
    def of(cls, opened: WebSocketConnection, tcp: Connection) -> Leg:
        """Return the leg that a connection may be."""
        handshake = opened.handshake
        ends = (tcp.high0, tcp.low0), (tcp.high1, tcp.low1)
        ports = tcp.port0, tcp.port1
        side = opened.client_side
        times = (NULL, NULL, NULL)
        if handshake is not None:
            asked, heard = handshake.request_last_time, handshake.response_first_time
            times = asked, heard, handshake.response_last_time
        return cls(
            opened.connection,
            tcp.tcp_stream,
            None if handshake is None else handshake.key,
            tcp.syn_time,
            *times,
            opened.opened_at,
            ends[side],
            ends[1 - side],
            ports[1 - side],
        )

    @property
    def place(self) -> Place:
        """Address and port of the server."""
        return self.server, self.port

    @property
    def start(self) -> int:
        """When it began, as far as it was captured."""
        return self.opened if self.asked == NULL else self.asked


@dataclass(slots=True, eq=False)
class Pair:
    """Two connections that may be legs, or are.

    Attributes:
        legs: near and far.
        ways: of the client's messages and of the server's.
        rank: how much speaks for it before a message was seen.
        hop: its number, once it is certain; NULL.
        packet: with which it was certain.
        by_key: whether the keys tell.
        open: legs that have not ended.
        turns: how often one side spoke when what the other side said was through.
    """

    legs: tuple[Leg, Leg]
    ways: tuple[Way, Way]
    rank: int = 0
    hop: int = NULL
    packet: int = 0
    by_key: bool = False
    open: int = 2
    turns: int = 0
    _turn: tuple[int, int] = (NULL, NULL)

    @classmethod
    def of(cls, near: Leg, far: Leg, most: int = _WAITING) -> Pair:
        """Return a pair on whose ways `most` messages wait for each other."""
        return cls((near, far), (Way.of(NEAR, most), Way.of(FAR, most)))

    def take(self, connection: int, sender: int, seen: Seen) -> bool:
        """Take a message of a leg; return whether it matched."""
        leg = FAR if connection == self.legs[FAR].number else NEAR
        match = self.ways[sender].take(leg, seen)
        if match is None:
            return False
        whose, until = self._turn
        if whose == sender:
            self._turn = sender, max(until, match[1].time)
        elif match[0].time > until:
            self.turns += whose != NULL
            self._turn = sender, match[1].time
        return True

    @property
    def evidence(self) -> int:
        """Different messages that went through."""
        return sum(len(way.distinct) for way in self.ways)

    @property
    def is_refuted(self) -> bool:
        """Whether the legs say different things, or one thing in the wrong order."""
        return any(
            min(map(len, way.waiting)) > 4 + way.matched // 4
            or max(map(len, way.waiting)) == _WAITING
            or way.early > 1 + way.matched // 16
            or way.missed > 2 + way.matched // 8
            for way in self.ways
        )

    @property
    def is_proven(self) -> bool:
        """Whether what went through proves it."""
        client, server = (len(way.distinct) for way in self.ways)
        if any(way.missed + way.early > 1 + way.matched // 8 for way in self.ways):
            return False
        if self.rank >= _NESTED:
            return client + server >= _NESTED_MESSAGES and self.turns >= _NESTED_TURNS
        return min(client, server) >= _EACH and self.turns >= _TURNS


_NEXT, _NESTED = 1, 2
"""Ranks: the leg behind is the first that opened after the request; its handshake lies within
the other one from its SYN on."""


class Candidates:
    """Holds connections that opened lately, in order.

    Args:
        options: leg_connect_s, max_leg_candidates.

    Attributes:
        cut: pairs that were not looked at.
    """

    def __init__(self, options: Options) -> None:
        self._window = round(options.leg_connect_s * 1e9)
        self._most = options.max_leg_candidates
        self.cut = 0
        self._recent: deque[Leg] = deque(maxlen=options.max_early_legs)
        self._places: Counter[Place] = Counter()  # servers that those lead to

    def oldest(self, now: int) -> int | None:
        """Return the lowest number of a connection that may still get a partner; None."""
        while self._recent and now - self._recent[0].opened > self._window:
            self._forget(self._recent.popleft())
        return min((leg.number for leg in self._recent), default=None)

    def pairs(self, leg: Leg) -> Iterator[Pair]:
        """Yield the pairs that a connection makes with those that opened before it."""
        others: list[Leg] = []
        # Mostly all of them lead to one server.
        if len(self._places) > (leg.place in self._places):
            others = [
                other
                for other in islice(reversed(self._recent), _LOOKED_AT)
                if other.place != leg.place
                and (leg.key is None or leg.key != other.key)
                and abs(other.start - leg.start) <= self._window
            ]
        if len(self._recent) == self._recent.maxlen:
            self._forget(self._recent.popleft())
        if self._recent.maxlen:
            self._recent.append(leg)
            self._places[leg.place] += 1
        if not others:
            return
        found = [
            (near, far)
            for other in others
            for near, far in ((leg, other), (other, leg))
            if _may_lie_behind(near, far)
        ]
        found.sort(key=lambda each: abs(each[NEAR].start - each[FAR].start))
        self.cut += max(0, len(found) - self._most)
        for place, (near, far) in enumerate(found[: self._most]):
            made = Pair.of(near, far)
            if _is_nested(near, far):
                made.rank = _NESTED
            elif place == 0:
                made.rank = _NEXT
            yield made

    def ended(self, connections: set[int]) -> None:
        """Forget connections."""
        if any(leg.number in connections for leg in self._recent):
            kept = [leg for leg in self._recent if leg.number not in connections]
            self._recent = deque(kept, maxlen=self._recent.maxlen)
            self._places = Counter(leg.place for leg in kept)

    def _forget(self, leg: Leg) -> None:
        self._places[leg.place] -= 1
        if not self._places[leg.place]:
            del self._places[leg.place]


def _may_lie_behind(near: Leg, far: Leg) -> bool:
    """Say whether a proxy may have opened `far` for `near`, by addresses and times."""
    two_homed = {near.client, near.server}.isdisjoint((far.client, far.server))
    if near.server != far.client and not two_homed:
        return False
    if NULL in (near.asked, far.asked):
        return True  # one was met in its middle: nothing is known of who began
    return far.start >= near.asked


def _is_nested(near: Leg, far: Leg) -> bool:
    times = near.asked, far.syn, far.answered, near.heard
    return near.server == far.client and NULL not in times and list(times) == sorted(times)
