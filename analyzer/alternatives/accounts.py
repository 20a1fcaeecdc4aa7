"""Accounts: one transport's requests, answers and packets for many connections, added up.

Knows headers and the packet model; all connections at once, one element of each array for
each. Must not know how a transport delivers (alternatives.costs). Used by alternatives.costs.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from analyzer.alternatives import lanes as layout
from analyzer.alternatives import sampling
from analyzer.alternatives.coded import CODING_FIELD, CODING_H2
from analyzer.alternatives.conversations import Conversations, Ints
from analyzer.alternatives.heads import Heads
from analyzer.alternatives.lanes import Answers, Floats
from analyzer.alternatives.packets import Traffic, answer_segments
from analyzer.alternatives.phases import Phases
from analyzer.alternatives.roles import Pair
from analyzer.lazy_dataclass import dataclass, field

DATA_FRAME: Final = 9.0
"""RFC 9113 4.1: the header of a DATA frame."""
_H2_CLIENT: Final = 24.0 + 33.0 + 13.0 + 9.0
"""RFC 9113 3.4: the client's preface of 24 bytes, SETTINGS with four parameters (9 + 4 * 6),
WINDOW_UPDATE of the connection (13), and its ACK of the server's SETTINGS (9)."""
_H2_SERVER: Final = 27.0 + 9.0
"""The server's SETTINGS with three parameters (9 + 3 * 6) and its ACK (9)."""


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
            to speak of: the client cannot know when to ask).
        delay: ns, summed over all messages of the server.
        delays: how many waited, by class; None where none does.
        delay_range: ns, of all classes together.
        phases: what depends on when a client polls within the interval; None of other
            transports.
        gzip: application_bytes, wire_bytes, packets with bodies in gzip, the error of bytes; nan
            where that is not known.
        superseded: messages of the server that are not delivered at all, and their payload.
        error: bytes by which a sample of the payload may mislead, in 95 of 100 cases.
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
    gzip: dict[str, Floats] = field(default_factory=dict)
    error: Floats = field(default_factory=lambda: np.zeros(0))
    superseded: tuple[Floats, Floats] | None = None


GZIP_SUMS: Final = ("application_bytes", "wire_bytes", "packets", "error")
SUMS: Final = ("requests", "packets", "header_bytes", "application_bytes", "wire_bytes")


class Account:
    """Adds up one transport: a Traffic, and how many of its bytes are headers."""

    def __init__(self, known: Conversations, *, http2: bool = False) -> None:
        self.known = known
        self.http2 = http2
        self.traffic = Traffic(known.wire)
        self.requests = np.zeros(len(known.heads))
        self.payload = np.zeros(len(known.heads))
        self.error = np.zeros(len(known.heads))

    def head(self, pair: str, side: str) -> tuple[Floats, Floats]:
        """Return the mean size of repeated headers, and the extra bytes of the first ones."""

        def pick(heads: Heads) -> Pair:
            found: Pair = getattr(heads, pair)
            return found

        if not self.http2:
            size = self.known.of_heads(lambda heads: getattr(pick(heads), side))
            if side == "answer":
                # Real answers that were coded say so; modelled ones are plain at first.
                said = self.known.of_heads(lambda heads: heads.coded.get(pair, 0.0))
                size = size - said * CODING_FIELD
            return size, np.zeros(len(size))
        first = self.known.of_heads(lambda heads: getattr(pick(heads), f"{side}_h2")[0])
        later = self.known.of_heads(lambda heads: getattr(pick(heads), f"{side}_h2")[1])
        return later, np.maximum(0.0, first - later)

    def acks(self, pair: str) -> Floats:
        """Return packets of a small exchange that only acknowledge, as seen; nan if not seen."""
        if self.http2:
            return np.full(len(self.known.heads), np.nan)
        return self.known.of_heads(lambda heads: heads.acks.get(pair, np.nan))

    def split(self, pair: str, answers: Floats) -> None:
        """Add the further packets of answers whose headers and bodies are written apart.

        Their ACKs are among those that were seen. Over HTTP/2 frames are gathered.
        """
        if not self.http2:
            writes = self.known.of_heads(lambda heads: heads.answer_writes.get(pair, 1.0))
            self.traffic.server_packets += answers * (writes - 1)

    def framed(self, body: Floats) -> Floats:
        """Return what HTTP/2 frames add to bodies that are not empty."""
        return np.where(body > 0, DATA_FRAME, 0.0) if self.http2 else np.zeros(len(body))

    def posts(self) -> None:
        """Add a request for each message of the client, to an account of nothing.

        All transports but WebSocket have the same ones: they are added up once.
        """
        made = self.known.made
        key = "posts", self.http2, self.known.coding is None
        if key not in made:
            self._posts()
            # Not the account, which has `known`: a cycle would keep all arrays for long.
            made[key] = self.traffic, self.requests, self.payload, self.error
        traffic, requests, payload, error = made[key]
        self.traffic = traffic.copy()
        self.requests, self.payload, self.error = requests.copy(), payload.copy(), error.copy()

    def _posts(self) -> None:
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
        # A client that writes headers and body separately sends small ones in two packets. Over
        # HTTP/2, where frames are gathered, that is not known.
        apart = known.of_heads(lambda heads: heads.post_writes - 1)
        packets = answer_segments(posts, size, known.wire) + (0 if self.http2 else count * apart)
        traffic.client_bytes += count * size + posts.payload_bytes + any_posts * first
        traffic.client_packets += packets
        apart = np.zeros(len(count)) if self.http2 else apart
        # A packet that is not full ends no second segment of its own: with the next one, small as
        # well, it is acknowledged once (Linux: ICSK_ACK_PUSHED2; others each second segment).
        further = packets - count - count * apart
        traffic.server_acks += further * known.wire["bulk_acks"]
        shown = self.acks("post")
        split = np.minimum(apart, 1.0)
        traffic.server_acks += count * np.where(np.isnan(shown), split, np.maximum(shown - 1, 0))
        replies = known.answers(layout.REPLIES)
        last = np.where(np.isnan(shown), 1.0, np.minimum(shown, 1.0))
        self._replies(replies, last)
        traffic.answer(np.maximum(count - replies.answers, 0), answer, acked=last)
        traffic.server_bytes += any_posts * answer_first

    def _replies(self, replies: Answers, acked: Floats) -> None:
        """Add the responses that bring a reply: 200 with a body, where others are 204."""
        known, traffic = self.known, self.traffic
        self.payload += replies.payload_bytes
        head, _ = self.head("reply", "answer")
        # A reply alone is no list.
        replies, field = self.in_gzip(sampling.SINGLE, replies, -replies.answers - replies.messages)
        beside = head + field + self.framed(np.ones(len(known.heads)))
        packets = answer_segments(replies, beside + known.wire["record"], known.wire)
        traffic.answer(replies.answers, beside + replies.mean_payload, packets, acked)

    def in_gzip(self, way: int, answers: Answers, extra: Floats) -> tuple[Answers, Floats]:
        """Return answers as they are sent, and the mean size of their Content-Encoding.

        Args:
            way: of carrying them, see alternatives.sampling.
            answers: plain.
            extra: bytes that their bodies have besides those of a list, in total.
        """
        coding = self.known.coding
        if coding is None:
            return answers, np.zeros(len(answers.answers))
        coded = coding.answers(way, answers, extra)
        self.error += coded.error
        return coded.answers, coded.share * (CODING_H2 if self.http2 else CODING_FIELD)

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
            error=self.error,
            **more,
        )

    def totals(self) -> dict[str, Floats]:
        """Return the current SUMS."""
        application = self.traffic.client_bytes + self.traffic.server_bytes
        return {
            "requests": self.requests.copy(),
            "packets": self.traffic.packets,
            "application_bytes": application.copy(),
            "header_bytes": application - self.payload,
            "wire_bytes": self.traffic.wire_bytes,
        }


_REQUESTING = frozenset({"request", "short-poll", "long-poll", "stream", "sse", "stream-buffered"})
"""What opens a connection for each request without keep-alive."""
