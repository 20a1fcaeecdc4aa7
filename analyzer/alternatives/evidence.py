"""Evidence: what the packets of an ended connection looked like, and what it cost.

Knows what tcp and websocket counted. Must not know transports. Used by alternatives.stage.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import numpy.typing as npt

from analyzer.alternatives.heads import Heads
from analyzer.alternatives.lanes import LATEST
from analyzer.alternatives.packets import ACK_DELAY_NS, BULK_ACKS, SYN_OPTIONS, WIRE
from analyzer.columns import NULL, Rows, row_dtype
from analyzer.http.exchanges import HttpBatch
from analyzer.lazy_dataclass import dataclass, field

if TYPE_CHECKING:
    from analyzer.tls.stage import TlsBatch
    from analyzer.websocket.connection import WebSocketConnection

USUAL_MSS: Final = 1460
"""Of Ethernet over IPv4 (RFC 9293 3.7.1), where no SYN was captured."""
TIMESTAMPS: Final = 12
"""RFC 7323 3.2: the option takes 10 bytes, padded to 12, of each segment."""
TURNAROUND_NS: Final = 1_000_000
"""A client that got an answer asks again within about a millisecond."""
LONGEST_NS: Final = 2**61
"""Clocks may jump by more; twice that and a time are still an int64."""
Ints = npt.NDArray[np.int64]
Message = tuple[int, int, bytes | None]
"""Of a session of plain HTTP: time (ns), size in bytes, and the payload where it was kept."""

_USUAL_HEADER: Final = 66.0  # Ethernet, IPv4, TCP with timestamps

MEASURED = row_dtype(
    [
        ("requests", "<i8"),
        ("packets", "<i8"),
        ("header_bytes", "<i8"),
        ("application_bytes", "<i8"),
        ("wire_bytes", "<i8"),
        ("tcp_connections", "<i8"),
        ("steady_packets", "<i8"),  # without what opens and closes the connection
        ("steady_header_bytes", "<i8"),
        ("steady_application_bytes", "<i8"),
        ("steady_wire_bytes", "<i8"),
    ]
)
"""What was really sent, both ways."""


BODIES = row_dtype(
    [
        ("answers", "<f8"),  # that have a body
        ("bytes", "<f8"),  # of their bodies, as sent
        ("heads", "<f8"),  # bytes of their headers
        ("packets", "<f8"),  # that carry them, if each is written at once
    ]
)
"""The real answers of a session."""


@dataclass(slots=True)
class Ended:
    """Connections (or sessions of plain HTTP) that ended, as the model needs them.

    Arrays and lists have one element for each.

    Attributes:
        connection, session: int64: its number; NULL for the other.
        hosts: that were asked for; None where not known.
        heads: by what each sent itself.
        duration: int64, ns.
        shared: CONVERSATION rows.
        lanes, sizes, delays: of the schedule, shape (count, lanes, ...).
        wire: WIRE rows.
        measured: MEASURED rows.
        kind: of sessions: the transport of all of them; "" for connections.
        interval: int64, ns between polls of sessions; NULL for others.
        answered: int64, of sessions: messages of the client that the server's follow at once.
        empty_polls: int64, of sessions.
        delay: float64, ns, estimated, that the server's messages of sessions waited in total.
        samples: SAMPLE rows, shape (count, ways); what gzip makes of the payload.
        compressed: bool: some of the messages or bodies went compressed.
        latest: LATEST rows, shape (count, intervals).
        named: bool: a protocol inside names kinds of messages.
        buffer_ns: int64, ns that delays behind a buffering proxy span; empty without one.
        bodies: BODIES rows, of sessions.
    """

    connection: Ints
    session: Ints
    hosts: list[str | None]
    heads: list[Heads]
    duration: Ints
    shared: Rows
    lanes: Rows
    sizes: npt.NDArray[np.int32]
    delays: npt.NDArray[np.int32]
    wire: npt.NDArray[Any]
    measured: npt.NDArray[Any]
    kind: str = ""
    interval: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    answered: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    empty_polls: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    delay: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    samples: npt.NDArray[Any] = field(default_factory=lambda: np.zeros((0, 0)))
    compressed: npt.NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))
    latest: npt.NDArray[Any] = field(default_factory=lambda: np.zeros((0, 0), LATEST))
    named: npt.NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))
    buffer_ns: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    bodies: npt.NDArray[Any] = field(default_factory=lambda: np.zeros(0, BODIES))

    def __len__(self) -> int:
        return len(self.connection)


def joined(blocks: Sequence[Ended]) -> Ended:
    """Return several blocks of one kind as one."""
    if len(blocks) == 1:
        return blocks[0]
    first = blocks[0]
    values: dict[str, Any] = {}
    for name in Ended.__slots__:
        if name == "kind":
            values[name] = first.kind
        elif name in ("hosts", "heads"):
            values[name] = [each for block in blocks for each in getattr(block, name)]
        else:
            values[name] = np.concatenate([getattr(block, name) for block in blocks])
    return Ended(**values)


def answered_soon(posts: Sequence[Message], arrivals: Sequence[int]) -> int:
    """Return how many messages of a client the server's follow within the ACK delay.

    Args:
        posts: of the client.
        arrivals: times of the server's.
    """
    if not posts or not arrivals:
        return 0
    pushed = np.sort(np.array(arrivals, np.int64))
    posted = np.array([time for time, *_ in posts if time != NULL], np.int64)
    places = np.searchsorted(pushed, posted)
    following = pushed[np.minimum(places, len(pushed) - 1)]
    soon = (places < len(pushed)) & (following - posted < ACK_DELAY_NS)
    return int(np.count_nonzero(soon))


def gaps_ns(tcp: Rows) -> Ints:
    """Return ns from a long poll's answer to the arrival of the next request.

    That is a round trip (SYN to the ACK that completes is one, wherever the capture was
    made) and what the client takes to ask again.

    Args:
        tcp: CONNECTION rows.
    """
    begun, done = tcp["syn_time"], tcp["established_time"]
    seen = (begun != NULL) & (done != NULL)
    trips = np.where(seen, done, 0) - np.where(seen, begun, 0)
    gaps: Ints = np.clip(trips, 0, LONGEST_NS) + TURNAROUND_NS
    return gaps


def announced_mss(directions: Rows, slots: Ints) -> Ints:
    """Return the smaller MSS that the two sides of each slot announced."""
    both = np.stack([directions["mss"][2 * slots], directions["mss"][2 * slots + 1]])
    known = np.where(both > 0, both, np.iinfo(np.int32).max).min(axis=0)
    return np.where((both > 0).any(axis=0), known, USUAL_MSS).astype(np.int64)


def wire_rows(client: Rows, server: Rows, connections: int = 1) -> npt.NDArray[Any]:
    """Return WIRE rows from the DIRECTION rows of the two sides.

    Args:
        client: one row for each connection.
        server: likewise.
        connections: how many TCP connections each row sums up.
    """
    out = np.zeros(len(client), WIRE)
    headers = []
    for side, name in ((client, "client"), (server, "server")):
        once = np.maximum(side["wire_bytes"], 1)
        # What the capture holds twice is no packet of the connection.
        single = (side["wire_bytes"] - side["duplicate_bytes"]) / once
        acks = np.maximum(side["pure_acks"], 1)
        carrying = np.maximum(side["packets"] * single - side["pure_acks"], 0)
        overhead = side["link_bytes"] + side["ip_bytes"] + side["tcp_bytes"]
        ack_bytes = np.where(side["pure_acks"] > 0, side["pure_ack_bytes"] / acks, 0.0)
        syns = np.where(side["mss"] > 0, connections * SYN_OPTIONS, 0)
        other = overhead - side["pure_ack_bytes"] - syns
        header = np.where(carrying > 0, other / np.maximum(carrying, 1), ack_bytes)
        header = np.where(header > 0, header, _USUAL_HEADER)
        out[f"{name}_header"] = header
        out[f"{name}_ack"] = np.where(ack_bytes > 0, ack_bytes, header)
        headers.append(side["tcp_bytes"] / np.maximum(side["packets"] * single, 1))
    mss = np.full(len(client), np.inf)
    for side in (client, server):
        mss = np.minimum(mss, np.where(side["mss"] > 0, side["mss"], np.inf))
    mss = np.where(np.isfinite(mss), mss, USUAL_MSS)
    stamped = np.minimum(*headers) > 20 + TIMESTAMPS - 2
    out["mss"] = np.maximum(mss - np.where(stamped, TIMESTAMPS, 0), 1)
    # Of the client's ACKs one completes the opening; of the server's packets two are
    # the SYN-ACK and the FIN.
    pushed = server["packets"] - server["pure_acks"] - 2 * connections
    share = (client["pure_acks"] - connections) / np.maximum(pushed, 1)
    out["push_acks"] = np.where(pushed >= 3, np.clip(share, 0.0, 1.0), 1.0)
    out["bulk_acks"] = np.where(out["push_acks"] < BULK_ACKS, out["push_acks"], BULK_ACKS)
    _note_again(out, client, server)
    out["first_ack"] = server["pure_acks"] >= 2 * connections
    return out


def _note_again(out: npt.NDArray[Any], client: Rows, server: Rows) -> None:
    """Write how much more went by than once: the same path would lose the same share."""
    packets = client["packets"] + server["packets"]
    whole = client["wire_bytes"] + server["wire_bytes"]
    again = np.zeros(len(out))
    again_bytes = np.zeros(len(out))
    for side, name in ((client, "client"), (server, "server")):
        twice = side["duplicate_bytes"] / np.maximum(side["wire_bytes"], 1) * side["packets"]
        again += side["retransmissions"] + twice
        sent_again = side["retransmitted_bytes"] + side["retransmissions"] * out[f"{name}_header"]
        again_bytes += sent_again + side["duplicate_bytes"]
    # Of a flood of copies at least a tenth is taken for real.
    out["again_packets"] = packets / np.maximum(packets - again, np.maximum(0.1 * packets, 1))
    out["again_bytes"] = whole / np.maximum(whole - again_bytes, np.maximum(0.1 * whole, 1))
    for name in ("again_packets", "again_bytes"):
        out[name] = np.maximum(out[name], 1.0)


def evidence(
    http: HttpBatch, ended: Sequence[WebSocketConnection], clients: Ints
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Return WIRE and MEASURED rows of connections that end with a batch.

    Args:
        http: the batch.
        ended: the connections.
        clients: int64, the direction of the client of each.
    """
    client = http.stream.directions.take(clients)
    server = http.stream.directions.take(clients ^ 1)
    wire = wire_rows(client, server)
    return wire, _measured(http, ended, client, server, wire)


def note_tls(
    wire: npt.NDArray[Any],
    ended: Sequence[WebSocketConnection],
    http: HttpBatch,
    tls: TlsBatch,
) -> None:
    """Write what TLS costs: what a record has besides its content, and the handshake.

    Of streams of HTTP/2 the handshake is not theirs alone, and stays out.

    Args:
        wire: WIRE rows of the connections.
        ended: the connections.
        http: the batch with which they end.
        tls: its sessions.
    """
    for place, each in enumerate(ended):
        session = tls.by_stream.get(http.stream.connection(each.slot).tcp_stream)
        inside = session.inside if session is not None else None
        if session is None or inside is None or not inside.is_open:
            continue
        row = wire[place]
        row["record"] = sum(inside.framing) / sum(inside.records)
        if session.slot != each.slot:
            continue
        other = [
            max(0, side.tls_bytes - framing)
            for side, framing in zip(session.sides, inside.framing, strict=True)
        ]
        row["tls_client"], row["tls_server"] = other
        # The hello, and all that the server answers; the client's Finished; the ticket.
        row["tls_packets"] = sum(-(-size // max(1, int(row["mss"]))) for size in other) + 2


def _measured(
    http: HttpBatch,
    ended: Sequence[WebSocketConnection],
    client: Rows,
    server: Rows,
    wire: npt.NDArray[Any],
) -> npt.NDArray[Any]:
    out = np.zeros(len(ended), MEASURED)
    if not len(ended):
        return out
    slots = np.array([each.slot for each in ended], np.int64)
    both = [each.totals for each in ended]
    transfer = np.array([a.transfer_bytes + b.transfer_bytes for a, b in both])
    control = np.array([a.ws_control_bytes + b.ws_control_bytes for a, b in both])
    heads = np.array([a.ws_header_bytes + b.ws_header_bytes for a, b in both])
    out["requests"] = [int(each.handshake is not None) for each in ended]
    out["tcp_connections"] = 1
    for name in ("packets", "wire_bytes"):
        out[name] = client[name] + server[name]
    out["application_bytes"] = client["stream_bytes"] + server["stream_bytes"]
    out["header_bytes"] = out["application_bytes"] - transfer
    upgrade = http.http_bytes[2 * slots] + http.http_bytes[2 * slots + 1]
    closes = np.array([2 - each.closes.count(None) for each in ended])
    # Two or six bytes of header, two of code.
    close_bytes = np.minimum(6 * closes, heads + control)
    # SYN, SYN-ACK, ACK; two headers; FIN, FIN, ACK; an ACK of each side between.
    opening = (client["mss"] > 0) * 3 + (upgrade > 0) * 3 + closes + 3
    header = (wire["client_header"] + wire["server_header"]) / 2
    out["steady_packets"] = np.maximum(out["packets"] - opening, 0)
    out["steady_header_bytes"] = np.maximum(heads + control - close_bytes, 0)
    out["steady_application_bytes"] = out["application_bytes"] - upgrade - close_bytes
    spent = upgrade + close_bytes + np.minimum(opening, out["packets"]) * header
    out["steady_wire_bytes"] = np.maximum(out["wire_bytes"] - np.rint(spent), 0)
    return out
