"""Groups: which exchanges are one client's requests for the same, and how they deliver.

A lane holds the requests of one poller for one resource, in order. Its exchanges wait until
their kind can be known: at the end of the capture, when the lane has enough of them, or when
all lanes together have too many. Whatever is decided depends on the order of requests and
answers in the capture alone. Knows exchanges and callers; must not know bytes. Used by
http.http1.messages and http.pairing.

Pollers that look alike (one address, no cookies) are distinguished by how clients use
connections: one that has an idle connection opens no other. docs/numbers.md has the rules.
"""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import Final

from analyzer.columns import NULL
from analyzer.http.delivery.callers import Marks, Target, identity, marks_of, target_of
from analyzer.http.delivery.keeping import Keeping
from analyzer.http.delivery.polling import (
    follows_at_once,
    is_event_stream,
    is_held,
    is_stream,
    series_kind,
)
from analyzer.http.exchanges import Exchange
from analyzer.http.head import Head
from analyzer.options import Options
from analyzer.tcp.bytestream import Connection

_LOOKED_AT: Final = 64
"""Pools and lanes of one key that are looked at for one that takes a request."""
_READING_NS: Final = 5_000_000
"""A client's time to read an answer, after which its connection is free again."""
_CALLER_LANES: Final = 64
"""Lanes that a connection is remembered to have asked for."""

_CALLERS: Final = 64
"""Connections that one client has open at the same time, at most: browsers have 6 to a host.
Without a bound, a flood of unanswered requests took quadratic time."""
_MESSAGES_OF_ONE: Final = 64
_HEADS_OF_ONE: Final = 4096
"""Messages, and bytes of headers, that count as one more exchange held: about as much memory."""

Key = tuple[int, str, str]


class Pool:
    """Connections that one client may have open at the same time."""

    __slots__ = ("callers",)

    def __init__(self) -> None:
        self.callers: list[Caller] = []

    def is_open_to_more(self, tcp: Connection) -> bool:
        """Return whether a new connection may be of the same client: it had no idle one to use."""
        self.callers = [each for each in self.callers if not each.finished]
        if len(self.callers) >= _CALLERS:
            return False
        return all(each.is_busy(tcp) for each in self.callers)


class Caller:
    """One TCP connection, as a client uses it.

    Attributes:
        tcp: its CONNECTION row; client_side: side of the client.
        requests: how many came; busy: those without the end of their answers.
        finished: no request will come: FIN, RST, or said so.
        shared: several clients' requests come over it, from a proxy.
        who: client of the last request; marks: by which it was known.
        asked_at: ns of the beginning of its last request; answered_at: of the end of its
            last answer; NULL before any.
    """

    __slots__ = (
        *("answered_at", "asked_at", "busy", "client_side", "finished", "lanes", "marks", "pool"),
        *("requests", "shared", "tcp", "who"),
    )

    def __init__(self, tcp: Connection, client_side: int) -> None:
        self.tcp = tcp
        self.client_side = client_side
        self.busy = 0
        self.requests = 0
        self.finished = False
        self.shared = False
        self.marks: Marks = ()
        self.who = -1
        self.asked_at = self.answered_at = NULL
        self.pool: Pool | None = None
        self.lanes: dict[Key, Lane] = {}

    def is_busy(self, other: Connection) -> bool:
        """Return whether its client could not use it yet when it opened connection `other`.

        A capture at the server sees an answer half a round trip before the client does, and
        a SYN half a round trip after it was sent; a client takes a moment to read.
        """
        if self.busy > 0:
            return True
        if NULL in (self.asked_at, self.answered_at, other.syn_time, other.established_time):
            return False
        trip = max(0, other.established_time - other.syn_time)
        opened = other.syn_time
        return self.asked_at - trip <= opened <= self.answered_at + trip + _READING_NS


class Lane:
    """The requests of one poller for one resource.

    Attributes:
        kind: "" until decided.
        group: its number; -1 until decided, or if it is plain.
        series: exchanges that began, while undecided.
        waiting: those that are over, and wait for the decision.
        weight: what they count for, together.
        last: the request that came last; caller: over which connection; turns: how many came.
    """

    __slots__ = (
        *("by_name", "caller", "digest", "group", "key", "kind", "last", "paged", "series"),
        *("state", "turns", "waiting", "weight"),
    )

    def __init__(self, key: Key, target: Target) -> None:
        self.key = key
        self.paged = target.paged
        self.by_name = target.kind
        self.kind = ""
        self.group = -1
        self.series: list[Exchange] = []
        self.waiting: list[Exchange] = []
        self.last: Exchange | None = None
        self.caller: Caller | None = None
        self.turns = 0
        self.weight = 0
        self.state = ""
        self.digest = b""

    def may_move_to(self, caller: Caller, begun: int) -> bool:
        """Return whether its poller may go on over another connection, with a request at `begun`.

        Over one that it has used before, also if that looked like another client's: a long
        poll follows its answer at once.
        """
        own = self.caller
        if own is None or own.finished or caller.shared or own.pool is caller.pool:
            return True
        return caller.requests > 1 and self.is_followed(begun)

    def is_followed(self, begun: int) -> bool:
        """Return whether a request at `begun` (ns) follows its last answer at once."""
        last = self.last
        return last is not None and last.complete and follows_at_once(last, begun)

    def awaits(self, begun: int) -> bool:
        """Return whether a request at `begun` goes on with its long polls."""
        return self.last is not None and self.is_followed(begun) and is_held(self.last)

    def is_free(self) -> bool:
        """Return whether no request of it is in progress."""
        return (
            self.last is None
            or self.last.complete
            or (self.caller is not None and (self.caller.finished or not self.caller.busy))
        )


class Groups:
    """All lanes, and the exchanges that wait for their kinds.

    Attributes:
        released: exchanges whose kind is known; the caller empties it.
        limited: lanes were decided early, because there was too much.
        keeping: is told what exchanges are, and drops what is of no use; None: nothing is kept.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._clients: dict[bytes, int] = {}
        self._pools: dict[int, deque[Pool]] = {}
        self._lanes: dict[Key, dict[Lane, None]] = {}
        self._order: dict[Lane, None] = {}
        self._undecided: dict[Lane, None] = {}
        self._held = 0
        self._next_client = 0
        self._next_group = 0
        self.released: list[Exchange] = []
        self.limited = False
        self.keeping: Keeping | None = None

    # --- requests

    def begin(self, caller: Caller, exchange: Exchange, head: Head) -> tuple[Target, Lane | None]:
        """Take up a request; return what it asks for, and its lane, if it may be a poll."""
        target = target_of(head.method, head.target)
        exchange.tcp = caller.tcp
        exchange.transport = target.transport
        marks = marks_of(head.values, target)
        if marks != caller.marks:
            # The same as in the request before, mostly: a digest is expensive.
            caller.marks = marks
            self._join_pool(caller, self._client(identity(_ends(caller), marks)))
        who = exchange.client_key = caller.who
        caller.busy += 1
        caller.asked_at = exchange.request_first_time
        caller.requests += 1
        if exchange.method != "GET" and target.kind in ("", "plain"):
            return target, None
        key = (who, head.method, target.resource)
        lane = self._lane(caller, key, target, exchange.request_first_time)
        last = lane.last
        exchange.turn, lane.turns = lane.turns, lane.turns + 1
        if last is not None:
            exchange.previous_start = last.request_first_time
            exchange.previous_answer = last.response_last_time if last.complete else NULL
        lane.last, lane.caller = exchange, caller
        caller.lanes.pop(key, None)
        caller.lanes[key] = lane
        if len(caller.lanes) > _CALLER_LANES:
            del caller.lanes[next(iter(caller.lanes))]
        self._use(lane)
        if lane.by_name not in ("", "plain"):
            # Known by name: what is read in its messages refers to the group by its number.
            self._number(lane)
        if not lane.kind:
            lane.series.append(exchange)
            weight = 1 + exchange.request_header_bytes // _HEADS_OF_ONE
            lane.weight += weight
            self._held += weight
            if len(lane.series) >= self._options.max_group_exchanges:
                self._decide(lane)
        self._keep_limits()
        return target, lane

    def _use(self, lane: Lane) -> None:
        """Move a lane after all others, as the one that was used last."""
        self._order.pop(lane, None)
        self._order[lane] = None
        if not lane.kind:
            self._undecided.pop(lane, None)
            self._undecided[lane] = None

    def _client(self, digest: bytes) -> int:
        number = self._clients.pop(digest, -1)
        if number < 0:
            number = self._next_client
            self._next_client += 1
        self._clients[digest] = number
        if len(self._clients) > self._options.max_http_clients:
            oldest = next(iter(self._clients))
            self._pools.pop(self._clients.pop(oldest), None)
        return number

    def _join_pool(self, caller: Caller, who: int) -> None:
        if caller.who != who:
            caller.shared = caller.who >= 0
            caller.who = who
        if caller.pool is not None:
            return
        pools = self._pools.setdefault(who, deque(maxlen=_LOOKED_AT))
        pool = next((each for each in pools if each.is_open_to_more(caller.tcp)), None)
        if pool is None:
            pool = Pool()
            pools.append(pool)
        caller.pool = pool
        pool.callers.append(caller)

    def _lane(self, caller: Caller, key: Key, target: Target, begun: int) -> Lane:
        """Return the lane that a request at `begun` (ns) joins."""
        own = caller.lanes.get(key)
        lanes = self._lanes.setdefault(key, {})
        if own is None or own not in lanes or not own.is_followed(begun):
            # A pool of connections uses any of them for the next long poll.
            chained = [lane for lane in islice(lanes, _LOOKED_AT) if lane.awaits(begun)]
            if chained:
                own = max(chained, key=_answered_at)
        if own is not None and own in lanes:
            del lanes[own]
            lanes[own] = None
            return own
        # In the order in which they were last asked for, the oldest first.
        for lane in islice(lanes, _LOOKED_AT):
            if lane.is_free() and (target.names_client or lane.may_move_to(caller, begun)):
                del lanes[lane]
                lanes[lane] = None
                return lane
        lane = Lane(key, target)
        lanes[lane] = None
        return lane

    # --- answers

    def opened(self, lane: Lane, exchange: Exchange, session: str) -> None:
        """Note that an answer opened a session of Engine.IO: its lane goes on under its name."""
        caller = lane.caller
        if caller is None or lane not in self._order or lane.last is not exchange:
            return
        named = Target(lane.key[2], "", exchange.transport, session=session)
        values = {"host": exchange.host} if exchange.host is not None else {}
        who = self._client(identity(_ends(caller), marks_of(values, named)))
        self._forget(lane)
        caller.lanes.pop(lane.key, None)
        exchange.client_key = who
        lane.key = (who, lane.key[1], lane.key[2])
        self._lanes.setdefault(lane.key, {})[lane] = None
        self._use(lane)

    def answered(self, lane: Lane, exchange: Exchange, state: str, digest: bytes) -> None:
        """Compare a complete answer with the one before in its lane."""
        if not lane.kind:
            # Many messages are kept with it.
            weight = (len(exchange.deliveries) + len(exchange.sent)) // _MESSAGES_OF_ONE
            weight += exchange.response_header_bytes // _HEADS_OF_ONE
            lane.weight += weight
            self._held += weight
            self._keep_limits()
        exchange.unchanged = bool(digest) and (lane.state, lane.digest) == (state, digest)
        lane.state, lane.digest = state, digest

    def emit(self, lane: Lane | None, exchange: Exchange) -> None:
        """Take an exchange that is over."""
        if lane is not None and not lane.kind:
            lane.waiting.append(exchange)
            return
        self._release(lane, exchange)

    # --- decisions

    def finish(self) -> None:
        """Decide all lanes: the capture has ended."""
        for lane in sorted(self._undecided, key=_appearance):
            self._decide(lane)
        self._order, self._lanes = {}, {}

    def _keep_limits(self) -> None:
        options = self._options
        while self._held > options.max_held_exchanges or len(self._order) > options.max_http_lanes:
            self.limited = True
            too_many = self._held > options.max_held_exchanges
            lane = next(iter(self._undecided if too_many else self._order))
            if not lane.kind:
                self._decide(lane)
            self._forget(lane)
            if lane.caller is not None:
                # Else open connections would keep all lanes that they ever had.
                lane.caller.lanes.pop(lane.key, None)
            lane.last = lane.caller = None

    def _forget(self, lane: Lane) -> None:
        self._order.pop(lane, None)
        self._undecided.pop(lane, None)
        lanes = self._lanes.get(lane.key, {})
        lanes.pop(lane, None)
        if not lanes:
            self._lanes.pop(lane.key, None)

    def _decide(self, lane: Lane) -> None:
        if lane.by_name:
            lane.kind = lane.by_name
        else:
            lane.kind = series_kind(lane.series, paged=lane.paged)
        if lane.kind != "plain":
            self._number(lane)
        self._undecided.pop(lane, None)
        self._held -= lane.weight
        lane.weight = 0
        lane.series = []
        waiting, lane.waiting = lane.waiting, []
        for exchange in waiting:
            self._release(lane, exchange)

    def _number(self, lane: Lane) -> None:
        if lane.group < 0:
            lane.group = self._next_group
            self._next_group += 1

    def _release(self, lane: Lane | None, exchange: Exchange) -> None:
        """Say what an exchange is, and let it leave."""
        kind = "plain"
        if lane is not None and lane.kind in ("poll", "long-poll"):
            kind = lane.kind
        elif is_event_stream(exchange) and exchange.status == 200:
            kind = "sse"
        elif is_stream(exchange):
            kind = "stream"
        elif lane is not None and lane.by_name and exchange.status == 200:
            kind = lane.by_name
        exchange.kind = kind
        if kind != "plain" and lane is not None:
            if lane.kind == "plain":
                lane.kind = kind
            self._number(lane)
            exchange.group = lane.group
        if exchange.unchanged and kind == "poll" and not exchange.empty:
            exchange.deliveries = []
            exchange.told = []
            exchange.messages = exchange.message_bytes = 0
        else:
            exchange.unchanged = False
        if kind not in ("stream", "sse"):
            exchange.digests = []
        if self.keeping is not None:
            self.keeping.release(exchange)
        self.released.append(exchange)


def _answered_at(lane: Lane) -> int:
    """Return ns of the end of a lane's last answer."""
    return NULL if lane.last is None else lane.last.response_last_time


def _appearance(lane: Lane) -> tuple[int, int]:
    """Return the place of a lane among all: its first request's packet."""
    first = lane.series[0] if lane.series else None
    return (first.request_packet, first.exchange) if first is not None else (0, 0)


def _ends(caller: Caller) -> tuple[int, ...]:
    """Return the addresses of client and server, and the server's port."""
    tcp = caller.tcp
    one, other = (tcp.high0, tcp.low0), (tcp.high1, tcp.low1)
    return (*other, *one, tcp.port0) if caller.client_side else (*one, *other, tcp.port1)
