"""The ledger: where every byte of a connection went.

Knows what each stage counted; adds it up. Used by tables.build when connections end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from analyzer.columns import NULL
from analyzer.http.exchanges import HttpBatch
from analyzer.tables.schema import LEDGER, TableRows, Values
from analyzer.tls.session import Session
from analyzer.websocket.connection import DirectionTotals, WebSocketConnection

_COUNTED_BY_TCP = (
    "wire_bytes",
    "link_bytes",
    "ip_bytes",
    "tcp_bytes",
    "duplicate_bytes",
    "retransmitted_bytes",
    "packets",
    "pure_acks",
    "pure_ack_bytes",
    "lost_bytes",
)
_COUNTED_BY_WEBSOCKET = ("ws_header_bytes", "ws_control_bytes", "transfer_bytes")
_NONE = DirectionTotals(), DirectionTotals()


def ledger_rows(
    batch: HttpBatch,
    client_sides: Mapping[int, int],
    connections: Mapping[int, WebSocketConnection],
    sessions: Mapping[int, Session],
) -> TableRows:
    """Return two rows, client then server, for each TCP connection that ended.

    Args:
        batch: of the http stage, with the final counts of the slots in `ended`.
        client_sides: side of the client by slot; 0 where it is not known.
        connections: WebSocket connections by slot, of those that were any.
        sessions: TLS sessions by slot, of those that were any.

    Returns:
        Rows whose parts sum up to wire_bytes exactly: what neither tls nor http nor websocket
        understood of the payload is unparsed.
    """
    slots = np.asarray(batch.ended, dtype=np.int64)
    client = np.asarray([client_sides.get(slot, 0) for slot in batch.ended], dtype=np.int64)
    directions = np.stack([2 * slots + client, 2 * slots + 1 - client], axis=1).ravel()
    counted = batch.stream.directions.take(directions)
    count = len(directions)
    values: dict[str, Values] = {name: counted[name].astype(np.int64) for name in _COUNTED_BY_TCP}
    known = [connections.get(slot) for slot in batch.ended]
    owners = [NULL if each is None else each.connection for each in known]
    connection = np.repeat(np.array(owners, np.int64), 2)
    both = [totals for each in known for totals in (_NONE if each is None else each.totals)]
    websocket = {
        name: np.array([getattr(totals, name) for totals in both], np.int64)
        for name in _COUNTED_BY_WEBSOCKET
    }
    http = batch.http_bytes[directions].astype(np.int64)
    unparsed = counted["stream_bytes"] - http - sum(websocket.values())
    tls = _tls_bytes(batch, client.tolist(), sessions)
    # Bytes that http or websocket claimed nevertheless stay theirs.
    tls = np.maximum(np.minimum(tls, unparsed), 0)
    unparsed = unparsed - tls
    streams = batch.stream.connections["tcp_stream"][slots].astype(np.int64)
    values |= websocket
    values |= {
        "connection": connection,
        "tcp_stream": np.repeat(streams, 2),
        "direction": np.tile(np.asarray([0, 1], np.int8), len(slots)),
        "tls_bytes": tls,
        "http_bytes": http,
        "unparsed_bytes": np.asarray(unparsed, dtype=np.int64),
    }
    return TableRows(LEDGER, values, count)


def _tls_bytes(
    batch: HttpBatch, client: Sequence[int], sessions: Mapping[int, Session]
) -> npt.NDArray[np.int64]:
    """Return the bytes of TLS's own, client then server of each slot that ended."""
    tls = np.zeros(2 * len(batch.ended), np.int64)
    for place, slot in enumerate(batch.ended):
        session, moved = sessions.get(slot), batch.tls_moved.get(slot)
        if session is not None:
            sizes = [side.tls_bytes for side in session.sides]
            is_same = session.client_side == client[place]
            tls[2 * place : 2 * place + 2] = sizes if is_same else sizes[::-1]
        if moved is not None:
            tls[2 * place : 2 * place + 2] += moved if client[place] == 0 else moved[::-1]
    return tls
