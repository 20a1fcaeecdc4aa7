"""How connections ended: their lifecycle, the silence before, and what each end reports.

Knows TCP's end, Close frames and the state of the frame walk. Must not know bytes. Used by
websocket.stage: what the walk knows is taken in columns, for all connections that leave with a
batch, and the usual end, Close in both directions and then FIN, is not run through the lifecycle.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from analyzer import findings
from analyzer.columns import NULL, Rows
from analyzer.findings import Finding
from analyzer.named_tuple import NamedTuple
from analyzer.tcp.bytestream import Connection, StreamBatch
from analyzer.websocket import frames as layout
from analyzer.websocket.close_codes import NO_STATUS, Evidence, reported_code
from analyzer.websocket.connection import (
    CloseFrame,
    DirectionTotals,
    End,
    Event,
    State,
    WebSocketConnection,
    abnormal,
)
from analyzer.websocket.control_acks import ControlAcks
from analyzer.websocket.frames import CLIENT, SERVER


class Left(NamedTuple):
    """What is known of a connection when it leaves.

    Attributes:
        totals: by sender.
        first_data_time: ns of the first data frame; NULL without.
        ending: the first of Close, FIN and RST.
        modes: of the walk, by sender.
        both_heard: packets of both directions were captured, or of none.
        lost_bytes: in both.
    """

    totals: tuple[DirectionTotals, DirectionTotals]
    first_data_time: int
    ending: End
    modes: tuple[int, int]
    both_heard: bool
    lost_bytes: int


def left(connections: Sequence[WebSocketConnection], walks: Rows, directions: Rows) -> list[Left]:
    """Return what is known of connections that leave.

    Args:
        connections: they.
        walks: dtype WALK by direction.
        directions: dtype DIRECTION, also by direction.
    """
    if not connections:
        return []
    clients = np.array([each.direction(CLIENT) for each in connections], np.int64)
    client, server = walks.take(clients), walks.take(clients ^ 1)
    heard = directions["packets"] > 0
    lost = directions["lost_bytes"]
    columns = (
        zip(totals(client), totals(server), strict=True),
        first_data(client, server),
        ends(client, server),
        zip(client["mode"].tolist(), server["mode"].tolist(), strict=True),
        (heard[clients] == heard[clients ^ 1]).tolist(),
        (lost[clients] + lost[clients ^ 1]).tolist(),
    )
    return [*map(Left._make, zip(*columns, strict=True))]


def totals(walks: Rows) -> list[DirectionTotals]:
    """Return the counts of directions that have ended."""
    names = ("frames", "messages", "message_bytes", "ws_header_bytes", "ws_control_bytes")
    columns = [walks[name].tolist() for name in (*names, "transfer_bytes")]
    # Of a header that is not whole nothing is known.
    begun = np.where(walks["mode"] == layout.HEADER, walks["have"], 0)
    unparsed = (walks["unparsed_bytes"] + begun).tolist()
    return [*map(DirectionTotals._make, zip(*columns, unparsed, strict=True))]


def ends(client: Rows, server: Rows) -> list[End]:
    """Return the first of Close, FIN and RST, from the state of both directions."""
    names = ("quiet_time", "life_time")
    last, life = (zip(client[one].tolist(), server[one].tolist(), strict=True) for one in names)
    columns = (
        client["end_packet"].tolist(),
        client["end_time"].tolist(),
        (client["ended_by_close"] != 0).tolist(),
        last,
        life,
        zip(_shut(client, server), _shut(server, client), strict=True),
    )
    return [*map(End._make, zip(*columns, strict=True))]


def first_data(client: Rows, server: Rows) -> list[int]:
    """Return when the first data frame of either side came, in ns; NULL without."""
    one, other = client["first_data_time"], server["first_data_time"]
    is_one_sided = (one == NULL) | (other == NULL)
    found: npt.NDArray[np.int64] = np.where(
        is_one_sided, np.maximum(one, other), np.minimum(one, other)
    )
    times: list[int] = found.tolist()
    return times


def _shut(own: Rows, other: Rows) -> list[int]:
    """Return for how long a side's window was closed, in ns: to the end, if it never opened.

    NULL if no packet of that side was captured.
    """
    found: list[int] = np.where(own["life_time"] == NULL, NULL, own["shut_total"]).tolist()
    for place in np.flatnonzero((own["life_time"] != NULL) & (own["shut_since"] != NULL)).tolist():
        names = ("end_packet", "end_time", "life_time", "shut_since")
        packet, end, life, since = (int(own[name][place]) for name in names)
        until = end if packet else max(life, int(other["life_time"][place]))
        # With Python's integers: a capture may claim any time.
        found[place] += max(0, until - since)
    return found


def _is_stream(connection: WebSocketConnection) -> bool:
    """Return whether a connection is a stream of HTTP/2."""
    return connection.handshake is not None and connection.handshake.http2_stream is not None


def close(
    connection: WebSocketConnection,
    tcp: Connection,
    acks: ControlAcks,
    *,
    both_heard: bool = True,
    hidden: tuple[bool, bool] = (False, False),
) -> list[Finding]:
    """Say how a connection ended, from TCP's end and the Close frames; return what is odd.

    Its `ending` is known already.

    If nothing of a direction was captured (not `both_heard`), it is not known whether it
    sent Close: then a Close of the other one is nothing odd. So it is where lost bytes may be the
    Close of a direction (`hidden`, by sender): nor is it known then who closed first.
    """
    client, server = connection.closes
    if client is not None and server is not None and _is_usual(tcp, client, server):
        connection.state = State.CLEAN
        connection.closed_by = CLIENT if client.time <= server.time else SERVER
        connection.closed_at = tcp.closed_time
        if tcp.closed_time == NULL:
            is_over = tcp.fin_side >= 0
            connection.closed_at = tcp.fin_time if is_over else max(client.time, server.time)
        return []
    events: list[tuple[int, Event, int | None]] = []
    for side, time, event in (
        (tcp.fin_side, tcp.fin_time, Event.FIN),
        (tcp.reset_side, tcp.closed_time, Event.RESET),
    ):
        if side >= 0:
            sender = CLIENT if side == connection.client_side else SERVER
            if event == Event.FIN:
                time = _fin_time(connection, sender, time, acks)
            events.append((time, event, sender))
    has_close = client is not None or server is not None
    if tcp.timed_out and not has_close:
        events = [event for event in events if event[1] != Event.RESET]
        events.append((tcp.last_time, Event.TIMEOUT, None))
    ended_at = tcp.closed_time
    if ended_at == NULL and events:
        ended_at = tcp.fin_time if tcp.fin_side >= 0 else tcp.last_time
    connection.end(events, ended_at)
    if connection.closed_by is not None and has_close:
        connection.closed_by = None if hidden[1 - connection.closed_by] else connection.closed_by
    may_be_clean = has_close and (not both_heard or any(hidden))
    if not may_be_clean and connection.close_kind in ("fin", "reset", "timeout"):
        detail = abnormal(connection, {event: sender for _, event, sender in events})
        end = connection.ending
        # A Close came first, so that of FIN and RST only the last packet is known.
        packet = end.packet if end.packet and not end.is_close else tcp.last_packet
        return [Finding(findings.WEBSOCKET_CLOSE_ABNORMAL, connection.slot, packet, -1, detail)]
    return []


def _is_usual(tcp: Connection, client: CloseFrame, server: CloseFrame) -> bool:
    """Return whether TCP ended behind both Close frames, or not at all."""
    if tcp.fin_side < 0 or tcp.reset_side >= 0:
        return tcp.reset_side < 0
    return tcp.fin_time >= client.time and tcp.fin_time >= server.time


def _fin_time(connection: WebSocketConnection, sender: int, time: int, acks: ControlAcks) -> int:
    """Return when a FIN counts: after a Close of the other side that its sender had before it."""
    other = connection.closes[1 - sender]
    if _is_stream(connection):
        # END_STREAM ends one direction only (RFC 9113 5.1, half-closed): its sender still
        # reads, and a Close of the other side completes the handshake.
        return max([time, *(close.time for close in connection.closes if close)])
    if other is None:
        return time
    acked = acks.when(connection.direction(1 - sender), other.frame)
    # Acknowledged before it was captured: the capture holds the two in the wrong order.
    return max(time, other.time) if NULL != acked <= other.time else time


def hidden_closes(
    connection: WebSocketConnection, stream: StreamBatch, modes: tuple[int, int]
) -> tuple[bool, bool]:
    """Return by sender whether bytes that were lost at the end may hold its Close."""
    if not connection.lost_bytes:
        return False, False
    client, server = (
        connection.closes[sender] is None
        and stream.counts(connection.direction(sender))[1] > 0
        and modes[sender] not in (layout.HEADER, layout.PAYLOAD)
        for sender in (CLIENT, SERVER)
    )
    return client, server


def reported(
    connection: WebSocketConnection,
    stream: StreamBatch,
    tcp: Connection,
    modes: tuple[int, int],
    acks: ControlAcks,
) -> tuple[int | None, int | None]:
    """Return the close codes that the two ends report (RFC 6455 7.1.5).

    Args:
        connection: that ends.
        stream: the batch with whose rows it does.
        tcp: its CONNECTION row.
        modes: of the walk, of the client's and the server's direction.
        acks: when their Closes were acknowledged.
    """
    codes: list[int | None] = []
    broken = tcp.reset_side >= 0 or bool(tcp.timed_out)
    for end in (CLIENT, SERVER):
        peer = 1 - end
        close, own = connection.closes[peer], connection.closes[end]
        direction = connection.direction(peer)
        acked = close is not None and acks.take(direction, close.frame) != NULL
        answered = close is not None and own is not None and own.time > close.time
        if close is not None and close.body_known and not broken and (acked or answered):
            codes.append(NO_STATUS if close.code is None else close.code)
            continue
        packets, lost, cut = stream.counts(direction)
        is_read = modes[peer] in (layout.HEADER, layout.PAYLOAD)
        has_all = lost == cut == 0 and packets > 0
        evidence = Evidence(
            close is not None,
            None if close is None else close.code,
            close is not None and close.body_known,
            acked,
            answered or (acked and _finished(connection, end, close, tcp)),
            has_all and is_read,
            broken,
            broken or tcp.fin_side >= 0,
        )
        codes.append(reported_code(evidence))
    return codes[CLIENT], codes[SERVER]


def _finished(
    connection: WebSocketConnection, end: int, close: CloseFrame | None, tcp: Connection
) -> bool:
    """Return whether an end sent its FIN after the Close of its peer, the first FIN of the two."""
    is_first = tcp.fin_side >= 0 and (tcp.fin_side == connection.client_side) == (end == CLIENT)
    return is_first and close is not None and tcp.fin_time > close.time
