"""Captures of handshakes that fail, or succeed in an unusual form, over loopback.

Both ends are raw sockets that write the bytes below, so that what is expected follows
by construction; the TCP is the kernel's.
"""

from __future__ import annotations

import base64
import hashlib
import socket
import struct
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import recording
from asked import asked
from ends import Log

PORT = 9004
CLOSED_PORT = 9005
KEY = "x3JJHMbDL1EzLkh9GBhXDw=="
ACCEPT = "HSmrc0sMlYUkAGmm5OPpG2HaGWk="
REQUEST = (
    "GET /feed HTTP/1.1\r\nHost: 127.0.0.1:9004\r\nUpgrade: websocket\r\n"
    f"Connection: Upgrade\r\nSec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
RESPONSE = (
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    f"Sec-WebSocket-Accept: {ACCEPT}\r\n\r\n"
)
FROM_SERVER = b"\x81\x05hello"
FROM_CLIENT = b"\x81\x82\x01\x02\x03\x04" + bytes([ord("h") ^ 1, ord("i") ^ 2])
CLOSE_SERVER = b"\x88\x02\x03\xe8"
CLOSE_CLIENT = b"\x88\x82\x00\x00\x00\x00\x03\xe8"
PLAIN = "GET /%s HTTP/1.1\r\nHost: 127.0.0.1:9004\r\n\r\n"
OK = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"
CHUNKED = (
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    "5\r\nabcde\r\nA;note=1\r\n0123456789\r\n0\r\nX-Trailer: t\r\n\r\n"
)


@dataclass
class Case:
    """One connection: what both ends write, and what must be said of it.

    Attributes:
        outcome: as in the outcome column of the handshakes table.
        request: all that the client writes first.
        response: what the server answers; None closes with a reset.
        frames: whether "hi", "hello" and two Close frames follow.
        early: written by the client together with the request.
        split: the response is written byte by byte from here to the end.
    """

    outcome: str
    request: str = REQUEST
    response: str | None = RESPONSE
    frames: bool = False
    early: bytes = b""
    with_response: bytes = b""
    split: bool = False


def replaced(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new)


CASES = {
    "as in RFC 6455": Case("accepted", frames=True),
    "wrong Accept": Case(
        "bad-accept",
        response=replaced(RESPONSE, ACCEPT, "AAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        frames=True,
    ),
    "no Accept": Case(
        "bad-accept",
        response=replaced(RESPONSE, f"Sec-WebSocket-Accept: {ACCEPT}\r\n", ""),
    ),
    "no Key": Case(
        "refused",
        request=replaced(REQUEST, f"Sec-WebSocket-Key: {KEY}\r\n", ""),
        response="HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
    ),
    "Key of 15 bytes": Case(
        "refused",
        request=replaced(REQUEST, KEY, base64.b64encode(b"k" * 15).decode()),
        response="HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
    ),
    "version 8": Case(
        "refused",
        request=replaced(REQUEST, "Version: 13", "Version: 8"),
        response="HTTP/1.1 426 Upgrade Required\r\nSec-WebSocket-Version: 13, 7\r\n"
        "Sec-WebSocket-Version: 25\r\nContent-Length: 0\r\n\r\n",
    ),
    "reset": Case("reset", response=None),
    "closed without an answer": Case("reset", response=""),
    "no answer for a second": Case("no-answer", response="wait"),
    "not HTTP": Case("bad-response", response="SSH-2.0-example\r\n"),
    "mixed case, token list": Case(
        "accepted",
        request=replaced(
            replaced(REQUEST, "Upgrade: websocket", "uPGRADE: WebSocket"),
            "Connection: Upgrade",
            "CONNECTION: keep-alive, Upgrade",
        ),
        response=replaced(
            replaced(RESPONSE, "Upgrade: websocket", "UPGRADE:WebSocket"),
            "Connection: Upgrade",
            "connection: upgrade",
        ),
        frames=True,
    ),
    "folded and repeated fields": Case(
        "accepted",
        request=replaced(
            REQUEST,
            "Connection: Upgrade\r\n",
            "Connection: keep-alive\r\nConnection:\r\n Upgrade\r\nCookie: a=1;\r\n\tb=2\r\n",
        ),
        frames=True,
    ),
    "103 and 100 before the 101": Case(
        "accepted",
        response="HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n"
        "HTTP/1.1 100 Continue\r\n\r\n" + RESPONSE,
        frames=True,
    ),
    "two requests pipelined before": Case(
        "accepted",
        request=PLAIN % "one" + PLAIN % "two" + REQUEST,
        response=OK + CHUNKED + RESPONSE,
        frames=True,
    ),
    "frame in the segment of the 101": Case("accepted", with_response=FROM_SERVER, frames=True),
    "frame before the 101": Case("accepted", early=FROM_CLIENT, frames=True),
    "101 byte by byte": Case("accepted", split=True, frames=True),
    "subprotocol never offered": Case(
        "accepted",
        request=replaced(REQUEST, "\r\n\r\n", "\r\nSec-WebSocket-Protocol: a, b\r\n\r\n"),
        response=replaced(RESPONSE, "\r\n\r\n", "\r\nSec-WebSocket-Protocol: c\r\n\r\n"),
        frames=True,
    ),
    "extension never offered": Case(
        "accepted",
        response=replaced(RESPONSE, "\r\n\r\n", "\r\nSec-WebSocket-Extensions: x-secret\r\n\r\n"),
        frames=True,
    ),
    "redirect": Case(
        "refused",
        response="HTTP/1.1 301 Moved Permanently\r\nLocation: ws://127.0.0.1:9004/new\r\n"
        "Content-Length: 0\r\n\r\n",
    ),
}


def answer(listener: socket.socket, case: Case) -> None:
    connection, _ = listener.accept()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    data = b""
    while case.request.encode() not in data:
        data += connection.recv(65536)
    time.sleep(0.01)
    if case.response is None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    elif case.response == "wait":
        connection.recv(1)
    elif case.split:
        for byte in case.response.encode():
            connection.send(bytes([byte]))
            time.sleep(0.001)
    else:
        connection.sendall(case.response.encode() + case.with_response)
    if case.frames:
        extra = b"" if case.with_response else FROM_SERVER
        connection.sendall(extra)
        wanted = 0 if case.early else len(FROM_CLIENT)
        received = b""
        while len(received) < wanted + len(CLOSE_CLIENT):
            received += connection.recv(100)
        connection.sendall(CLOSE_SERVER)
    connection.close()


def attempt(log: Log, name: str, case: Case) -> None:
    with socket.create_server(("127.0.0.1", PORT)) as listener:
        thread = threading.Thread(target=answer, args=(listener, case))
        thread.start()
        client = socket.create_connection(("127.0.0.1", PORT))
        port = client.getsockname()[1]
        client.settimeout(1)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.sendall(case.request.encode() + case.early)
        data = b""
        wanted = len((case.response or "x").encode()) + (len(FROM_SERVER) if case.frames else 0)
        try:
            while len(data) < wanted and (more := client.recv(65536)):
                data += more
        except (TimeoutError, ConnectionResetError):
            pass
        status = _status(data)
        if case.outcome == "accepted":
            log.add(port, "client", "open", path="/feed", why=name)
        else:
            log.add(port, "client", "refused", outcome=case.outcome, why=name, status=status)
        if case.frames:
            log.data(port, "server", "sent", "hello")
            log.data(port, "client", "sent", "hi")
            log.add(port, "client", "closing", how="close", code=1000, reason="")
            client.sendall((b"" if case.early else FROM_CLIENT) + CLOSE_CLIENT)
            while client.recv(100):
                pass
        client.close()
        thread.join()


def _status(data: bytes) -> int | None:
    """Of the last response head in the data."""
    heads = data.split(b"HTTP/1.1 ")
    return int(heads[-1][:3]) if len(heads) > 1 else None


def main() -> None:
    asked(__doc__)
    recording.isolate()
    digest = hashlib.sha1(KEY.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
    assert base64.b64encode(digest).decode() == ACCEPT
    log = Log()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "handshakes.pcap"
        with recording.capture(path):
            for name, case in CASES.items():
                attempt(log, name, case)
            # A connect to a closed port: nothing says that a WebSocket was meant.
            probe = socket.socket()
            probe.connect_ex(("127.0.0.1", CLOSED_PORT))
            probe.close()
            # The server of the attempts above is gone: this one is a syn-refused row.
            probe = socket.socket()
            probe.connect_ex(("127.0.0.1", PORT))
            probe.close()
        recording.publish(
            path,
            path.name,
            description=f"{len(CASES)} handshakes, refused or unusual, and two refused connects",
            generator="refusals.py",
            programs=[f"raw sockets of Python {sys.version.split()[0]}"],
            events=log.events,
            more={
                "handshakes": {
                    "source": "by construction",
                    "outcomes": [case.outcome for case in CASES.values()] + ["syn-refused"],
                    "failed_connects_elsewhere": 1,
                }
            },
            tshark_notes="tshark does not compare Sec-WebSocket-Accept with the key, and decodes"
            " frames after a 101 that a client must refuse; 4.0.17 sees no WebSocket where requests"
            " were pipelined before the upgrade",
            tshark_differs=True,
        )


if __name__ == "__main__":
    main()
