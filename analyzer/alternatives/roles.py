"""Roles: what real exchanges of one kind with one host have in common.

Sums over exchanges: sizes of headers, what bodies have besides messages, how requests are
written. Knows exchanges. Must not know transports. Used by alternatives.heads.
"""

from __future__ import annotations

from typing import Final

from analyzer.alternatives.http2 import Fields, HeadSizes
from analyzer.columns import NULL
from analyzer.http.exchanges import Exchange
from analyzer.lazy_dataclass import dataclass, field

_SMALL: Final = 1200
"""Requests and answers that fit into one packet on about every path (RFC 8200 5: 1,280 bytes)."""


@dataclass(slots=True)
class Pair:
    """Mean sizes of a request's and its answer's headers.

    Attributes:
        request: HTTP/1.1.
        answer: HTTP/1.1.
        request_h2: HEADERS frames in HTTP/2, of the first request and of a later one.
        answer_h2: the same of answers.
    """

    request: float
    answer: float
    request_h2: tuple[float, float]
    answer_h2: tuple[float, float]


@dataclass(slots=True)
class Envelope:
    """What a body has besides messages: `opening + messages * each`; `empty` without any."""

    opening: float
    each: float
    empty: float


# RFC 8259: a list is "[", values with "," between them, "]".
JSON_LIST: Final = Envelope(1.0, 1.0, 2.0)


def _value(fields: Fields, wanted: str) -> str:
    """Return a field's value in lower case, "" without one."""
    return ", ".join(value.lower() for name, value in fields if name.lower() == wanted)


@dataclass(slots=True)
class Role:
    """Real exchanges of one kind with one host."""

    requests: list[Fields] = field(default_factory=list)
    answers: list[Fields] = field(default_factory=list)
    count: int = 0
    request: int = 0
    answer: int = 0
    # Sums for the envelope: answers with messages, and empty ones.
    full: int = 0
    messages: int = 0
    squares: int = 0
    extra: int = 0
    products: int = 0
    empty: int = 0
    empty_bytes: int = 0
    body: int = 0
    coded: int = 0
    accepting: int = 0
    small: int = 0
    small_segments: int = 0
    small_answers: int = 0
    answer_segments: int = 0
    metered: int = 0
    acks: int = 0

    def add(self, exchange: Exchange) -> None:
        """Count an exchange."""
        self.count += 1
        coded = "gzip" in _value(exchange.response_header, "content-encoding")
        self.coded += coded
        size = exchange.request_header_bytes + exchange.request_body_bytes
        if exchange.request_segments and size <= _SMALL:
            self.small += 1
            self.small_segments += exchange.request_segments
        given = exchange.response_header_bytes + exchange.response_body_bytes
        # Over HTTP/2, where packets are not counted, frames are pieces too.
        is_small = exchange.packets > 0 and exchange.response_segments > 0 and given <= _SMALL
        if is_small:
            self.small_answers += 1
            self.answer_segments += exchange.response_segments
        if size <= _SMALL and (is_small or exchange.response_segments == 1):
            self._count_acks(exchange)
        self.accepting += coded or "gzip" in _value(exchange.request_header, "accept-encoding")
        self.request += exchange.request_header_bytes
        self.answer += exchange.response_header_bytes
        self.body += exchange.response_body_bytes
        content = exchange.response_body_bytes
        if coded:
            if exchange.content_bytes == NULL:
                return
            # As it was before it was compressed.
            content = exchange.content_bytes
        if exchange.messages:
            extra = content - exchange.message_bytes
            self.full += 1
            self.messages += exchange.messages
            self.squares += exchange.messages**2
            self.extra += extra
            self.products += exchange.messages * extra
        else:
            self.empty += 1
            self.empty_bytes += content

    def _count_acks(self, exchange: Exchange) -> None:
        """Count what only acknowledges, of an exchange that could have taken two packets."""
        data = exchange.request_segments + exchange.response_segments
        if exchange.packets < data:
            return
        self.metered += 1
        # With the last exchange of a connection its FINs are counted too: no more than an ACK for
        # each packet with data are taken.
        self.acks += min(data, exchange.packets - data)

    def pair(self, sizes: HeadSizes) -> Pair:
        """Return the mean header sizes."""
        request, answer = self.request / self.count, self.answer / self.count
        return Pair(
            request,
            answer,
            sizes.in_sequence(self.requests, request),
            sizes.in_sequence(self.answers, answer),
        )

    def envelope(self, other: Envelope) -> Envelope:
        """Return the line of least squares through (messages, bytes besides them)."""
        empty = self.empty_bytes / self.empty if self.empty else other.empty
        if not self.full:
            return Envelope(other.opening, other.each, empty)
        spread = self.full * self.squares - self.messages**2
        if spread > 0:
            each = (self.full * self.products - self.messages * self.extra) / spread
            opening = (self.extra - each * self.messages) / self.full
            if each >= 0 and opening >= 0:
                return Envelope(opening, each, empty)
        # Compressed bodies are smaller than the messages in them.
        opening = max(0.0, min(other.opening, self.extra / self.full))
        each = max(0.0, (self.extra - opening * self.full) / self.messages)
        return Envelope(opening, each, empty)

    @property
    def writes(self) -> float:
        """Packets in which a request left that would have fitted into one."""
        return self.small_segments / self.small if self.small else 1.0

    @property
    def answer_writes(self) -> float:
        """Packets in which an answer left that would have fitted into one."""
        return self.answer_segments / self.small_answers if self.small_answers else 1.0

    @property
    def pure_acks(self) -> float | None:
        """Packets of an exchange that only acknowledge, both ways; None where none was metered."""
        return self.acks / self.metered if self.metered else None

    def beside(self, other: float) -> float:
        """Return the bytes besides each message of a stream."""
        return max(0.0, self.extra / self.messages) if self.messages else other
