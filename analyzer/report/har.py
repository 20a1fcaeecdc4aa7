"""The HAR report: handshakes, messages, control frames and plain HTTP exchanges as HAR 1.2.

One entry for each attempt to open a WebSocket, with its messages in `_webSocketMessages`, as
Chromium's DevTools write and read them, and one for each plain HTTP exchange. Messages leave the
analysis before their connection does: they wait in a temporary file, so that memory stays bounded.
Knows rows. Made by the command line, called by the pipeline.

Source: HAR 1.2 (http://www.softwareishard.com/blog/har-12-spec/), and what Chromium demands
beyond it: `_resourceType` in lower case, `content.size`, `headersSize`, `bodySize`, `timings` and
`time` in each entry, else it refuses the file; four keys in each message, else it drops that.
"""

from __future__ import annotations

import base64
import contextlib
import heapq
import json
import os
import struct
import tempfile
from array import array
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import parse_qsl, quote

from analyzer.report.output import PendingFile, report_errors
from analyzer.report.wording import address
from analyzer.tables.declare import each_row, take_rows
from analyzer.tables.schema import TableRows
from analyzer.version import __version__

Row = dict[str, Any]

MAX_BUFFERED: Final = 4 * 1024 * 1024
"""Bytes of messages gathered before they go to the temporary file."""
MAX_UNSORTED: Final = 20_000
"""Messages of a connection sorted at once: they leave the analysis in order, but for those that
wait for an ACK."""
MAX_PENDING: Final = 65_536
"""Connections whose handshake's row has not come yet (Options.max_connections)."""
MAX_QUERY_FIELDS: Final = 1000

_OPCODES: Final = {"continuation": 0, "text": 1, "binary": 2, "close": 8, "ping": 9, "pong": 10}
_DATA: Final = frozenset({"continuation", "text", "binary"})
_HEAD: Final = struct.Struct("<qI")
_SAFE: Final = "/:?#[]@!$&'()*+,;=%-._~*"
_ENTRY_WORDS: Final = {"sse": "eventsource"}


class HarWriter:
    """Writes a HAR file."""

    def __init__(self, target: str | Path, *, payload: bool = True) -> None:
        """Open the target.

        Args:
            target: its path.
            payload: whether messages have their data; else it is empty.

        Raises:
            ReportError: The target cannot be written.
        """
        self._pending = PendingFile(Path(target))
        self._over = False
        self._payload = payload
        self._messages = _Spool()
        self._entries = spool_file()
        self._places = array("q")  # time, offset, length, connection or -1
        self._connections: dict[int, Row] = {}
        self._tls: set[int] = set()
        self._takers: dict[str, Callable[[Row], None]] = {
            "messages": self._message,
            "frames": self._control,
            "connections": self._connection,
            "handshakes": self._handshake,
            "http": self._exchange,
            "tls_sessions": lambda row: self._tls.add(row["tcp_stream"]),
        }

    def write(self, rows: TableRows) -> None:
        """Keep what becomes entries and their messages."""
        take = self._takers.get(rows.table.name)
        if take is None:
            return
        with report_errors("a temporary file"):
            if rows.table.name == "frames":
                opcodes: Any = rows.values["opcode"]
                places = [at for at, code in enumerate(opcodes) if code > _LAST_DATA]
                rows = take_rows(rows, places)
            for row in each_row(rows):
                take(row)

    def close(self) -> None:
        """Write the file and put it in place."""
        if self._over:
            return
        with report_errors(self._pending.target):
            for number in list(self._connections):
                self._enter(None, self._connections.pop(number))
            self._write(self._pending.file)
        self._pending.finish()
        self._pending.commit()
        self._over = True
        self._forget()

    def abort(self) -> None:
        """Remove what was written."""
        if not self._over:
            self._over = True
            self._pending.discard()
        self._forget()

    def _forget(self) -> None:
        with contextlib.suppress(OSError):
            self._entries.close()
            self._messages.close()

    # --- rows

    def _message(self, row: Row) -> None:
        payload = row["payload"] if self._payload else None
        opcode = _OPCODES[row["type"]]
        data = "" if payload is None else _data(payload, opcode)
        more = {"_message": row["message"], "_packet": row["packet_first"]}
        if payload is None:
            more["_payloadBytes"] = row["payload_bytes"]
        self._keep(row, opcode, data, more)

    def _control(self, row: Row) -> None:
        opcode = row["opcode"]
        if opcode in _DATA:
            return
        code = _OPCODES.get(opcode)
        number = int(opcode.rpartition("-")[2]) if code is None else code
        data = "" if row["close_code"] is None else str(row["close_code"])
        self._keep(row, number, data, {"_frame": row["frame"], "_packet": row["packet_first"]})

    def _keep(self, row: Row, opcode: int, data: str, more: Row) -> None:
        seconds, fraction = divmod(row["time_first"], 1_000_000_000)
        kind = "send" if row["direction"] == "client" else "receive"
        head = f'{{"type":"{kind}","time":{seconds}.{fraction:09d},"opcode":{opcode},"data":'
        rest = json.dumps(more, separators=(",", ":"))[1:]
        text = f"{head}{json.dumps(data)},{rest}"
        self._messages.add(row["connection"], row["time_first"], text.encode())

    def _connection(self, row: Row) -> None:
        self._connections[row["connection"]] = row
        if len(self._connections) > MAX_PENDING:
            self._enter(None, self._connections.pop(next(iter(self._connections))))

    def _handshake(self, row: Row) -> None:
        connection = None
        if row["connection"] is not None:
            connection = self._connections.pop(row["connection"], None)
        self._enter(row, connection)

    def _enter(self, handshake: Row | None, connection: Row | None) -> None:
        row = handshake or connection or {}
        number = row["connection"]
        entry = upgrade_entry(row, connection)
        self._add_entry(_started(row), entry, -1 if number is None else number)

    def _exchange(self, row: Row) -> None:
        self._add_entry(row["started_at"] or 0, exchange_entry(row), -1)

    def _add_entry(self, time: int, entry: Row, connection: int) -> None:
        text = json.dumps(entry, separators=(",", ":")).encode()
        self._places.extend((time, self._entries.tell(), len(text), connection))
        self._entries.write(text)

    # --- the file

    def _write(self, file: IO[bytes]) -> None:
        creator = json.dumps({"name": "wsanalyze", "version": __version__})
        file.write(b'{"log":{"version":"1.2","creator":' + creator.encode() + b',"entries":[')
        places = range(0, len(self._places), 4)
        order = sorted(places, key=lambda at: (self._places[at], self._places[at + 1]))
        for place, at in enumerate(order):
            _, offset, length, connection = self._places[at : at + 4]
            self._entries.seek(offset)
            text = self._entries.read(length)
            file.write(b",\n" if place else b"\n")
            if connection < 0:
                file.write(self._with_scheme(text))
                continue
            file.write(text[:-1] + b',"_webSocketMessages":[')
            for count, message in enumerate(self._messages.of(connection)):
                file.write(b",\n" + message if count else b"\n" + message)
            file.write(b"]}")
        file.write(b"\n]}}\n")

    def _with_scheme(self, text: bytes) -> bytes:
        """Give an exchange over TLS its scheme: that it is shows when its session has ended."""
        entry = json.loads(text)
        if int(entry["connection"]) not in self._tls or entry["_resourceType"] == "websocket":
            return text
        url = entry["request"]["url"]
        entry["request"]["url"] = url.replace("http://", "https://", 1)
        return json.dumps(entry, separators=(",", ":")).encode()


_LAST_DATA: Final = 2


def spool_file() -> IO[bytes]:
    """Return a temporary file without a name."""
    return tempfile.TemporaryFile(prefix="wsanalyze-")


class _Spool:
    """Messages of many connections in a temporary file, in chunks of one connection each."""

    def __init__(self) -> None:
        self._file = spool_file()
        self._buffers: dict[int, bytearray] = {}
        self._buffered = 0
        self._chunks: dict[int, array[int]] = {}

    def add(self, connection: int, time: int, text: bytes) -> None:
        buffer = self._buffers.setdefault(connection, bytearray())
        buffer += _HEAD.pack(time, len(text))
        buffer += text
        self._buffered += _HEAD.size + len(text)
        if self._buffered > MAX_BUFFERED:
            self._flush()

    def _flush(self) -> None:
        self._file.seek(0, 2)
        for connection, buffer in self._buffers.items():
            places = self._chunks.setdefault(connection, array("q"))
            places.extend((self._file.tell(), len(buffer)))
            self._file.write(buffer)
        self._buffers.clear()
        self._buffered = 0

    def of(self, connection: int) -> Iterator[bytes]:
        """Yield the messages of a connection by time.

        Those that are sorted are known by their place: together they may be long.
        """
        self._flush()
        self._file.flush()
        heap: list[tuple[int, int, int]] = []
        for found in self._read(self._chunks.get(connection, array("q"))):
            heapq.heappush(heap, found)
            if len(heap) > MAX_UNSORTED:
                yield self._text(heapq.heappop(heap))
        while heap:
            yield self._text(heapq.heappop(heap))

    def _text(self, found: tuple[int, int, int]) -> bytes:
        _, offset, length = found
        return os.pread(self._file.fileno(), length, offset)

    def _read(self, places: array[int]) -> Iterator[tuple[int, int, int]]:
        """Yield time, place and length of messages, in the order in which they came."""
        for at in range(0, len(places), 2):
            chunk = os.pread(self._file.fileno(), places[at + 1], places[at])
            offset = 0
            while offset < len(chunk):
                time, length = _HEAD.unpack_from(chunk, offset)
                offset += _HEAD.size
                yield time, places[at] + offset, length
                offset += length

    def close(self) -> None:
        self._file.close()


# --- entries -----------------------------------------------------------------------


def upgrade_entry(row: Row, connection: Row | None) -> Row:
    """Return the entry of an attempt to open a WebSocket.

    Args:
        row: of handshakes; of connections where no handshake was captured.
        connection: row of the connection that it opened, if it did.
    """
    host = row["host"] or address(row["server_ip"], row["server_port"])
    url = f"{row['scheme']}://{quote(host, safe=_SAFE)}{quote(row['path'] or '/', safe=_SAFE)}"
    http2 = row["http_version"] == "2"
    status = row.get("status")
    opened = row.get("handshake") is not None
    lasted = 0.0 if connection is None else _ms(connection["duration_s"])
    timings = {
        "blocked": _ms_or_no(row.get("idle_us")),
        "dns": _ms_or_no(row.get("dns_us")),
        "connect": _connect(row),
        "ssl": _ms_or_no(row.get("tls_us")),
        "send": 0,
        "wait": _ms(row.get("upgrade_us")),
        "receive": lasted,
    }
    return {
        "startedDateTime": _iso(_started(row)),
        "time": _total(timings),
        "request": _request(
            "CONNECT" if http2 else "GET",
            url,
            _version(row["http_version"]),
            [*_fields(row, _REQUEST_FIELDS), *([] if http2 else _UPGRADE_FIELDS)],
            row.get("request_bytes"),
            0,
        ),
        "response": _response(
            status if status is not None else 0 if opened else 101,
            _version(row["http_version"]),
            _fields(row, _RESPONSE_FIELDS),
            row.get("response_bytes"),
            0,
            row.get("refusal_preview"),
        ),
        "cache": {},
        "timings": timings,
        "serverIPAddress": row["server_ip"],
        "connection": str(row["tcp_stream"]),
        "_resourceType": "websocket",
        "comment": _comment(row, connection),
    }


def exchange_entry(row: Row) -> Row:
    """Return the entry of a plain HTTP exchange, from its row of http."""
    path = row["path"] or "/"
    if path.startswith("/") or "://" not in path:
        path = f"http://{row['host'] or 'unknown.invalid'}{path if path[:1] == '/' else '/'}"
    total, wait = _ms(row["total_us"]), _ms(row["wait_us"])
    timings = {"send": 0, "wait": wait, "receive": round(max(0.0, total - wait), 6)}
    version = "h2" if row["http2_stream"] is not None else "HTTP/1.1"
    mime = "text/event-stream" if row["kind"] == "sse" else ""
    response = _response(
        row["status"] or 0, version, [], row["response_header_bytes"], row["response_body_bytes"]
    )
    response["content"]["mimeType"] = mime
    method = row["method"] or "GET"
    asked = (row["request_header_bytes"], row["request_body_bytes"])
    return {
        "startedDateTime": _iso(row["started_at"] or 0),
        "time": _total(timings),
        "request": _request(method, quote(path, safe=_SAFE), version, [], *asked),
        "response": response,
        "cache": {},
        "timings": timings,
        "connection": str(row["tcp_stream"]),
        "_resourceType": _ENTRY_WORDS.get(row["kind"], "xhr"),
        "comment": f"{row['kind']}; tcp.stream eq {row['tcp_stream']}",
    }


_REQUEST_FIELDS: Final = {
    "host": "Host",
    "origin": "Origin",
    "user_agent": "User-Agent",
    "version": "Sec-WebSocket-Version",
    "key": "Sec-WebSocket-Key",
    "subprotocols_offered": "Sec-WebSocket-Protocol",
    "extensions_offered": "Sec-WebSocket-Extensions",
}
_RESPONSE_FIELDS: Final = {
    "server": "Server",
    "accept": "Sec-WebSocket-Accept",
    "subprotocol": "Sec-WebSocket-Protocol",
    "extensions": "Sec-WebSocket-Extensions",
}
_UPGRADE_FIELDS: Final = [
    {"name": "Connection", "value": "Upgrade"},
    {"name": "Upgrade", "value": "websocket"},
]


def _fields(row: Row, names: dict[str, str]) -> list[Row]:
    return [
        {"name": name, "value": row[column]}
        for column, name in names.items()
        if row.get(column) is not None
    ]


def _request(
    method: str, url: str, version: str, fields: list[Row], head: int | None, body: int
) -> Row:
    query = url.partition("?")[2].partition("#")[0]
    pairs: list[tuple[str, str]] = []
    with contextlib.suppress(ValueError):
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=MAX_QUERY_FIELDS)
    return {
        "method": method,
        "url": url,
        "httpVersion": version,
        "cookies": [],
        "headers": fields,
        "queryString": [{"name": name, "value": value} for name, value in pairs],
        "headersSize": -1 if head is None else head,
        "bodySize": body,
    }


def _response(
    status: int,
    version: str,
    fields: list[Row],
    head: int | None,
    body: int,
    text: str | None = None,
) -> Row:
    content: Row = {"size": body, "mimeType": ""}
    if text is not None:
        content |= {"text": text, "size": len(text)}
    return {
        "status": status,
        "statusText": "",
        "httpVersion": version,
        "cookies": [],
        "headers": fields,
        "content": content,
        "redirectURL": "",
        "headersSize": -1 if head is None else head,
        "bodySize": body,
    }


def _comment(row: Row, connection: Row | None) -> str:
    parts = [f"tcp.stream eq {row['tcp_stream']}"]
    if row["connection"] is not None:
        parts.insert(0, f"connection {row['connection']} of wsanalyze")
    if row.get("handshake") is None:
        parts.append("its opening handshake was not captured")
    elif row["outcome"] != "accepted":
        parts.append(row["outcome_reason"] or row["outcome"])
    if connection is not None:
        ended = [connection["close_kind"] or "", str(connection["close_code"] or "")]
        parts.append("ended: " + " ".join(filter(None, [*ended, connection["close_reason"]])))
    return "; ".join(parts)


def _version(version: str | None) -> str:
    return "h2" if version == "2" else f"HTTP/{version or '1.1'}"


def _started(row: Row) -> int:
    """Return when an entry begins: with its first look-up or connect, in ns."""
    time = row.get("started_at") or row.get("opened_at") or 0
    dns: int = row.get("dns_us") or 0
    return int(time) - dns


def _connect(row: Row) -> float:
    """Return `connect`, which includes `ssl` (HAR 1.2)."""
    parts = [row.get("tcp_us"), row.get("tls_us")]
    return -1 if parts == [None, None] else _ms(sum(part or 0 for part in parts))


def _total(timings: Row) -> float:
    """Return `time`: all parts but those that are unknown, and `ssl`, which is in `connect`."""
    parts = [float(value) for name, value in timings.items() if name != "ssl" and value > 0]
    return round(sum(parts), 6)


def _ms(nanoseconds: int | None) -> float:
    return 0.0 if nanoseconds is None else max(0.0, nanoseconds / 1e6)


def _ms_or_no(nanoseconds: int | None) -> float:
    return -1 if nanoseconds is None or nanoseconds < 0 else nanoseconds / 1e6


def _iso(nanoseconds: int) -> str:
    moment = datetime.fromtimestamp(nanoseconds // 1_000_000_000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{nanoseconds % 1_000_000_000 // 1000:06d}Z"


def _data(payload: bytes, opcode: int) -> str:
    if opcode == _OPCODES["text"]:
        return payload.decode("utf-8", "replace")
    return base64.b64encode(payload).decode()
