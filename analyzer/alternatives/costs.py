"""Costs: what each transport takes to deliver the messages of connections.

Puts together the schedule's lanes, the headers and the packet model; all connections at
once, one element of each array for each. docs/alternatives.md has the formulas with a
worked example. Knows transports. Must not know tables. Used by alternatives.stage.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from analyzer.alternatives import lanes as layout
from analyzer.alternatives import sampling
from analyzer.alternatives.accounts import DATA_FRAME, GZIP_SUMS, SUMS, Account, Cost
from analyzer.alternatives.coded import CODING_FIELD, CODING_H2
from analyzer.alternatives.conversations import Conversations, Ints
from analyzer.alternatives.heads import Heads
from analyzer.alternatives.lanes import Answers, Floats
from analyzer.alternatives.packets import Traffic, answer_segments
from analyzer.alternatives.phases import phases_of
from analyzer.alternatives.roles import Envelope
from analyzer.lazy_dataclass import dataclass

_HELD: Final = 0.5
"""From this share of held requests on the server is taken to acknowledge each at once."""


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
    costs = _each_cost(replace(known, coding=None), intervals)
    if known.coding is None:
        return costs
    for cost, coded in zip(costs, _each_cost(known, intervals), strict=True):
        cost.gzip = {
            name: np.where(known.coding.known, values, np.nan)
            for name, values in (*coded.sums.items(), ("error", coded.error))
            if name in GZIP_SUMS
        }
    return costs


def _each_cost(known: Conversations, intervals: Sequence[int]) -> list[Cost]:
    costs = [request(known)]
    costs += [short_poll(known, k, interval) for k, interval in enumerate(intervals)]
    costs += [long_poll(known), stream(known), server_sent_events(known)]
    costs += [short_poll(known, k, each, http2=True) for k, each in enumerate(intervals)]
    costs += [long_poll(known, http2=True), server_sent_events(known, http2=True)]
    if known.latest.size:
        costs += [short_poll_latest(known, k, each) for k, each in enumerate(intervals)]
    if known.buffer_ns.size:
        costs.append(stream_buffered(known))
    return costs


def _observed(known: Conversations, role: str) -> npt.NDArray[np.bool_]:
    return known.of_heads(lambda heads: float(role in heads.observed)) > 0


def nothing(known: Conversations) -> Floats:
    """Return a zero for each."""
    return np.zeros(len(known.heads))


def _acked(
    account: Account, asked: _Asked, held: Floats | float, rides: Floats | float
) -> tuple[Floats, Floats]:
    """Return which shares of requests and of answers a pure ACK acknowledges.

    Args:
        account: of the transport.
        asked: kind of request.
        held: share of requests whose answer comes later than an ACK waits.
        rides: share of answers after which the client asks again before an ACK is due.
    """
    shown = account.acks(asked.pair)
    server = np.where(np.isnan(shown), held, np.minimum(shown, held))
    return server, np.where(np.isnan(shown), 1.0 - rides, shown - server)


def _exchange_wire(
    account: Account,
    asked: _Asked,
    payload: Floats,
    held: float = 0.0,
    rides: Floats | float = 0.0,
) -> Floats:
    """Return the wire bytes of one exchange that brings `payload` bytes in one message."""
    known = account.known
    single = Traffic(known.wire)
    one = np.ones(len(known.heads))
    request, _ = account.head(asked.pair, "request")
    answer, _ = account.head(asked.pair, "answer")
    envelope = known.of_heads(lambda heads: asked.body(heads).opening + asked.body(heads).each)
    server, client = _acked(account, asked, held, rides)
    single.ask(one, request, acked=server)
    single.answer(one, answer + envelope + payload + account.framed(one), acked=client)
    return single.wire_bytes


def mean_payload(known: Conversations) -> Floats:
    """Return the mean size of the server's messages that are no replies."""
    lane = known.lane(layout.PUSHES)
    mean: Floats = lane["payload_bytes"] / np.maximum(lane["messages"], 1)
    return mean


def request(known: Conversations) -> Cost:
    """One request for each message: a POST for the client's, a GET for the server's."""
    account = Account(known)
    account.posts()
    pushes = known.answers(layout.PUSHES)
    _answers(account, _SHORT, pushes, pushes.answers, nothing(known), sampling.SINGLE)
    single = _exchange_wire(account, _SHORT, mean_payload(known))
    return account.cost(
        "request",
        0,
        np.ones(len(known.heads)),
        empty_polls=nothing(known),
        per_message=single,
        observed=_observed(known, "poll"),
        has_delay=False,
    )


def _answers(
    account: Account,
    asked: _Asked,
    brought: Answers,
    count: Floats,
    held: Floats | float,
    way: int,
    rides: Floats | float = 0.0,
) -> None:
    """Add `count` requests, of which some brought messages; `held` and `rides` as in _acked."""
    known = account.known
    server, client = _acked(account, asked, held, rides)
    full = brought.answers
    account.payload += brought.payload_bytes
    request, request_first = account.head(asked.pair, "request")
    answer, answer_first = account.head(asked.pair, "answer")
    opening = known.of_heads(lambda heads: asked.body(heads).opening)
    each = known.of_heads(lambda heads: asked.body(heads).each)
    empty = known.of_heads(lambda heads: asked.body(heads).empty)
    traffic = account.traffic
    traffic.ask(count, request, acked=server)
    beside = answer + account.framed(np.ones(len(full)))
    if known.coding is None:
        beside = beside + opening + each * brought.mean_messages
    else:
        extra = (opening - 1) * full + (each - 1) * brought.messages
        brought, field = account.in_gzip(way, brought, extra)
        beside = beside + field
    record = known.wire["record"]
    packets = answer_segments(brought, beside + record, known.wire)
    traffic.answer(full, beside + brought.mean_payload, packets, client)
    traffic.answer(count - full, answer + empty + account.framed(empty), acked=client)
    asked_any = count > 0
    traffic.client_bytes += asked_any * request_first
    traffic.server_bytes += asked_any * answer_first
    account.requests += count
    account.split(asked.pair, count)


def short_poll(known: Conversations, place: int, interval: int, *, http2: bool = False) -> Cost:
    """A request each `interval` ns, whether there is a message or not."""
    account = Account(known, http2=http2)
    account.posts()
    brought = known.polled(place)
    paced = np.maximum(known.gap, interval)
    polls = _polls(known, brought, paced)
    _answers(account, _SHORT, brought, polls, 0.0, sampling.POLLS + place)
    each = known.of_heads(lambda heads: heads.body.each)
    full = known.wire["server_header"] + known.wire["client_ack"] * known.wire["bulk_acks"]
    payload = mean_payload(known) + each
    cost = account.cost(
        "short-poll-h2" if http2 else "short-poll",
        interval,
        np.ones(len(known.heads)),
        empty_polls=polls - brought.answers,
        # A further message only makes the next answer longer.
        per_message=payload * (1 + full / known.wire["mss"]),
        observed=_observed(known, "poll"),
        # Each message waits for any part of the interval alike.
        delay=brought.messages * paced / 2,
        delays=np.repeat(brought.messages[:, None], layout.DELAY_CLASSES, 1) / layout.DELAY_CLASSES,
        delay_range=paced,
        phases=known.once(("phases", place), lambda: phases_of(known, place, paced)),
    )
    _pace(cost, known, paced, polls)
    return cost


def _pace(cost: Cost, known: Conversations, paced: Ints, polls: Floats) -> None:
    """Let polls come at their interval in rates, however short the capture."""
    share = 1e9 / paced / np.maximum(polls, 1)
    posts = known.lane(layout.POSTS)["answers"] == 0
    for name in SUMS:
        exact = cost.steady[name] * known.seconds * share
        cost.steady[name] = np.where(posts & (known.seconds > 0), exact, cost.steady[name])


def _polls(known: Conversations, brought: Answers, paced: Ints) -> Floats:
    """Return how many polls there are in the mean over all phases.

    That is duration / interval, and one more as often as no poll comes between the last message
    and the end.
    """
    last = known.duration - known.shared["last_push"]
    more = np.where(brought.messages > 0, np.clip(1 - last / paced, 0, None), 0.0)
    return np.maximum(known.duration / paced + more, brought.answers)


def short_poll_latest(known: Conversations, place: int, interval: int) -> Cost:
    """A request each `interval` ns that brings only the latest message of each kind."""
    account = Account(known)
    account.posts()
    polled = known.polled(place)
    latest = known.latest[:, place]
    paced = np.maximum(known.gap, interval)
    polls = _polls(known, polled, paced)
    brought = _mean_answers(polled.answers, latest, known.wire["mss"])
    _answers(account, _SHORT, brought, polls, 0.0, sampling.POLLS + place)
    pushes = polled.messages
    each = known.of_heads(lambda heads: heads.body.each)
    grows = (latest["payload_bytes"] + each * latest["messages"]) / np.maximum(pushes, 1)
    # The mean is over what is delivered; the table divides by all messages of the server.
    waited = latest["delay"] * pushes / np.maximum(latest["messages"], 1e-9)
    cost = account.cost(
        "short-poll-latest",
        interval,
        np.ones(len(known.heads)),
        empty_polls=polls - polled.answers,
        per_message=grows,
        observed=_observed(known, "poll"),
        delay=np.where(pushes > 0, waited, 0.0),
        delay_range=paced,
        superseded=(
            pushes - latest["messages"],
            polled.payload_bytes - latest["payload_bytes"],
        ),
    )
    _pace(cost, known, paced, polls)
    return cost


def _mean_answers(answers: Floats, latest: npt.NDArray[Any], mss: Floats) -> Answers:
    """Return answers that are all of mean size: states of one thing are about equally large."""
    count = np.maximum(answers, 1)
    body = (latest["payload_bytes"] + latest["messages"]) / count
    sizes = np.zeros((len(answers), layout.SIZE_CLASSES))
    within = np.floor(body % mss / (np.floor(mss / layout.SIZE_CLASSES) + 1)).astype(np.int64)
    sizes[np.arange(len(answers)), np.minimum(within, layout.SIZE_CLASSES - 1)] = answers
    full = answers * np.floor(body / mss)
    return Answers(answers, latest["messages"], latest["payload_bytes"], full, sizes)


def long_poll(known: Conversations, *, http2: bool = False) -> Cost:
    """A request that is held until there is a message, then asked again."""
    account = Account(known, http2=http2)
    account.posts()
    number = layout.LONG_POLL
    lane = known.lane(number)
    brought = known.answers(number)
    full = brought.answers
    # What is left behind the last answer: requests held until the timeout, and one that is never
    # answered.
    # The first request arrives at 0, a later one the gap after the answer before.
    asked = np.where(full > 0, lane["last_answer"], -known.gap)
    left = np.maximum(0, known.duration - asked)
    timeouts = lane["timeouts"] + left // (known.hold + known.gap)
    answered = full + timeouts
    is_held = np.where(lane["prompt"] < _HELD * full, answered, answered - lane["prompt"])
    held = is_held / np.maximum(answered, 1)
    posts = known.lane(layout.POSTS)["answers"] > 0
    # The next request comes before an ACK is due, and carries it, if it takes the same connection.
    rides = np.where(posts & (_rotates(known) > 0), 0.0, float(known.keep_alive or http2))
    _answers(account, _LONG, brought, answered, held, sampling.LONG, rides)
    # Only a client that has once asked that soon delays its ACKs (Linux: pingpong mode).
    at_once = np.isnan(account.acks("long_poll")) & (answered > 0)
    account.traffic.client_acks += at_once * rides
    one = np.ones(len(known.heads))
    size, first = account.head("long_poll", "request")
    account.traffic.ask(one, size + (answered == 0) * first, acked=1.0)
    account.requests += 1
    _leave(account)
    single = _exchange_wire(account, _LONG, mean_payload(known), 1.0, rides)
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


def _leave(account: Account) -> None:
    """Add what Engine.IO's client posts to leave, a byte, and the byte that ends its last poll."""
    left = account.known.of_heads(lambda heads: heads.parting)
    sizes = [account.head(pair, side)[0] for pair, side in _PARTING]
    account.traffic.ask(left, sizes[0] + 1)
    for size in sizes[1:]:
        account.traffic.answer(left, size + 1)
    account.requests += left


_PARTING: Final = (("post", "request"), ("post", "answer"), ("long_poll", "answer"))


def _rotates(known: Conversations) -> Floats:
    """Return 1 where a client takes the connection that has been idle for longest, else 0.

    aiohttp does; most take the one that was used last, which keeps the others free to be closed.
    """
    return known.of_heads(lambda heads: float(heads.client == "aiohttp"))


def stream(known: Conversations) -> Cost:
    """One response that goes on, each message a chunk."""
    return _pushed(known, "stream", lambda heads: heads.chunk, http2=False)


def server_sent_events(known: Conversations, *, http2: bool = False) -> Cost:
    """One response of type text/event-stream, each message an event."""
    if http2:
        # A DATA frame for each event replaces chunk framing.
        event = _EVENT_LINES + DATA_FRAME
        return _pushed(known, "sse", lambda heads: event, http2=True)
    return _pushed(known, "sse", lambda heads: heads.event, http2=False)


_CHUNK: Final = 6.0
"""RFC 9112 7.1: size in hex (two digits), two CRLF."""
_EVENT_LINES: Final = 8.0
"""WHATWG HTML 9.2.5: "data: " and two line feeds."""


def _pushed(
    known: Conversations, transport: str, framing: Callable[[Heads], float], *, http2: bool
) -> Cost:
    account = Account(known, http2=http2)
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
    account.payload += written.payload_bytes
    beside = each * written.mean_messages
    if known.coding is not None:
        # The context holds what frames each message; a DATA frame takes more than a chunk.
        beside = written.mean_messages * ((DATA_FRAME - _CHUNK) if http2 else 0.0)
        traffic.server_bytes += sampling.GZIP_FRAME + (CODING_H2 if http2 else CODING_FIELD)
        written, _ = account.in_gzip(sampling.STREAM, written, -written.answers)
    packets = answer_segments(written, beside + known.wire["record"], known.wire)
    traffic.answer(writes, beside + written.mean_payload, packets, known.wire["push_acks"])
    single = Traffic(known.wire)
    single.answer(one, each + mean_payload(known), None, known.wire["push_acks"])
    posts = known.lane(layout.POSTS)["answers"] > 0
    return account.cost(
        f"{transport}-h2" if http2 else transport,
        0,
        one if http2 else one + posts,
        empty_polls=nothing(known),
        per_message=single.wire_bytes,
        observed=_observed(known, transport),
        delay=np.zeros(len(known.heads)),
        delay_range=known.gap,
    )


def stream_buffered(known: Conversations) -> Cost:
    """One response that goes on, behind a proxy that passes on what has come together."""
    account = Account(known)
    account.posts()
    number = known.lanes.shape[1] - 1
    lane, written = known.lane(number), known.answers(number)
    writes = written.answers
    # The proxy makes one chunk of all that leaves the buffer together.
    each = np.maximum(known.of_heads(lambda heads: heads.chunk) - _CHUNK, 0.0)
    chunk = _chunk_framing(written)
    request, _ = account.head("stream", "request")
    answer, _ = account.head("stream", "answer")
    one = np.ones(len(known.heads))
    traffic = account.traffic
    traffic.ask(one, request)
    traffic.answer(one, answer)
    account.requests += 1
    account.payload += written.payload_bytes
    beside = each * written.mean_messages + chunk
    if known.coding is not None:
        traffic.server_bytes += sampling.GZIP_FRAME + CODING_FIELD
        beside = np.zeros(len(one))
        way = known.coding.samples.shape[1] - 1
        written, _ = account.in_gzip(way, written, -writes)
    packets = answer_segments(written, beside + known.wire["record"], known.wire)
    traffic.answer(writes, beside + written.mean_payload, packets, known.wire["push_acks"])
    posts = known.lane(layout.POSTS)["answers"] > 0
    full = known.wire["server_header"] + known.wire["client_ack"] * known.wire["bulk_acks"]
    return account.cost(
        "stream-buffered",
        0,
        one + posts,
        empty_polls=nothing(known),
        # A further message only makes a later write longer.
        per_message=(mean_payload(known) + each) * (1 + full / known.wire["mss"]),
        observed=_observed(known, "stream"),
        delay=lane["delay"],
        delays=known.delays[:, number],
        delay_range=known.buffer_ns,
    )


def _chunk_framing(written: Answers) -> Floats:
    """Return the bytes that frame a chunk of mean size: its size in hex, twice CRLF."""
    body = written.mean_payload + written.mean_messages
    digits: Floats = np.floor(np.log2(np.maximum(body, 1)) / 4) + 1
    return np.where(written.answers > 0, digits + 4, 0.0)
