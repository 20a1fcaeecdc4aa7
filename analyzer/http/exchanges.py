"""What the http stage finds: exchanges, upgrade attempts, and streams that left HTTP.

Knows HTTP/1.1 messages and where their bytes lie. Must not know WebSocket frames.
Made by http.stage and http.upgrade; used by websocket and tables.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from analyzer.columns import NULL, Rows, empty
from analyzer.findings import Finding
from analyzer.lazy_dataclass import dataclass, field
from analyzer.tcp.bytestream import CHUNK, Connection, StreamBatch

Extension = tuple[str, tuple[tuple[str, str | None], ...]]
"""One element of Sec-WebSocket-Extensions: name and (parameter, value or None)."""


@dataclass(slots=True, repr=False)
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
    """Of several, the one that the answer's Accept fits, else the first."""
    keys: tuple[str, ...] = ()
    """All, where the field came more than once."""
    upgrade: str | None = None
    """Upgrade field of the request."""
    accept: str | None = None
    accept_valid: bool | None = None
    """None without both key and accept."""
    status: int | None = None
    reason: str | None = None
    outcome: str = "no-answer"
    """accepted, refused, bad-accept, bad-response, reset, no-answer, cut."""
    outcome_reason: str | None = None
    """One sentence: why it was not accepted, or what is wrong although it was."""
    old_draft: str = ""
    """Draft before RFC 6455 that it is of; "" if of none."""
    doubts: list[Finding] = field(default_factory=list, compare=False, repr=False)
    """Findings that count only if its answer is not that of an older draft."""
    server: str | None = None
    """Server field of the answer."""
    refusal_body: bytes = b""
    """How the content of a refusal begins, its coding undone."""
    refusal_size: int = 0
    """Bytes of that content that were seen."""
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
    """Packet with the last byte of the headers; 0 if not seen."""
    request_header: tuple[tuple[str, str], ...] = ()
    """All fields as sent, for the comparison with plain HTTP."""
    response_header: tuple[tuple[str, str], ...] = ()
    first_in_connection: bool = True
    """False: other exchanges went before it on this TCP connection, so that TCP and
    TLS cost it nothing."""
    http2_stream: int | None = None
    """Stream that carries it; None over HTTP/1.1."""
    carrier: int = -1
    """Slot of the TCP connection, where `slot` is borrowed for a stream of it; else -1."""
    early_bytes: int = 0
    """Bytes the client sent after the request before the 101 was seen."""
    fields_unknown: bool = False
    """Fields of the request refer to headers that were not captured (HPACK)."""
    alike: int = field(default=-1, compare=False)
    """The same number of handshakes that differ in no field but key, accept value, cookies and
    date, and are accepted with nothing odd; -1: of none."""

    @property
    def tcp_slot(self) -> int:
        """Slot of the TCP connection."""
        return self.slot if self.carrier < 0 else self.carrier

    @property
    def request_whole(self) -> bool:
        """Whether all that the request says was captured: what is not in it was not asked."""
        return self.request_packet != 0 and not self.fields_unknown


@dataclass(slots=True, repr=False)
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
    http2_stream: int | None = None
    status: int | None = None
    kind: str = "plain"
    content_type: str | None = None
    request_header_bytes: int = 0
    request_body_bytes: int = 0
    response_header_bytes: int = 0
    """With the headers of 1xx responses that came before it."""
    response_body_bytes: int = 0
    """As sent: with chunk sizes and trailers."""
    content_bytes: int = NULL
    """Of a response that was read as a whole: its content, with its coding undone."""
    coded: bool = False
    """The body of the response was in gzip or deflate, and could be read."""
    wire_bytes: int = 0
    """Every packet of the TCP connection, both ways, from the first byte of the
    request until the next request begins or the connection leaves."""
    packets: int = 0
    """The same packets, counted; 0 over HTTP/2, where one may serve several streams."""
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
    """Group of deliveries: exchanges in which one client asks for the same again, or by
    which one response streams. From 0 in the order in which groups are recognised, which at
    the end of a capture is that of their first requests. -1: of no group."""
    transport: str = ""
    """engine.io, sockjs, or "": by no transport that is known by name."""
    deliveries: list[tuple[int, int]] = field(default_factory=list)
    """(time ns when its last byte was captured, size in bytes) of the messages that the
    response brought, in order, up to max_deliveries. What is read as a whole comes with
    the answer's last byte."""
    digests: list[int] = field(default_factory=list, compare=False)
    """Of a stream: over the first 256 bytes of each of the first `deliveries`."""
    messages: int = 0
    message_bytes: int = 0
    """Of all messages of the response."""
    timed: int = 0
    """Messages of a stream in which a time was found: see http.delivery.event_times."""
    held: int = 0
    """Those of them that came together with later ones, though they came about apart."""
    held_most: int = 0
    """ns: the longest that one of these waited for the last."""
    held_total: int = 0
    """ns: what all of them waited, and those with them."""
    sent: list[int] = field(default_factory=list)
    """Sizes in bytes of the messages in the request's body, up to max_deliveries."""
    carried: list[int] = field(default_factory=list)
    """Sizes of the packets of Engine.IO in the response, its own ones too, as its WebSocket would
    carry them: with their types."""
    carried_up: list[int] = field(default_factory=list)
    """The same of the request's body."""
    told: list[bytes] = field(default_factory=list, compare=False)
    """Payloads of the first of `carried`, else of `deliveries`, where somebody samples them
    (http.delivery.keeping)."""
    asked: list[bytes] = field(default_factory=list, compare=False)
    """The same of `carried_up`, else of `sent`."""
    body: bytes | None = field(default=None, compare=False)
    """The same of the response as a whole, with its coding undone."""
    kept_by: int = -1
    """Client whose room these took; -1: nothing is kept."""
    empty: bool = False
    """A complete final answer that brought no message; errors and redirections too."""
    unchanged: bool = False
    """Same target and same body as the answer before in its group of kind poll: a state
    that is polled. Then no message counts."""
    request_segments: int = 0
    response_segments: int = 0
    """Pieces of TCP segments that carried it; one that carries two messages counts for each."""
    client_key: int = -1
    """The same number for the same client identity: client and server address, Host, and
    session of the transport, else Cookie, Authorization and User-Agent."""
    tcp: Connection | None = field(default=None, compare=False, repr=False)
    """The TCP connection, as it stood at the first request: the slot may be in use again
    when a held exchange leaves."""
    piecemeal: bool = False
    """The response has no announced length: it is chunked, or goes on until close."""
    pauses: int = 0
    """Pauses between pieces of the response body: see http.delivery.polling.PAUSE_NS."""
    paused: int = 0
    """ns of all pauses together."""
    turn: int = 0
    """Number of the request in its group, from 0."""
    previous_start: int = NULL
    """First byte of the request before in its group."""
    previous_answer: int = NULL
    """Last byte of the answer before in its group, if it had ended when this one began."""


@dataclass(slots=True, repr=False)
class HttpBatch:
    """What the http stage hands on.

    Attributes:
        stream: the batch below.
        rows: dtype CHUNK: rows of connections that are not HTTP (any more), for the
            websocket stage, in order. The first row after a head begins at the
            byte after it (`start`, `offset`, `into`, `length` moved, `wire` 0).
            For connections that were handed on, every row is here, PURE ones too.
        upgrades: accepted handshakes, each before the first of its rows. The stage
            hands the same object on later only through `handshakes`.
        upgrade_rows: for each upgrade the place among `rows` before which it opened;
            never decreases.
        handshakes: attempts that ended in this batch in another way than accepted.
        exchanges: plain exchanges whose kind became known; what they are is found out from
            those that follow, so that they may be of slots that left before.
        tls_moved: by slot in `ended`, bytes of TLS, by side, that its rows have besides those of
            its session: more where it is a stream, less where its streams have them.
        streams: by borrowed slot, the HTTP/2 stream that it is for; a view, good until the next
            push.
        clients: (slot, client side) of the plain exchanges that ended in this batch.
        ended: slots that leave: those of the batch below, and before them those that were
            borrowed for streams of HTTP/2.
        http_bytes: int64 by direction: bytes of HTTP headers and bodies so far; a view of the
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
    clients: list[tuple[int, int]] = field(default_factory=list)
    tls_moved: dict[int, tuple[int, int]] = field(default_factory=dict)
    streams: dict[int, int] = field(default_factory=dict)
