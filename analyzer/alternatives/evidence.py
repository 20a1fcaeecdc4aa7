"""Evidence: what the packets of an ended connection looked like, and what it cost.

Knows what tcp and websocket counted. Must not know transports. Used by alternatives.stage.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from analyzer.alternatives.heads import Heads, from_handshake
from analyzer.alternatives.packets import BULK_ACKS, SYN_OPTIONS, WIRE
from analyzer.columns import NULL, Rows, row_dtype
from analyzer.http.events import Handshake, HttpBatch
from analyzer.tcp.bytestream import Connection
from analyzer.websocket.connection import WebSocketConnection

USUAL_MSS: Final = 1460
"""Of Ethernet over IPv4 (RFC 9293 3.7.1), where no SYN was captured."""
TIMESTAMPS: Final = 12
"""RFC 7323 3.2: the option takes 10 bytes, padded to 12, of each segment."""
TURNAROUND_NS: Final = 1_000_000
"""A client that got an answer asks again within about a millisecond."""
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


@dataclass(slots=True)
class Ended:
    """A connection (or a session of plain HTTP) that ended, as the model needs it.

    Attributes:
        connection, session: its number; NULL for the other.
        host: that was asked for.
        handshake: of a connection, if it was captured.
        duration: ns.
        gap, hold: ns, of long polls.
        frame_header_bytes: by sender.
        lanes, sizes, delays: of the schedule, one row for each lane.
        wire: WIRE row.
        measured: MEASURED row.
        heads: of a session, made from its own requests.
        kind: of a session: its transport.
        answered: of a session: messages of the client that the server's follow at once.
        empty_polls: of a session.
        delay: ns, estimated, that its messages of the server waited in sum.
    """

    connection: int
    session: int
    host: str | None
    handshake: Handshake | None
    duration: int
    gap: int
    hold: int
    frame_header_bytes: tuple[int, int]
    lanes: Rows
    sizes: npt.NDArray[np.int32]
    delays: npt.NDArray[np.int32]
    wire: Any
    measured: Any
    heads: Heads | None = None
    kind: str = ""
    interval: int = 0
    answered: int = 0
    empty_polls: int = 0
    delay: int = 0

    def own_heads(self) -> Heads:
        """Return heads by what it sent itself."""
        return self.heads if self.heads is not None else from_handshake(self.handshake)


def gap_ns(tcp: Connection) -> int:
    """Return ns from a long poll's answer to the arrival of the next request.

    That is a round trip (SYN to the ACK that completes is one, wherever the capture was
    made) and what the client takes to ask again.
    """
    if NULL in (tcp.syn_time, tcp.established_time):
        return TURNAROUND_NS
    return max(0, tcp.established_time - tcp.syn_time) + TURNAROUND_NS


def usable_mss(directions: Rows, slot: int) -> int:
    """Return the smaller MSS that the two sides announced."""
    both = directions["mss"][2 * slot : 2 * slot + 2]
    known = both[both > 0]
    return int(known.min()) if len(known) else USUAL_MSS


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
    out["first_ack"] = server["pure_acks"] >= 2 * connections
    return out


class Evidence:
    """WIRE and MEASURED rows of connections that end with a batch.

    Args:
        http: the batch.
        ended: of its WebSocket connections those that end.
    """

    def __init__(self, http: HttpBatch, ended: Sequence[WebSocketConnection]) -> None:
        clients = np.array([each.direction(0) for each in ended], np.int64)
        client = http.stream.directions.take(clients)
        server = http.stream.directions.take(clients ^ 1)
        self.wire = wire_rows(client, server)
        self.measured = _measured(http, ended, client, server, self.wire)


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
    transfer = np.array([sum(t.transfer_bytes for t in each.totals) for each in ended])
    control = np.array([sum(t.ws_control_bytes for t in each.totals) for each in ended])
    heads = np.array([sum(t.ws_header_bytes for t in each.totals) for each in ended])
    out["requests"] = [int(each.handshake is not None) for each in ended]
    out["tcp_connections"] = 1
    for name in ("packets", "wire_bytes"):
        out[name] = client[name] + server[name]
    out["application_bytes"] = client["stream_bytes"] + server["stream_bytes"]
    out["header_bytes"] = out["application_bytes"] - transfer
    upgrade = http.http_bytes[2 * slots] + http.http_bytes[2 * slots + 1]
    closes = np.array([sum(close is not None for close in each.closes) for each in ended])
    # Two or six bytes of header, two of code.
    close_bytes = np.minimum(6 * closes, heads + control)
    # SYN, SYN-ACK, ACK; two heads; FIN, FIN, ACK; an ACK of each side between.
    opening = (client["mss"] > 0) * 3 + (upgrade > 0) * 3 + closes + 3
    header = (wire["client_header"] + wire["server_header"]) / 2
    out["steady_packets"] = np.maximum(out["packets"] - opening, 0)
    out["steady_header_bytes"] = np.maximum(heads + control - close_bytes, 0)
    out["steady_application_bytes"] = out["application_bytes"] - upgrade - close_bytes
    spent = upgrade + close_bytes + np.minimum(opening, out["packets"]) * header
    out["steady_wire_bytes"] = np.maximum(out["wire_bytes"] - np.rint(spent), 0)
    return out
