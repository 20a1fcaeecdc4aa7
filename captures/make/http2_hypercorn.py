"""Captures of WebSocket over HTTP/2 with the server hypercorn, and a client of the package h2.

In clear with prior knowledge, in clear after `Upgrade: h2c`, and within TLS. The application
logs by path, which the client's streams have in common with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import http2_frames
import recording
from asked import asked
from ends import Log, prose
from http2_ends import NAME, End, Stream
from hypercorn.asyncio import serve
from hypercorn.config import Config
from tls_ends import certificate

PORT = 9452
CAPTURES = {
    "http2-hypercorn": "in clear with prior knowledge",
    "http2-hypercorn-h2c": "in clear after Upgrade: h2c",
    "http2-hypercorn-tls": "in TLS 1.3",
}
BODY = b"a page of hypercorn\n" * 80


class Application:
    """An ASGI application: pages, and WebSockets that answer; logs with the path as stream."""

    def __init__(self, log: Log) -> None:
        self.log = log

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await self.websocket(scope, receive, send)
        elif scope["type"] == "http":
            await self.page(scope, send)
        else:
            while (await receive())["type"] != "lifespan.shutdown":
                await send({"type": "lifespan.startup.complete"})
            await send({"type": "lifespan.shutdown.complete"})

    async def page(self, scope: Any, send: Any) -> None:
        name = "http2-exchange" if scope["http_version"] == "2" else "exchange"
        self.log.add(
            scope["client"][1], "server", name, method=scope["method"], path=scope["path"],
            status=200, kind="plain", body_bytes=len(BODY),
        )  # fmt: skip
        head = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(BODY))]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": BODY})

    async def websocket(self, scope: Any, receive: Any, send: Any) -> None:
        port, path = scope["client"][1], scope["path"]
        assert (await receive())["type"] == "websocket.connect"
        if path == "/denied":
            self.say(port, path, "refused", path=path, status=403, outcome="refused")
            await send({"type": "websocket.close"})
            return
        await send({"type": "websocket.accept"})
        while (event := await receive())["type"] == "websocket.receive":
            payload = event.get("text") if event.get("text") is not None else event["bytes"]
            self.data(port, path, "received", payload)
            if payload == "close me":
                more = {"how": "close", "code": 4002, "reason": "as asked"}
                self.say(port, path, "closing", **more)
                await send({"type": "websocket.close", "code": 4002, "reason": "as asked"})
                return
            answer = payload.upper() if isinstance(payload, str) else payload[::-1]
            self.data(port, path, "sent", answer)
            key = "text" if isinstance(answer, str) else "bytes"
            await send({"type": "websocket.send", key: answer})

    def say(self, port: int, stream: str, event: str, **more: Any) -> None:
        self.log.add(port, "server", event, stream=stream, **more)

    def data(self, port: int, stream: str, event: str, payload: str | bytes) -> None:
        self.log.data(port, "server", event, payload)
        self.log.events[-1]["stream"] = stream


@contextlib.contextmanager
def hypercorn(log: Log, pem: Path | None) -> Iterator[None]:
    """Run hypercorn in a thread of this program."""
    config = Config()
    config.bind = [f"127.0.0.1:{PORT}"]
    config.loglevel = "ERROR"
    if pem:
        config.certfile = config.keyfile = str(pem)
        config.alpn_protocols = ["h2", "http/1.1"]
    loop, stop = asyncio.new_event_loop(), asyncio.Event()
    work = serve(Application(log), config, shutdown_trigger=stop.wait)  # type: ignore[arg-type]
    thread = threading.Thread(target=loop.run_until_complete, args=(work,))
    thread.start()
    time.sleep(0.7)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()


class Client:
    """A connection of HTTP/2 to hypercorn."""

    def __init__(self, log: Log, keys: Path | None, pem: Path | None, *, upgrade: bool) -> None:
        connection = socket.create_connection(("127.0.0.1", PORT), timeout=5)
        self.port = connection.getsockname()[1]
        if pem and keys:
            context = ssl.create_default_context(cafile=str(pem))
            context.keylog_filename = str(keys)
            context.set_alpn_protocols(["h2"])
            connection = context.wrap_socket(connection, server_hostname=NAME)
        self.log, self.socket = log, connection
        self.end = End(log, "client", connection, self.port, upgrade=upgrade)
        if upgrade:
            self.upgrade()

    def upgrade(self) -> None:
        """Ask for h2c with a request, whose answer is on stream 1 (RFC 7540, 3.2)."""
        request = f"GET /upgraded HTTP/1.1\r\nHost: {NAME}\r\nConnection: Upgrade, HTTP2-Settings"
        request += f"\r\nUpgrade: h2c\r\nHTTP2-Settings: {self.end.settings_offer}\r\n\r\n"
        self.socket.sendall(request.encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self.socket.recv(65536)
        head, _, rest = answer.partition(b"\r\n\r\n")
        assert b" 101 " in head, head
        event = {"method": "GET", "path": "/upgraded", "status": 101, "kind": "plain"}
        self.log.add(self.port, "client", "exchange", body_bytes=0, **event)
        self.end.take(rest)
        self.until(lambda: 1 in self.end.ended)

    def until(self, ready: Callable[[], bool]) -> None:
        """Send and receive until something has come, or the end."""
        while True:
            self.socket.sendall(self.end.h2.data_to_send())
            if ready():
                return
            data = self.socket.recv(65536)
            if not data:
                return
            self.end.take(data)

    def get(self, path: str) -> None:
        number = self.end.request("GET", path, [], end_stream=True)
        self.until(lambda: number in self.end.ended)

    def open(self, path: str) -> Stream:
        stream = self.end.connect(path)
        self.until(lambda: stream.number in self.end.statuses)
        if self.end.statuses[stream.number] == "200":
            stream.say("open", path=path)
        else:
            self.until(lambda: stream.number in self.end.ended)
        return stream

    def ask(self, stream: Stream, *payloads: str | bytes) -> None:
        wanted = stream.received + len(payloads)
        for payload in payloads:
            self.end.queue(stream, stream.frame(payload))
        self.until(lambda: stream.received == wanted)


def converse(client: Client) -> dict[str, int]:
    """Run the scenario; yields the stream of each path."""
    randomness = random.Random(8441)
    client.get("/page")
    one, two, denied = client.open("/one"), client.open("/two"), client.open("/denied")
    for number in range(4):
        client.ask(one, prose(randomness, 30 * number + 1), f"and {number}")
        client.ask(two, randomness.randbytes(50 * number))
    client.ask(two, randomness.randbytes(9000))
    client.get("/page")
    client.end.queue(one, one.ping(b"beat"))
    client.ask(one, "after the ping")
    client.end.queue(one, one.close(1000, "done"))
    client.until(lambda: one.protocol.close_rcvd is not None)
    client.get("/page")
    # Last, as hypercorn 0.18 may end the whole connection when the answer to its Close comes.
    client.end.queue(two, two.frame("close me"))
    client.until(lambda: two.number in client.end.ended)
    time.sleep(0.2)
    client.socket.close()
    return {"/one": one.number, "/two": two.number, "/denied": denied.number}


def record(folder: Path, name: str, how: str) -> None:
    path, log = folder / f"{name}.pcap", Log()
    tls, upgrade = name.endswith("tls"), name.endswith("h2c")
    keys = folder / f"{name}.keys" if tls else None
    pem = certificate(folder, "ecdsa", NAME) if tls else None
    streams: dict[tuple[int, str], int] = {}
    with hypercorn(log, pem), recording.capture(path):
        for _ in range(2):
            client = Client(log, keys, pem, upgrade=upgrade)
            numbers = converse(client)
            streams |= {(client.port, url): number for url, number in numbers.items()}
            time.sleep(0.3)
    for event in log.events:
        if isinstance(event.get("stream"), str):
            event["stream"] = streams[event["port"], event["stream"]]
    # tshark knows HTTP/2 by its upgrade and by ALPN, but not by prior knowledge.
    prior = () if upgrade else recording.as_http2(PORT)
    options = recording.with_keys(keys) if keys else prior
    recording.publish(
        path,
        path.name,
        description=f"WebSocket over HTTP/2 with hypercorn, {how}; closed by either end, refused;"
        " plain requests",
        generator="http2_hypercorn.py",
        programs=recording.python_versions("h2", "hypercorn", "websockets"),
        events=log.events,
        more={"data_frames": http2_frames.compare(path.name, path, options, log.events)},
        tshark_notes=http2_frames.NOTE,
        tshark_differs=True,
        keys=keys,
        http2_clear=None if tls else options,
    )


def main() -> None:
    asked(__doc__)
    recording.isolate()
    with tempfile.TemporaryDirectory() as name:
        for capture, how in CAPTURES.items():
            record(Path(name), capture, how)


if __name__ == "__main__":
    main()
