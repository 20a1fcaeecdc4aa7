"""How a connection ended: its lifecycle, the silence before, and what each end reports.

Knows TCP's end, Close frames and the state of the frame walk. Must not know bytes. Used by
websocket.stage, once for each connection that leaves.
"""

from __future__ import annotations

from collections.abc import Sequence

from analyzer import findings
from analyzer.columns import NULL
from analyzer.findings import Finding
from analyzer.tcp.bytestream import Connection, StreamBatch
from analyzer.websocket import frames as layout
from analyzer.websocket.close_codes import Evidence, reported_code
from analyzer.websocket.connection import CloseFrame, End, Event, WebSocketConnection, abnormal
from analyzer.websocket.control_acks import ControlAcks
from analyzer.websocket.frames import CLIENT, SERVER, Ending


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
    has_close = connection.closes[0] is not None or connection.closes[1] is not None
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


def both_heard(stream: StreamBatch, slot: int) -> bool:
    """Return whether packets of both directions were captured, or of none."""
    return (stream.counts(2 * slot)[0] > 0) == (stream.counts(2 * slot + 1)[0] > 0)


def hidden_closes(
    connection: WebSocketConnection, stream: StreamBatch, ends: Sequence[Ending]
) -> tuple[bool, bool]:
    """Return by sender whether bytes that were lost at the end may hold its Close."""
    if not connection.lost_bytes:
        return False, False
    client, server = (
        connection.closes[sender] is None
        and stream.counts(connection.direction(sender))[1] > 0
        and ends[sender].mode not in (layout.HEADER, layout.PAYLOAD)
        for sender in (CLIENT, SERVER)
    )
    return client, server


def reported(
    connection: WebSocketConnection,
    stream: StreamBatch,
    tcp: Connection,
    ends: Sequence[Ending],
    acks: ControlAcks,
) -> tuple[int | None, int | None]:
    """Return the close codes that the two ends report (RFC 6455 7.1.5).

    Args:
        connection: that ends.
        stream: the batch with whose rows it does.
        tcp: its CONNECTION row.
        ends: the state of the client's and the server's direction.
        acks: when their Closes were acknowledged.
    """
    codes: list[int | None] = []
    broken = tcp.reset_side >= 0 or bool(tcp.timed_out)
    for end in (CLIENT, SERVER):
        peer = 1 - end
        close, own = connection.closes[peer], connection.closes[end]
        direction = connection.direction(peer)
        packets, lost, cut = stream.counts(direction)
        acked = close is not None and acks.take(direction, close.frame) != NULL
        is_read = ends[peer].mode in (layout.HEADER, layout.PAYLOAD)
        has_all = lost == cut == 0 and packets > 0
        answered = close is not None and own is not None and own.time > close.time
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


def ending(ends: Sequence[Ending]) -> End:
    """Return the first of Close, FIN and RST, from the state of both directions."""
    client, server = ends
    return End(
        client.end_packet,
        client.end_time,
        bool(client.ended_by_close),
        (client.quiet_time, server.quiet_time),
        (client.life_time, server.life_time),
        (_shut(client, server), _shut(server, client)),
    )


def first_data(ends: Sequence[Ending]) -> int:
    """Return when the first data frame of either side came, in ns; NULL without."""
    client, server = (end.first_data_time for end in ends)
    if NULL in (client, server):
        return max(client, server)
    return min(client, server)


def _shut(own: Ending, other: Ending) -> int:
    """Return for how long a side's window was closed, in ns: to the end, if it never opened.

    NULL if no packet of that side was captured.
    """
    if own.life_time == NULL:
        return NULL
    if own.shut_since == NULL:
        return own.shut_total
    until = own.end_time if own.end_packet else max(own.life_time, other.life_time)
    return own.shut_total + max(0, until - own.shut_since)
