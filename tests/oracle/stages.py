"""Conversations led through http and websocket: what the stages above TCP make of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from oracle import conversations, websocket
from oracle.conversations import MILLISECOND, START_TIME, Step

from analyzer.columns import NULL, Rows
from analyzer.findings import Finding
from analyzer.http.exchanges import Handshake
from analyzer.http.stage import HttpStage
from analyzer.options import DEFAULT, Options
from analyzer.tcp.bytestream import FIN, GAP_LOST, RESET, StreamBatch
from analyzer.websocket.connection import Ping, WebSocketConnection
from analyzer.websocket.stage import WebSocketStage

CLIENT, SERVER = 0, 1
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
KEY = b"\x37\xfa\x21\x3d"

REQUEST = (
    b"GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Sec-WebSocket-Version: 13\r\n"
)
"""Key and accept are those of RFC 6455 1.3."""
RESPONSE = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
)


def handshake(extension: str = "", accept: bytes = b"") -> list[Step]:
    """Return request and 101, both with `extension`, the latter with another `accept`."""
    extra = f"Sec-WebSocket-Extensions: {extension}\r\n".encode() if extension else b""
    response = RESPONSE.replace(b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", accept) if accept else RESPONSE
    return [(CLIENT, REQUEST + extra + b"\r\n"), (SERVER, response + extra + b"\r\n")]


def client(opcode: int, payload: bytes = b"", **fields: object) -> Step:
    """A frame from the client, in a packet of its own."""
    return CLIENT, websocket.frame(opcode, payload, mask=KEY, **fields)  # type: ignore[arg-type]


def server(opcode: int, payload: bytes = b"", **fields: object) -> Step:
    """A frame from the server, in a packet of its own."""
    return SERVER, websocket.frame(opcode, payload, **fields)  # type: ignore[arg-type]


def close(code: int = 1000, reason: str = "") -> bytes:
    return websocket.close_body(code, reason)


def at(step: int) -> int:
    """The time of the packet of a conversation's step, from 1, in ns."""
    return START_TIME + step * MILLISECOND


@dataclass
class Result:
    """What websocket handed on, over all batches."""

    opened: list[WebSocketConnection] = field(default_factory=list)
    unopened: list[Handshake] = field(default_factory=list)
    ended: list[WebSocketConnection] = field(default_factory=list)
    frames: list[dict[str, int]] = field(default_factory=list)
    messages: list[dict[str, int]] = field(default_factory=list)
    payloads: list[bytes | None] = field(default_factory=list)
    pings: list[Ping] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    """In order of their packets, but for those on masking keys."""
    about_keys: list[Finding] = field(default_factory=list)
    """The frames of `client` all have one key."""

    def ids(self) -> list[str]:
        """Ids of the findings, in order."""
        return [finding.kind.id for finding in self.findings]

    def found(self, id_: str) -> list[Finding]:
        """Findings of one kind."""
        return [finding for finding in self.findings if finding.kind.id == id_]

    def sent(self, sender: int) -> list[bytes | None]:
        """Payloads (or previews) of one sender's messages."""
        pairs = zip(self.messages, self.payloads, strict=True)
        return [payload for message, payload in pairs if message["sender"] == sender]

    def only(self) -> WebSocketConnection:
        (connection,) = self.ended
        return connection


def run(batches: Iterable[StreamBatch], options: Options = DEFAULT) -> Result:
    """Lead batches through both stages."""
    http, stage = HttpStage(options), WebSocketStage(options)
    result = Result()
    for batch in batches:
        out = stage.push(http.push(batch))
        result.opened += out.opened
        result.unopened += out.unopened
        result.ended += out.ended
        result.frames += dicts(out.frames)
        result.messages += dicts(out.messages)
        result.payloads += list(out.previews) or [None] * len(out.messages)
        result.pings += out.pings
        for finding in out.findings:
            about_keys = finding.kind.id == "websocket-repeated-key"
            (result.about_keys if about_keys else result.findings).append(finding)
    result.findings.sort(key=lambda finding: (finding.packet, finding.kind.code))
    return result


def dicts(rows: Rows) -> list[dict[str, int]]:
    names = rows.dtype.names or ()
    return [dict(zip(names, row, strict=True)) for row in rows.tolist()]


def batches_of(
    talks: Sequence[Sequence[Step]],
    places: Iterable[int] = (),
    *,
    sides_known: bool = True,
    **fields: int,
) -> list[StreamBatch]:
    """Return several connections, packets in turn, cut before the rows at `places`.

    Args:
        talks: one conversation for each slot.
        places: see above.
        sides_known: whether the SYNs were captured.
        **fields: values of CONNECTION fields for all of them.
    """
    rows = [row for slot, talk in enumerate(talks) for row in conversations.rows_of(talk, slot)]
    rows.sort(key=lambda item: (item[0][0], item[0][6]))
    slots = len(talks)
    bounds = [0, *sorted({place for place in places if 0 < place < len(rows)}), len(rows)]
    whole = conversations.batch_of(rows, slots, sides_known=sides_known)
    for row, _ in rows:
        tcp = whole.connections[row[6] >> 1]
        if row[12] == FIN and tcp["fin_time"] == NULL:
            tcp["fin_time"] = row[1]
        elif row[12] == FIN or (row[12] == RESET and tcp["closed_time"] == NULL):
            tcp["closed_time"] = row[1]
        elif row[12] == GAP_LOST:
            whole.directions[row[6]]["lost_bytes"] += row[7]
    for name, value in fields.items():
        whole.connections[name] = value
    made = []
    for begin, end in pairwise(bounds):
        is_last = end == len(rows)
        batch = conversations.batch_of(rows[begin:end], slots, range(slots) if is_last else ())
        batch.connections, batch.directions = whole.connections, whole.directions
        batch.ended = list(batch.ended)
        made.append(batch)
    return made


def talk(
    conversation: Sequence[Step],
    options: Options = DEFAULT,
    places: Iterable[int] = (),
    *,
    sides_known: bool = True,
    **fields: int,
) -> Result:
    """Lead one connection through both stages."""
    cut = batches_of([conversation], places, sides_known=sides_known, **fields)
    return run(cut, options)
