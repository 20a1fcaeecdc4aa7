"""The packet model: bytes of requests, answers and frames as packets, with their ACKs.

docs/alternatives.md has every rule with its reason. All functions work on arrays,
one element for each connection. Knows sizes and counts. Must not know headers or times.
Used by alternatives.costs.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from analyzer.alternatives.lanes import SIZE_CLASSES, Answers, Floats
from analyzer.columns import row_dtype
from analyzer.lazy_dataclass import dataclass, field

ACK_DELAY_NS: Final = 40_000_000
"""How long an ACK waits for data to ride on: Linux waits 40 ms (TCP_DELACK_MIN); RFC 1122
4.2.3.2 allows 500 ms."""
BULK_ACKS: Final = 0.5
"""RFC 5681 4.2: "an ACK SHOULD be generated for at least every second full-sized segment"."""
SYN_OPTIONS: Final = 8
"""A SYN's header is longer than the others': MSS and window scale, SACK permitted."""
_POINTS: Final = (np.arange(2) + 0.5) / 2

WIRE = row_dtype(
    [
        ("mss", "<f8"),  # payload bytes of a full segment
        ("client_header", "<f8"),  # link, IP and TCP header of a packet with payload
        ("server_header", "<f8"),
        ("client_ack", "<f8"),  # wire bytes of a pure ACK
        ("server_ack", "<f8"),
        ("push_acks", "<f8"),  # the client's pure ACKs for each segment pushed to it
        ("bulk_acks", "<f8"),  # pure ACKs for each further segment of a longer answer
        ("first_ack", "<f8"),  # the server's for a connection's first request: 0 or 1
        ("again_packets", "<f8"),  # packets over those that were not sent or captured again
        ("again_bytes", "<f8"),  # the same of wire bytes
        ("record", "<f8"),  # TLS bytes that each write costs; 0 in the clear
        ("tls_client", "<f8"),  # TLS handshake of a connection, bytes
        ("tls_server", "<f8"),
        ("tls_packets", "<f8"),
    ]
)
"""What one connection's packets look like; measured on it."""


def segments(size: Floats | float, wire: npt.NDArray[Any]) -> Floats:
    """Return how many packets carry `size` bytes that are written at once; at least 1."""
    count: Floats = np.maximum(1.0, np.ceil(np.asarray(size) / wire["mss"]))
    return count


def answer_segments(answers: Answers, beside: Floats, wire: npt.NDArray[Any]) -> Floats:
    """Return how many packets carry all answers.

    Args:
        answers: of a lane.
        beside: what each answer has besides its messages' payload: headers and envelope.
        wire: WIRE rows.
    """
    if not answers.answers.any():
        return answers.full_segments.copy()
    mss = wire["mss"]
    size_class = np.floor(mss / SIZE_CLASSES) + 1
    # A class holds payload with one byte a message, which the envelope counts again.
    shift = np.asarray(beside) - answers.mean_messages
    places = (np.arange(SIZE_CLASSES)[:, None] + _POINTS).ravel()
    body = np.minimum(places[None, :] * size_class[:, None], (mss - 1)[:, None])
    body += shift[:, None]
    body /= mss[:, None]
    np.ceil(body, out=body)
    np.maximum(body, 1.0, out=body)
    # Of two points, added: numpy takes ten times as long to reduce an axis of two.
    each = (body[:, 0::2] + body[:, 1::2]) / len(_POINTS)
    total: Floats = answers.full_segments + (answers.sizes * each).sum(axis=1)
    return total


_COUNTS: Final = (
    *("client_bytes", "server_bytes", "client_packets", "server_packets"),
    *("client_acks", "server_acks", "connections"),
)


@dataclass(slots=True)
class Traffic:
    """Both directions of all TCP connections that one transport needs.

    Attributes:
        wire: WIRE rows.
        client_bytes, server_bytes: TCP payload.
        client_packets, server_packets: packets that carry it.
        client_acks, server_acks: packets that only acknowledge.
        connections: TCP connections.
    """

    wire: npt.NDArray[Any]
    client_bytes: Floats = field(default_factory=lambda: np.zeros(0))
    server_bytes: Floats = field(default_factory=lambda: np.zeros(0))
    client_packets: Floats = field(default_factory=lambda: np.zeros(0))
    server_packets: Floats = field(default_factory=lambda: np.zeros(0))
    client_acks: Floats = field(default_factory=lambda: np.zeros(0))
    server_acks: Floats = field(default_factory=lambda: np.zeros(0))
    connections: Floats = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        for name in _COUNTS:
            setattr(self, name, np.zeros(len(self.wire)))

    def copy(self) -> Traffic:
        """Return the same, to be added to."""
        made = Traffic(self.wire)
        for name in _COUNTS:
            setattr(made, name, getattr(self, name).copy())
        return made

    def ask(self, count: Floats, size: Floats, *, acked: Floats | float = 0.0) -> None:
        """Add requests of `size` bytes on average.

        Args:
            count: how many.
            size: of each, headers and body.
            acked: share of them that a pure ACK acknowledges before their answer does.
        """
        size = size + self.wire["record"]
        packets = segments(size, self.wire)
        self.client_bytes += count * size
        self.client_packets += count * packets
        self.server_acks += count * (acked + (packets - 1) * self.wire["bulk_acks"])

    def answer(
        self, count: Floats, size: Floats, packets: Floats | None = None, acked: Any = 1.0
    ) -> None:
        """Add answers of `size` bytes on average.

        Args:
            count: how many.
            size: of each, headers and body.
            packets: that carry all of them; by default each is of mean size.
            acked: share of them whose last segment a pure ACK acknowledges.
        """
        size = size + self.wire["record"]
        if packets is None:
            packets = count * segments(size, self.wire)
        self.server_bytes += count * size
        self.server_packets += packets
        self.client_acks += count * acked + (packets - count) * self.wire["bulk_acks"]

    def connect(self, count: Floats) -> None:
        """Add TCP connections with their TLS handshakes, from SYN to the last ACK."""
        wire = self.wire
        self.connections += count
        self.client_bytes += count * wire["tls_client"]
        self.server_bytes += count * wire["tls_server"]
        self.client_packets += count * wire["tls_packets"] / 2
        self.server_packets += count * wire["tls_packets"] / 2
        self.server_acks += count * wire["first_ack"]

    @property
    def packets(self) -> Floats:
        """All packets: SYN, SYN-ACK and ACK, FIN, FIN and ACK of each connection too."""
        carrying = self.client_packets + self.server_packets
        once = carrying + self.client_acks + self.server_acks + 6 * self.connections
        total: Floats = once * self.wire["again_packets"]
        return total

    @property
    def wire_bytes(self) -> Floats:
        """All packets' bytes on the wire."""
        wire = self.wire
        client = self.client_packets * wire["client_header"] + self.client_bytes
        server = self.server_packets * wire["server_header"] + self.server_bytes
        # SYN and SYN-ACK, the ACK that completes; FIN and FIN, the last ACK.
        syns = wire["client_header"] + wire["server_header"] + 2 * SYN_OPTIONS
        ends = 2 * wire["client_ack"] + 2 * wire["server_ack"]
        acks = self.client_acks * wire["client_ack"] + self.server_acks * wire["server_ack"]
        once = client + server + acks + self.connections * (syns + ends)
        total: Floats = once * wire["again_bytes"]
        return total
