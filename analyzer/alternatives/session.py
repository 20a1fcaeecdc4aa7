"""A session: what is kept of one client's exchanges until the capture ends.

Knows exchanges. Must not know costs. Used by alternatives.sessions.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from analyzer.alternatives.evidence import BODIES, TURNAROUND_NS, Message
from analyzer.alternatives.packets import ACK_DELAY_NS
from analyzer.columns import NULL
from analyzer.http.delivery.polling import client_trip
from analyzer.http.exchanges import Exchange
from analyzer.lazy_dataclass import dataclass, field
from analyzer.options import Options

_AGAIN_NS: Final = 250_000_000
"""A client that takes longer pauses between its long polls: it does not ask again at once."""
_MOST_AGAIN: Final = 1024


@dataclass(slots=True)
class Stream:
    """A TCP connection that carried HTTP, when it ended."""

    sides: tuple[tuple[int, ...], tuple[int, ...]]
    """DIRECTION rows."""
    mss: int
    round_trip: int
    is_websocket: bool
    """It turned to WebSocket: only a part of its packets is HTTP's."""


@dataclass(slots=True)
class Session:
    """One group of exchanges, as they come."""

    number: int
    first: Exchange
    kind: str
    requests: int = 0
    counted: bool = True
    """Every packet of its exchanges was counted."""
    application_bytes: int = 0
    payload_bytes: int = 0
    wire: dict[int, int] = field(default_factory=dict)
    """Wire bytes of its exchanges, by TCP connection."""
    packets: dict[int, int] = field(default_factory=dict)
    """Packets of its exchanges, by TCP connection; over HTTP/2 pieces that carried them."""
    pushes: list[Message] = field(default_factory=list)
    arrivals: list[int] = field(default_factory=list)
    """When each of these arrived: later than it came about, where it had to wait for a poll."""
    posts: list[Message] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    begun: int = NULL
    ended: int = NULL
    empty: int = 0
    delay: int = 0
    unknown: int = 0
    """Messages of polls of which nothing says how long they waited."""
    told: int = 0
    """All messages of its exchanges."""
    last_answer: int = NULL
    again: list[int] = field(default_factory=list)
    """Ns from an answer to the next request, of long polls that follow at once."""
    coded: int = 0
    """Answers whose bodies were in gzip."""
    answers: list[tuple[int, int]] = field(default_factory=list)
    """Bytes of the headers and of the body of each answer, of the first ones."""
    bodies: list[bytes] = field(default_factory=list)
    """Bodies that were kept, with their coding undone."""


def add_to(counts: dict[int, int], key: int, count: int, most: int) -> None:
    """Add to one of `most` counts; the one that was added to longest ago is forgotten."""
    counts[key] = counts.pop(key, 0) + count
    if len(counts) > most:
        del counts[next(iter(counts))]


def stream_of(exchange: Exchange) -> int:
    """Return the number of its TCP connection."""
    return NULL if exchange.tcp is None else exchange.tcp.tcp_stream


def count(session: Session, exchange: Exchange, options: Options) -> None:
    """Count an exchange of a session."""
    most_streams = options.max_session_connections
    session.requests += 1
    session.application_bytes += (
        exchange.request_header_bytes
        + exchange.request_body_bytes
        + exchange.response_header_bytes
        + exchange.response_body_bytes
    )
    session.payload_bytes += payload_sent(exchange)
    session.coded += exchange.coded and exchange.response_body_bytes > 0
    if exchange.body is not None:
        session.bodies.append(exchange.body)
    if exchange.response_body_bytes and len(session.answers) < options.max_session_messages:
        session.answers.append((exchange.response_header_bytes, exchange.response_body_bytes))
    stream = stream_of(exchange)
    add_to(session.wire, stream, exchange.wire_bytes, most_streams)
    session.counted &= exchange.packets > 0
    pieces = exchange.request_segments + exchange.response_segments
    add_to(session.packets, stream, exchange.packets or pieces, most_streams)
    for time in (exchange.request_first_time, exchange.response_first_time):
        if time != NULL:
            session.begun = time if session.begun == NULL else min(session.begun, time)
    session.ended = max(session.ended, exchange.request_last_time, exchange.response_last_time)


def payload_sent(exchange: Exchange) -> int:
    """Return the bytes of an answer that are payload, as they were sent."""
    payload = sum(exchange.carried) or exchange.message_bytes
    return min(payload, exchange.response_body_bytes) if exchange.coded else payload


def note_delay(session: Session, exchange: Exchange) -> tuple[int, int] | None:
    """Add what its messages waited: half of the time in which they may have come about.

    That is, for a poll, since the answer before; for a long poll that was answered at
    once, while no request was open. What ended a held request did not wait. Of a stream's messages
    those did that came together with later ones, though the times in them are apart.

    Returns:
        Begin and end of that time in ns; None where nothing waited.
    """
    asked, answered = exchange.request_first_time, exchange.response_first_time
    before, session.last_answer = session.last_answer, max(session.last_answer, answered)
    session.told += exchange.messages
    session.delay += exchange.held_total
    if session.kind == "long-poll" and exchange.previous_answer != NULL:
        again = asked - exchange.previous_answer
        if 0 <= again <= _AGAIN_NS and len(session.again) < _MOST_AGAIN:
            session.again.append(again)
    if NULL in (asked, answered, before) or not exchange.messages:
        session.unknown += exchange.messages if session.kind == "poll" else 0
        return None
    if session.kind == "poll":
        until = answered
    elif session.kind == "long-poll" and answered - asked < ACK_DELAY_NS:
        until = asked
    else:
        return None
    if until <= before:
        return None
    session.delay += exchange.messages * (until - before) // 2
    return before, until


def spread(deliveries: list[Message], begin: int, end: int) -> list[Message]:
    """Return the messages of one answer at times spread evenly over that in which they came.

    When each came about is not in the capture. At the time of the answer, another poll at the same
    interval would find each just in time, or just too late.
    """
    step = (end - begin) / len(deliveries) if deliveries else 0.0
    return [
        (begin + round((place + 0.5) * step), size, payload)
        for place, (_, size, payload) in enumerate(deliveries)
    ]


def turnaround(session: Session) -> int:
    """Return the ns from an answer's arrival at the server's side to the next request's.

    Less the round trip: what the client takes to ask again, if its long polls show that. At the
    client a capture shows just this; at the server the round trip too, between them a part of it.
    """
    if not session.again:
        return TURNAROUND_NS
    seen = int(np.median(np.array(session.again, np.int64)))
    return max(0, seen - client_trip(session.first))


def interval_of(session: Session) -> int:
    """Return the median of ns from one poll's start to the next; 0 where it does not poll."""
    if session.kind != "poll":
        return 0
    starts = np.array([start for start in session.starts if start != NULL], np.int64)
    return int(np.median(np.diff(np.sort(starts)))) if len(starts) > 1 else 0


def finish_measured(measured: Any, session: Session) -> None:
    """Write what does not depend on packets into a MEASURED row."""
    measured["requests"] = session.requests
    measured["application_bytes"] = session.application_bytes
    # Compressed bodies are smaller than the messages in them.
    measured["header_bytes"] = max(0, session.application_bytes - session.payload_bytes)
    connections = measured["tcp_connections"]
    opening = min(6 * int(connections), int(measured["packets"]))
    mean = measured["wire_bytes"] - session.application_bytes
    header = mean / max(1, int(measured["packets"]))
    measured["steady_packets"] = measured["packets"] - opening
    measured["steady_header_bytes"] = measured["header_bytes"]
    measured["steady_application_bytes"] = session.application_bytes
    measured["steady_wire_bytes"] = max(0, round(measured["wire_bytes"] - opening * header))


def bodies_row(session: Session, wire: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the BODIES row of a session.

    Args:
        session: of which all exchanges were counted.
        wire: its WIRE row.
    """
    row = np.zeros(1, BODIES)
    both = np.array(session.answers, np.int64).reshape(-1, 2)
    row["answers"], row["bytes"] = len(both), both[:, 1].sum()
    row["heads"] = both[:, 0].sum()
    row["packets"] = np.ceil(both.sum(axis=1) / wire["mss"][0]).sum()
    return row
