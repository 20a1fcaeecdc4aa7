"""Rows of `connections`, among them how each ended: silence, the closing handshake, codes.

Made column by column: tens of thousands may end at once. Knows the websocket stage's connections
and End, and TLS's. Used by tables.build and tables.chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from analyzer.columns import NULL
from analyzer.options import Options
from analyzer.tables.schema import CLOSE_KINDS, CONNECTIONS, TableRows
from analyzer.tables.shown import NO_TEXTS, Shown, Texts
from analyzer.tables.timing import Endpoints, columns_of, silence, turned
from analyzer.tls.ending import session_end
from analyzer.tls.session import Session
from analyzer.websocket.connection import CLOSE_KINDS as KINDS
from analyzer.websocket.connection import DirectionTotals, End, WebSocketConnection

_KINDS: Final = {state: CLOSE_KINDS.index(kind) for state, kind in KINDS.items()}
"""Codes of close_kind."""


def end_columns(
    ended: Sequence[WebSocketConnection], sessions: Sequence[Session | None]
) -> list[Sequence[object]]:
    """Return the cells of the columns from client_idle_s on.

    Args:
        ended: WebSockets.
        sessions: the TLS session that each was decrypted from; None without.
    """
    ends = [
        each.ending if session is None else _earlier(each.ending, session)
        for each, session in zip(ended, sessions, strict=True)
    ]
    packets, times, _, last, life, shut = zip(*ends, strict=True)
    return [
        *([*map(silence, since, times)] for since in zip(*last, strict=True)),
        [packet or NULL for packet in packets],
        [*map(_closing, ended)],
        [NULL if each.keepalive is None else each.keepalive.interval for each in ended],
        *(
            [NULL if code is None else code for code in codes]
            for codes in zip(*(each.reported for each in ended), strict=True)
        ),
        *zip(*life, strict=True),
        *zip(*shut, strict=True),
    ]


def _earlier(end: End, session: Session) -> End:
    """Return the session's close_notify as the end, if it came before any Close, FIN or RST."""
    other = session_end(session)
    if not other.packet or (end.packet and other.packet > end.packet):
        return end
    if other.packet == end.packet and end.is_close:
        return end
    return end._replace(packet=other.packet, time=other.time, is_close=False, last=other.last)


def closed_by(ended: WebSocketConnection, session: Session | None) -> int:
    """Return which side ended it: 0 client, 1 server; -1 neither.

    RFC 8446 6.1: with close_notify a side says that it "will not send any more messages". Where
    it came before any Close, FIN and RST, its sender ended the connection, even if the other side
    sent FIN first.
    """
    if ended.closed_by is None:
        return -1
    other = None if session is None else session_end(session)
    if other is None or not other.packet or other.by < 0 or ended.first_close is not None:
        return ended.closed_by
    is_first = not ended.ending.packet or other.packet <= ended.ending.packet
    return other.by if is_first else ended.closed_by


def _closing(ended: WebSocketConnection) -> int:
    """Return the time from the first Close to the other side's, in ns."""
    client, server = ended.closes
    if client is None or server is None or NULL in (client.time, server.time):
        return NULL
    return abs(client.time - server.time)


class Beside(NamedTuple):
    """What a row of `connections` has from others than the websocket stage.

    Attributes:
        endpoints: its addresses.
        tcp_stream: of its slot.
        wire_bytes: of its packets.
        http2_stream: that carries it; NULL over HTTP/1.1.
        inner: protocol inside; None: not known.
        leg: number of its conversation; NULL if that has no other leg.
        session: the TLS session that it was decrypted from.
    """

    endpoints: Endpoints
    tcp_stream: int
    wire_bytes: int = NULL
    http2_stream: int = NULL
    inner: str | None = None
    leg: int = NULL
    session: Session | None = None


def connection_rows(
    ended: Sequence[WebSocketConnection], beside: Sequence[Beside], shown: Shown
) -> TableRows:
    """Return rows of `connections`.

    Args:
        ended: the WebSockets.
        beside: of each.
        shown: makes texts, and remembers them.
    """
    if not ended:
        return TableRows(CONNECTIONS, columns_of(CONNECTIONS.columns, ()), 0)
    ends, streams, wire, http2, inner, legs, sessions = zip(*beside, strict=True)
    details = [each.handshake for each in ended]
    said = [NO_TEXTS if each is None else shown.of(each) for each in details]
    texts = dict(zip(Texts._fields, zip(*said, strict=True), strict=True))
    closes = [each.first_close for each in ended]
    totals = [
        dict(zip(DirectionTotals._fields, zip(*each, strict=True), strict=True))
        for each in zip(*(one.totals for one in ended), strict=True)
    ]
    times = [(each.opened_at, each.closed_at) for each in ended]
    cells: list[Sequence[object]] = [
        [each.connection for each in ended],
        *(streams, http2, texts["scheme"], texts["http_version"]),
        *zip(*ends, strict=True),
        *(texts[name] for name in ("host", "path", "subprotocol", "extensions")),
        *zip(*times, strict=True),
        [NULL if NULL in each else each[1] - each[0] for each in times],
        [int(each is not None and each.outcome != "cut") for each in details],
        *(each[name] for name in ("frames", "messages", "payload_bytes") for each in totals),
        wire,
        [_KINDS[each.state] for each in ended],
        [NULL if each is None or each.code is None else each.code for each in closes],
        [(each.reason or None) if each else None for each in closes],
        [*map(closed_by, ended, sessions)],
        [each.lost_bytes for each in ended],
        *(inner, *end_columns(ended, sessions), legs),
    ]
    return TableRows(CONNECTIONS, turned(CONNECTIONS.columns, cells), len(ended))


def hidden(hide: Callable[[str], str], value: str | None, options: Options) -> str | None:
    """Return a text without its secrets, unless they are asked for."""
    return value if value is None or options.show_secrets else hide(value)
