"""What is known of a run that goes on: open connections, bytes so far, memory held.

Rows of the ledger come when connections end, and connections may stay open for weeks. Here the
same counts are read where the stages keep them. Knows the stages' counts; used by the pipeline
for observers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from analyzer.http.stage import HttpStage
from analyzer.lazy_dataclass import dataclass, field
from analyzer.tables.schema import LEDGER_PARTS
from analyzer.tables.summary import Summary
from analyzer.tcp.reassembly import Reassembler
from analyzer.websocket.connection import WebSocketConnection
from analyzer.websocket.stage import WebSocketStage

_BY_TCP = ("link_bytes", "ip_bytes", "tcp_bytes", "duplicate_bytes", "retransmitted_bytes")
_BY_WEBSOCKET = ("ws_header_bytes", "ws_control_bytes", "transfer_bytes")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state of a run.

    Attributes:
        tcp_connections: TCP connections that have not ended.
        connections: open WebSocket connections.
        ledger: by direction (client, server): LEDGER_PARTS, their sum wire_bytes, and packets,
            of all WebSocket connections of the run, ended ones and open ones.
        held_bytes: memory held, by stage, as far as the stages count it.
        let_go: TCP connections let go before they ended, by limit: "idle" (max_idle_s) and
            "limit" (max_connections).
        poll_heads: mean header bytes of a request and a response of modelled polling; None
            where no handshake was seen.
        summary: sums of all rows that were complete so far; it goes on changing.
    """

    tcp_connections: int
    connections: int
    ledger: tuple[Mapping[str, int], Mapping[str, int]]
    held_bytes: Mapping[str, int]
    let_go: Mapping[str, int] = field(default_factory=dict)
    poll_heads: tuple[float, float] | None = None
    summary: Summary = field(default_factory=Summary)


def ledger_so_far(
    tcp: Reassembler,
    http: HttpStage,
    websocket: WebSocketStage,
    opened: Sequence[WebSocketConnection],
    ended: Sequence[Mapping[str, int]],
) -> tuple[Mapping[str, int], Mapping[str, int]]:
    """Return the ledger of WebSocket connections by direction, open ones counted in.

    Args:
        tcp: what counted packets.
        http: counts headers and bodies.
        websocket: what counted frames.
        opened: open connections that count.
        ended: the same of connections that ended, by direction.

    Returns:
        LEDGER_PARTS, wire_bytes and packets. Payload that no stage has understood yet is
        unparsed, or TLS's where that is below.
    """
    client, server = [], []
    encrypted = []
    for each in opened:
        client.append(each.direction(0))
        server.append(each.direction(1))
        encrypted.append(each.handshake is not None and each.handshake.scheme == "wss")
    is_tls = np.asarray(encrypted, bool)
    return (
        _add(ended[0], _sums(tcp, http, websocket, np.asarray(client, np.int64), is_tls)),
        _add(ended[1], _sums(tcp, http, websocket, np.asarray(server, np.int64), is_tls)),
    )


def _sums(
    tcp: Reassembler,
    http: HttpStage,
    websocket: WebSocketStage,
    directions: npt.NDArray[np.int64],
    is_tls: npt.NDArray[np.bool_],
) -> Counter[str]:
    sums: Counter[str] = Counter()
    if not len(directions):
        return sums
    for name in (*_BY_TCP, "packets"):
        sums[name] = int(tcp.counts_so_far(name, directions).sum())
    understood = http.bytes_so_far(directions)
    sums["http_bytes"] = int(understood.sum())
    for name in _BY_WEBSOCKET:
        counted = websocket.counts_so_far(name, directions)
        sums[name] = int(counted.sum())
        understood = understood + counted
    rest = tcp.counts_so_far("stream_bytes", directions) - understood
    sums["tls_bytes"] = int(rest[is_tls].sum())
    sums["unparsed_bytes"] = int(rest[~is_tls].sum())
    return sums


def _add(ended: Mapping[str, int], running: Mapping[str, int]) -> Mapping[str, int]:
    both = {name: ended.get(name, 0) + running.get(name, 0) for name in (*LEDGER_PARTS, "packets")}
    both["wire_bytes"] = sum(both[name] for name in LEDGER_PARTS)
    return both
