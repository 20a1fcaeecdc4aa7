"""Requests, responses and runs of the http stage that several test files share."""

from __future__ import annotations

from oracle.conversations import stream

from analyzer.http.exchanges import HttpBatch
from analyzer.http.stage import HttpStage
from analyzer.options import Options
from analyzer.tcp.bytestream import DATA

KEY = "x3JJHMbDL1EzLkh9GBhXDw=="
ACCEPT = "HSmrc0sMlYUkAGmm5OPpG2HaGWk="


def request(path="/chat", key=KEY, **changes):
    fields = {
        "Host": "example.com",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": key,
        "Sec-WebSocket-Version": "13",
    }
    fields |= {name.replace("_", "-"): value for name, value in changes.items()}
    lines = [f"{name}: {value}" for name, value in fields.items() if value is not None]
    return "\r\n".join([f"GET {path} HTTP/1.1", *lines, "", ""]).encode()


def switching(accept=ACCEPT, **changes):
    fields = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": accept}
    fields |= {name.replace("_", "-"): value for name, value in changes.items()}
    lines = [f"{name}: {value}" for name, value in fields.items() if value is not None]
    return "\r\n".join(["HTTP/1.1 101 Switching Protocols", *lines, "", ""]).encode()


UPGRADE, SWITCH = request(), switching()
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
PLAIN = b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n"


def run(conversation, options=None, **kwargs) -> HttpBatch:
    return HttpStage(options or Options()).push(stream(conversation, **kwargs), last=True)


def ids(batch: HttpBatch) -> list[str]:
    return [finding.kind.id for finding in batch.findings]


def payload(batch: HttpBatch, side: int) -> bytes:
    """The bytes of the rows that one side handed on, in their order."""
    data = batch.stream.records.data
    return b"".join(
        data[row["start"] : row["start"] + row["length"]].tobytes()
        for row in batch.rows
        if row["direction"] & 1 == side and row["kind"] == DATA
    )
