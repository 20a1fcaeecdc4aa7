"""What the http stage finds: exchanges, upgrade attempts, and streams that left HTTP.

Knows HTTP/1.1 messages and where their bytes lie. Must not know WebSocket frames.
Made by http.transactions and http.upgrade; used by websocket and tables.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from analyzer.columns import NULL, Rows, empty
from analyzer.findings import Finding
from analyzer.tcp.bytestream import CHUNK, StreamBatch

Extension = tuple[str, tuple[tuple[str, str | None], ...]]
"""One element of Sec-WebSocket-Extensions: name and (parameter, value or None)."""


@dataclass(slots=True)
class Handshake:
    """One WebSocket upgrade attempt. Times are ns, NULL where not seen; sizes bytes.

    Text that was not sent is None. Values of repeated fields are joined with ", ".
    """

    slot: int
    client_side: int
    """Which side of the TCP connection sent the request: 0 or 1."""
    number: int = -1
    """From 0, in the order in which the attempts' request heads (or lone 101s) were read."""
    scheme: str = "ws"
    http_version: str | None = None
    """Such as 1.1, as in the request line; of the response if the request was not seen."""
    method: str | None = None
    host: str | None = None
    path: str | None = None
    """The request target as sent, with its query."""
    origin: str | None = None
    user_agent: str | None = None
    version: str | None = None
    key: str | None = None
    accept: str | None = None
    accept_valid: bool | None = None
    """None without both key and accept."""
    status: int | None = None
    reason: str | None = None
    outcome: str = "no-answer"
    """accepted, refused, bad-accept, bad-response, reset, no-answer, cut."""
    outcome_reason: str | None = None
    """One sentence: why not accepted, or what is wrong all the same."""
    subprotocols_offered: tuple[str, ...] = ()
    subprotocol: str | None = None
    extensions_offered: tuple[Extension, ...] = ()
    extensions: tuple[Extension, ...] = ()
    extensions_offered_text: str | None = None
    extensions_text: str | None = None
    request_bytes: int = 0
    response_bytes: int = 0
    """Heads; of a refusal the body as well."""
    request_first_time: int = NULL
    request_last_time: int = NULL
    response_first_time: int = NULL
    response_last_time: int = NULL
    request_packet: int = 0
    response_packet: int = 0
    """Packet with the last byte of the head; 0 if not seen."""
    request_header: tuple[tuple[str, str], ...] = ()
    """All fields as sent, for the comparison with plain HTTP."""
    response_header: tuple[tuple[str, str], ...] = ()
    first_in_connection: bool = True
    """False: other exchanges went before it on this TCP connection, so that TCP and
    TLS cost it nothing."""
    early_bytes: int = 0
    """Bytes the client sent behind the request before the 101 was seen."""


@dataclass(slots=True)
class Exchange:
    """One plain HTTP request with its final response. Times ns, NULL if not seen."""

    slot: int
    exchange: int
    """Number on its TCP connection, from 0."""
    client_side: int
    method: str | None = None
    host: str | None = None
    path: str | None = None
    http_version: str | None = None
    status: int | None = None
    kind: str = "plain"
    content_type: str | None = None
    request_header_bytes: int = 0
    request_body_bytes: int = 0
    response_header_bytes: int = 0
    """With the heads of 1xx responses that came before it."""
    response_body_bytes: int = 0
    """As sent: with chunk sizes and trailers."""
    wire_bytes: int = 0
    """Every packet of the TCP connection, both ways, from the first byte of the
    request until the next request begins or the connection leaves."""
    request_first_time: int = NULL
    request_last_time: int = NULL
    response_first_time: int = NULL
    response_last_time: int = NULL
    request_packet: int = 0
    response_packet: int = 0
    complete: bool = False
    request_header: tuple[tuple[str, str], ...] = ()
    response_header: tuple[tuple[str, str], ...] = ()
    group: int = -1
    transport: str = ""
    deliveries: list[tuple[int, int]] = field(default_factory=list)
    messages: int = 0
    message_bytes: int = 0
    sent: list[int] = field(default_factory=list)
    empty: bool = False
    unchanged: bool = False
    client_key: int = -1
    tcp_stream: int = -1


@dataclass(slots=True)
class HttpBatch:
    """What the http stage hands on.

    Attributes:
        stream: the batch below.
        rows: dtype CHUNK: rows of connections that are not HTTP (any more), for the
            websocket stage, in order. The first row behind a head begins at the
            byte after it (`start`, `offset`, `into`, `length` moved, `wire` 0).
            For connections that were handed on, every row is here, PURE ones too.
        upgrades: accepted handshakes, each before the first of its rows. The stage
            hands the same object on later only through `handshakes`.
        upgrade_rows: for each upgrade the place among `rows` before which it opened;
            never decreases.
        handshakes: attempts that ended in this batch in another way than accepted.
        exchanges: plain exchanges that ended in this batch.
        ended: slots that leave (as in the batch below).
        http_bytes: int64 by direction: bytes of HTTP heads and bodies so far; a view of the
            stage's state, good until the next push.
        findings: oddities of HTTP and of the handshake.
    """

    stream: StreamBatch
    rows: Rows = field(default_factory=lambda: empty(CHUNK))
    upgrades: list[Handshake] = field(default_factory=list)
    upgrade_rows: list[int] = field(default_factory=list)
    handshakes: list[Handshake] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)
    http_bytes: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    findings: list[Finding] = field(default_factory=list)
