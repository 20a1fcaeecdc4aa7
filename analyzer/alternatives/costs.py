"""Costs: what each transport takes to deliver the messages of connections.

Puts together the schedule's lanes, the headers and the packet model; all connections at
once, one element of each array for each. docs/alternatives.md has the formulas with a
worked example. Knows transports. Must not know tables. Used by alternatives.stage.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from analyzer.alternatives import lanes as layout
from analyzer.alternatives.conversations import Conversations, Ints
from analyzer.alternatives.heads import Envelope, Heads, Pair
from analyzer.alternatives.lanes import Answers, Floats
from analyzer.alternatives.packets import Traffic, answer_segments
from analyzer.alternatives.phases import Phases, phases_of

_DATA_FRAME: Final = 9.0
"""RFC 9113 4.1: the header of a DATA frame."""
_H2_CLIENT: Final = 24.0 + 33.0 + 13.0 + 9.0
"""RFC 9113 3.4: the client's preface of 24 bytes, SETTINGS with four parameters (9 + 4 * 6),
WINDOW_UPDATE of the connection (13), and its ACK of the server's SETTINGS (9)."""
_H2_SERVER: Final = 27.0 + 9.0
"""The server's SETTINGS with three parameters (9 + 3 * 6) and its ACK (9)."""
_CLOSE_CLIENT: Final = 8.0
_CLOSE_SERVER: Final = 4.0
"""Close frames with a code, masked and not (RFC 6455 5.5.1)."""
_HELD: Final = 0.5
"""From this share of held requests on the server is taken to acknowledge each at once."""


@dataclass(slots=True)
class Cost:
    """What one transport costs each connection; arrays as in Conversations.

    Attributes:
        transport: its name in the table.
        interval: ns between polls, 0 for others.
        sums: by the names of SUMS: in all, from SYN to the last packet.
        steady: by the same names: per second, without what opens and closes a connection.
        tcp_connections: in all.
        empty_polls: answers without a message; of transports that do not poll 0.
        per_message: wire bytes that a further message of the server adds.
        observed: bool: headers of real exchanges were used.
        has_delay: whether the transport has a delay at all (one request a message has none
            to speak of: nobody knows when to ask).
        delay: ns, summed over all messages of the server.
        delays: how many waited, by class; None where none does.
        delay_range: ns, of all classes together.
        phases: what depends on when a client polls within the interval; None of other
            transports.
    """

    transport: str
    interval: int
    sums: dict[str, Floats]
    steady: dict[str, Floats]
    tcp_connections: Floats
    empty_polls: Floats
    per_message: Floats
    observed: npt.NDArray[np.bool_]
    has_delay: bool = True
    delay: Floats = field(default_factory=lambda: np.zeros(0))
    delays: npt.NDArray[Any] | None = None
    delay_range: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    phases: Phases | None = None


SUMS: Final = ("requests", "packets", "header_bytes", "application_bytes", "wire_bytes")


@dataclass(slots=True)
class _Asked:
    """Requests of one kind, their headers and what the answers have besides messages."""

    pair: str
    body: Callable[[Heads], Envelope]
    role: str


_SHORT = _Asked("poll", lambda heads: heads.body, "poll")
_LONG = _Asked("long_poll", lambda heads: heads.long_body, "long-poll")


def all_costs(known: Conversations, intervals: Sequence[int]) -> list[Cost]:
    """Return the cost of each modelled transport, in the order of the table."""
    costs = [request(known)]
    costs += [short_poll(known, k, interval) for k, interval in enumerate(intervals)]
    costs += [long_poll(known), stream(known), server_sent_events(known)]
    costs += [short_poll(known, k, each, http2=True) for k, each in enumerate(intervals)]
    costs += [long_poll(known, http2=True), server_sent_events(known, http2=True)]
    return costs


class _Account:
    """Adds up one transport: a Traffic, and what of its bytes is head."""

    def __init__(self, known: Conversations, *, http2: bool = False) -> None:
        self.known = known
        self.http2 = http2
        self.traffic = Traffic(known.wire)
        self.requests = np.zeros(len(known.heads))
        self.payload = np.zeros(len(known.heads))

    def head(self, pair: str, side: str) -> tuple[Floats, Floats]:
        """Return the mean size of a repeated head, and what the first one has more."""

        def pick(heads: Heads) -> Pair:
            found: Pair = getattr(heads, pair)
            return found

        if not self.http2:
            size = self.known.of_heads(lambda heads: getattr(pick(heads), side))
            return size, np.zeros(len(size))
        first = self.known.of_heads(lambda heads: getattr(pick(heads), f"{side}_h2")[0])
        later = self.known.of_heads(lambda heads: getattr(pick(heads), f"{side}_h2")[1])
        return later, np.maximum(0.0, first - later)

    def framed(self, body: Floats) -> Floats:
        """Return what HTTP/2 frames add to bodies that are not empty."""
        return np.where(body > 0, _DATA_FRAME, 0.0) if self.http2 else np.zeros(len(body))

    def posts(self) -> None:
        """Add a request for each message of the client."""
        known = self.known
        posts = known.answers(layout.POSTS)
        count = posts.answers
        request, first = self.head("post", "request")
        answer, answer_first = self.head("post", "answer")
        body = known.of_heads(lambda heads: heads.post_body)
        request = request + self.framed(np.ones(len(count)))
        answer = answer + body + self.framed(body)
        any_posts = count > 0
        self.requests += count
        self.payload += posts.payload_bytes
        traffic = self.traffic
        size = request + known.wire["record"]
        packets = answer_segments(posts, size, known.wire)
        traffic.client_bytes += count * size + posts.payload_bytes + any_posts * first
        traffic.client_packets += packets
        traffic.server_acks += (packets - count) * known.wire["bulk_acks"]
        replies = known.answers(layout.REPLIES)
        self._replies(replies)
        traffic.answer(np.maximum(count - replies.answers, 0), answer)
        traffic.server_bytes += any_posts * answer_first

    def _replies(self, replies: Answers) -> None:
        """Add the responses that bring a reply: 200 with a body, where others are 204."""
        known, traffic = self.known, self.traffic
        head, _ = self.head("poll", "answer")
        beside = head + self.framed(np.ones(len(known.heads)))
        packets = answer_segments(replies, beside + known.wire["record"], known.wire)
        traffic.answer(replies.answers, beside + replies.mean_payload, packets)
        self.payload += replies.payload_bytes

    def cost(self, transport: str, interval: int, connections: Floats, **more: Any) -> Cost:
        """Close the account: TCP connections, totals, steady rates."""
        traffic, known = self.traffic, self.known
        opens_each = not known.keep_alive and transport in _REQUESTING
        if opens_each:
            connections = self.requests
        running = self.totals()
        traffic.connect(connections)
        if self.http2:
            traffic.client_bytes += connections * _H2_CLIENT
            traffic.server_bytes += connections * _H2_SERVER
            # The preface rides with the first request; the server's SETTINGS come alone.
            traffic.server_packets += connections
            traffic.client_acks += connections
        totals = self.totals()
        span = np.where(known.seconds > 0, known.seconds, np.nan)
        again = totals if opens_each else running
        return Cost(
            transport,
            interval,
            totals,
            {name: again[name] / span for name in SUMS},
            connections,
            **more,
        )

    def totals(self) -> dict[str, Floats]:
        """Return SUMS as they stand."""
        application = self.traffic.client_bytes + self.traffic.server_bytes
        return {
            "requests": self.requests.copy(),
            "packets": self.traffic.packets,
            "application_bytes": application.copy(),
            "header_bytes": application - self.payload,
            "wire_bytes": self.traffic.wire_bytes,
        }


_REQUESTING = frozenset({"request", "short-poll", "long-poll", "stream", "sse"})
"""What opens a connection for each request without keep-alive."""


def _observed(known: Conversations, role: str) -> npt.NDArray[np.bool_]:
    return known.of_heads(lambda heads: float(role in heads.observed)) > 0


def _nothing(known: Conversations) -> Floats:
    return np.zeros(len(known.heads))


def _exchange_wire(account: _Account, asked: _Asked, payload: Floats, held: float) -> Floats:
    """Return the wire bytes of one exchange that brings `payload` bytes in one message."""
    known = account.known
    single = Traffic(known.wire)
    one = np.ones(len(known.heads))
    request, _ = account.head(asked.pair, "request")
    answer, _ = account.head(asked.pair, "answer")
    envelope = known.of_heads(lambda heads: asked.body(heads).opening + asked.body(heads).each)
    single.ask(one, request, acked=held)
    single.answer(one, answer + envelope + payload + account.framed(one))
    return single.wire_bytes


def _mean_payload(known: Conversations) -> Floats:
    lane = known.lane(layout.PUSHES)
    mean: Floats = lane["payload_bytes"] / np.maximum(lane["messages"], 1)
    return mean


def request(known: Conversations) -> Cost:
    """One request for each message: a POST for the client's, a GET for the server's."""
    account = _Account(known)
    account.posts()
    pushes = known.answers(layout.PUSHES)
    _answers(account, _SHORT, pushes, pushes.answers, _nothing(known))
    single = _exchange_wire(account, _SHORT, _mean_payload(known), 0.0)
    return account.cost(
        "request",
        0,
        np.ones(len(known.heads)),
        empty_polls=_nothing(known),
        per_message=single,
        observed=_observed(known, "poll"),
        has_delay=False,
    )


def _answers(
    account: _Account, asked: _Asked, brought: Answers, count: Floats, held: Floats | float
) -> None:
    """Add `count` requests, of which some brought messages."""
    known = account.known
    full, messages = brought.answers, brought.mean_messages
    request, request_first = account.head(asked.pair, "request")
    answer, answer_first = account.head(asked.pair, "answer")
    opening = known.of_heads(lambda heads: asked.body(heads).opening)
    each = known.of_heads(lambda heads: asked.body(heads).each)
    empty = known.of_heads(lambda heads: asked.body(heads).empty)
    traffic = account.traffic
    traffic.ask(count, request, acked=held)
    beside = answer + opening + each * messages + account.framed(np.ones(len(full)))
    record = known.wire["record"]
    packets = answer_segments(brought, beside + record, known.wire)
    traffic.answer(full, beside + brought.mean_payload, packets)
    traffic.answer(count - full, answer + empty + account.framed(empty))
    asked_any = count > 0
    traffic.client_bytes += asked_any * request_first
    traffic.server_bytes += asked_any * answer_first
    account.requests += count
    account.payload += brought.payload_bytes


def short_poll(known: Conversations, place: int, interval: int, *, http2: bool = False) -> Cost:
    """A request each `interval` ns, whether there is a message or not."""
    account = _Account(known, http2=http2)
    account.posts()
    brought = layout.polled(known.lanes, known.sizes, place)
    paced = np.maximum(known.gap, interval)
    # Over all phases: duration / interval polls, and one more as often as no poll comes between
    # the last message and the end.
    last = known.duration - known.shared["last_push"]
    more = np.where(brought.messages > 0, np.clip(1 - last / paced, 0, None), 0.0)
    polls = np.maximum(known.duration / paced + more, brought.answers)
    _answers(account, _SHORT, brought, polls, 0.0)
    each = known.of_heads(lambda heads: heads.body.each)
    full = known.wire["server_header"] + known.wire["client_ack"] * known.wire["bulk_acks"]
    payload = _mean_payload(known) + each
    cost = account.cost(
        "short-poll-h2" if http2 else "short-poll",
        interval,
        np.ones(len(known.heads)),
        empty_polls=polls - brought.answers,
        # A further message makes the next answer longer, no more.
        per_message=payload * (1 + full / known.wire["mss"]),
        observed=_observed(known, "poll"),
        # Each message waits for any part of the interval alike.
        delay=brought.messages * paced / 2,
        delays=np.repeat(brought.messages[:, None], layout.DELAY_CLASSES, 1) / layout.DELAY_CLASSES,
        delay_range=paced,
        phases=phases_of(known, place, paced),
    )
    # Polls come at their interval, however short the capture.
    share = 1e9 / paced / np.maximum(polls, 1)
    posts = known.lane(layout.POSTS)["answers"] == 0
    for name in SUMS:
        exact = cost.steady[name] * known.seconds * share
        cost.steady[name] = np.where(posts & (known.seconds > 0), exact, cost.steady[name])
    return cost


def long_poll(known: Conversations, *, http2: bool = False) -> Cost:
    """A request that is held until there is a message, then asked again."""
    account = _Account(known, http2=http2)
    account.posts()
    number = layout.LONG_POLL
    lane = known.lane(number)
    brought = known.answers(number)
    full = brought.answers
    # What is left behind the last answer: held in vain, and one that is never answered.
    # The first request arrives at 0, a later one the gap after the answer before.
    asked = np.where(full > 0, lane["last_answer"], -known.gap)
    left = np.maximum(0, known.duration - asked)
    timeouts = lane["timeouts"] + left // (known.hold + known.gap)
    answered = full + timeouts
    is_held = np.where(lane["prompt"] < _HELD * full, answered, answered - lane["prompt"])
    held = is_held / np.maximum(answered, 1)
    _answers(account, _LONG, brought, answered, held)
    one = np.ones(len(known.heads))
    size, first = account.head("long_poll", "request")
    account.traffic.ask(one, size + (answered == 0) * first, acked=1.0)
    account.requests += 1
    single = _exchange_wire(account, _LONG, _mean_payload(known), 1.0)
    posts = known.lane(layout.POSTS)["answers"] > 0
    return account.cost(
        "long-poll-h2" if http2 else "long-poll",
        0,
        one if http2 else one + posts,
        empty_polls=timeouts.astype(np.float64),
        per_message=single,
        observed=_observed(known, "long-poll"),
        delay=lane["delay"],
        delays=known.delays[:, number],
        delay_range=known.gap,
    )


def stream(known: Conversations) -> Cost:
    """One response that goes on, each message a chunk."""
    return _pushed(known, "stream", lambda heads: heads.chunk, http2=False)


def server_sent_events(known: Conversations, *, http2: bool = False) -> Cost:
    """One response of type text/event-stream, each message an event."""
    if http2:
        # Chunk framing gives way to a DATA frame for each event.
        event = _EVENT_LINES + _DATA_FRAME
        return _pushed(known, "sse", lambda heads: event, http2=True)
    return _pushed(known, "sse", lambda heads: heads.event, http2=False)


_EVENT_LINES: Final = 8.0
"""WHATWG HTML 9.2.5: "data: " and two line feeds."""


def _pushed(
    known: Conversations, transport: str, framing: Callable[[Heads], float], *, http2: bool
) -> Cost:
    account = _Account(known, http2=http2)
    account.posts()
    written = known.answers(layout.WRITES)
    writes = written.answers
    each = known.of_heads(framing)
    request, request_first = account.head(transport, "request")
    answer, answer_first = account.head(transport, "answer")
    one = np.ones(len(known.heads))
    traffic = account.traffic
    traffic.ask(one, request + request_first)
    traffic.answer(one, answer + answer_first)
    account.requests += 1
    beside = each * written.mean_messages
    packets = answer_segments(written, beside + known.wire["record"], known.wire)
    traffic.answer(writes, beside + written.mean_payload, packets, known.wire["push_acks"])
    account.payload += written.payload_bytes
    single = Traffic(known.wire)
    single.answer(one, each + _mean_payload(known), None, known.wire["push_acks"])
    posts = known.lane(layout.POSTS)["answers"] > 0
    return account.cost(
        f"{transport}-h2" if http2 else transport,
        0,
        one if http2 else one + posts,
        empty_polls=_nothing(known),
        per_message=single.wire_bytes,
        observed=_observed(known, transport),
        delay=np.zeros(len(known.heads)),
        delay_range=known.gap,
    )


def websocket(known: Conversations, answered: Floats) -> Cost:
    """WebSocket: one handshake, then a frame for each message; for messages seen over HTTP.

    Args:
        known: the conversations.
        answered: client messages after which the server's own data comes at once, so that
            no pure ACK is needed.
    """
    account = _Account(known)
    one = np.ones(len(known.heads))
    traffic = account.traffic
    client, server = known.answers(layout.POSTS), known.answers(layout.WRITES)
    sent, writes = client.answers, server.answers
    per_client = known.shared["client_header_bytes"] / np.maximum(sent, 1)
    per_write = known.shared["server_header_bytes"] / np.maximum(writes, 1)
    record = known.wire["record"]
    packets = answer_segments(client, per_client + record, known.wire)
    traffic.client_bytes += (
        client.payload_bytes + known.shared["client_header_bytes"] + sent * record
    )
    traffic.client_packets += packets
    traffic.server_acks += np.maximum(0, sent - answered)
    traffic.server_acks += (packets - sent) * known.wire["bulk_acks"]
    pushed = answer_segments(server, per_write + record, known.wire)
    size = per_write + server.mean_payload
    traffic.answer(writes, size, pushed, known.wire["push_acks"])
    account.payload += client.payload_bytes + server.payload_bytes
    single = Traffic(known.wire)
    single.answer(one, per_write + _mean_payload(known), None, known.wire["push_acks"])
    cost = account.cost(
        "websocket",
        0,
        one,
        empty_polls=_nothing(known),
        per_message=single.wire_bytes,
        observed=np.zeros(len(one), bool),
        delay=np.zeros(len(one)),
        delay_range=known.gap,
    )
    # The handshake and the closing one are no part of the steady rates.
    asked = known.of_heads(lambda heads: heads.upgrade[0])
    given = known.of_heads(lambda heads: heads.upgrade[1])
    traffic.ask(one, asked)
    traffic.answer(one, given)
    traffic.client_bytes += _CLOSE_CLIENT + record
    traffic.server_bytes += _CLOSE_SERVER + record
    traffic.client_packets += 1
    traffic.server_packets += 1
    account.requests += 1
    cost.sums = account.totals()
    return cost
