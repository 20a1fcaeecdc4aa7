"""What polling would cost at the rate of a run that goes on: the model in its simplest form.

Each open connection asks once in an interval, over a TCP connection that is kept alive; each
answer brings what came up since; each message of a client is a request of its own. The model
of the table `alternatives` knows far more (docs/alternatives.md), but only when connections
end. Knows rates. Used by the pipeline (headers) and by the live view (cost).
"""

from __future__ import annotations

from collections.abc import Sequence

from analyzer.alternatives.heads import HeadMaker
from analyzer.alternatives.http2 import HeadSizes
from analyzer.lazy_dataclass import dataclass
from analyzer.options import Options
from analyzer.websocket.connection import WebSocketConnection

PACKETS_PER_REQUEST = 3
"""The request, its answer, and the ACK of that: small requests and answers take one each, and
the answer acknowledges the request (RFC 9293 3.8.6.3)."""
_KEEP = 1024
"""Handshakes that the mean goes over: each new one counts as much as one of so many."""


@dataclass(frozen=True, slots=True)
class PollCost:
    """What polling would take, per second."""

    requests: float
    packets: float
    wire_bytes: float


class PollHeads:
    """The mean headers of polls, by the handshakes that were seen."""

    def __init__(self, options: Options) -> None:
        self._maker = HeadMaker(HeadSizes(options.max_hpack_bytes))
        self._count = 0
        self._request = self._answer = 0.0

    def push(self, opened: Sequence[WebSocketConnection]) -> None:
        """Take connections that opened."""
        for each in opened:
            if each.handshake is None or not each.handshake.request_header:
                continue
            pair = self._maker.from_handshake(each.handshake).poll
            self._count = min(self._count + 1, _KEEP)
            self._request += (pair.request - self._request) / self._count
            self._answer += (pair.answer - self._answer) / self._count

    @property
    def means(self) -> tuple[float, float] | None:
        """Mean bytes of a request's headers and of an answer's; None before any handshake."""
        return (self._request, self._answer) if self._count else None


def poll_cost(
    *,
    connections: int,
    client_messages: float,
    payload: float,
    heads: tuple[float, float],
    packet_header: float,
    interval_s: float,
) -> PollCost:
    """Return what short polling would take at a rate.

    Args:
        connections: open connections, a poller each.
        client_messages: of clients, per second: a request each.
        payload: bytes of messages per second, both ways.
        heads: bytes of a request's headers and of an answer's.
        packet_header: bytes of link, IP and TCP headers of a packet.
        interval_s: from one poll to the next.
    """
    requests = connections / interval_s + client_messages
    packets = PACKETS_PER_REQUEST * requests
    return PollCost(requests, packets, requests * sum(heads) + packets * packet_header + payload)
