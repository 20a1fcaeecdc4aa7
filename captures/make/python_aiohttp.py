"""Captures of aiohttp over loopback: WebSocket, refused upgrades, plain HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import recording
from aiohttp import web
from asked import asked
from ends import Log, prose

PORT = 9003
REFUSALS: dict[str, tuple[int, dict[str, str]]] = {
    "/401": (401, {"WWW-Authenticate": 'Basic realm="feed"'}),
    "/403": (403, {}),
    "/404": (404, {}),
    "/426": (426, {"Upgrade": "websocket", "Sec-WebSocket-Version": "13, 8"}),
    "/302": (302, {"Location": "/ws"}),
    "/200": (200, {}),
    "/503": (503, {"Retry-After": "5"}),
}


def port_of(request: web.Request) -> int:
    assert request.transport is not None
    return int(request.transport.get_extra_info("peername")[1])


class Server:
    def __init__(self, log: Log) -> None:
        self.log = log
        self.event = asyncio.Event()
        self.app = web.Application()
        self.app.router.add_get("/ws", self.echo)
        for path in REFUSALS:
            self.app.router.add_get(path, self.refuse)
        for path in ("/poll", "/long-poll", "/stream", "/sse", "/item"):
            self.app.router.add_get(path, getattr(self, path[1:].replace("-", "_")))
        self.app.router.add_post("/publish", self.publish)

    async def echo(self, request: web.Request) -> web.WebSocketResponse:
        end = web.WebSocketResponse(protocols=("v2.feed",))
        await end.prepare(request)
        port = port_of(request)
        async for incoming in end:
            if incoming.type is aiohttp.WSMsgType.TEXT:
                self.log.data(port, "server", "received", incoming.data)
                self.log.data(port, "server", "sent", incoming.data.upper())
                await end.send_str(incoming.data.upper())
            elif incoming.type is aiohttp.WSMsgType.BINARY:
                self.log.data(port, "server", "received", incoming.data)
                self.log.data(port, "server", "sent", incoming.data[::-1])
                await end.send_bytes(incoming.data[::-1])
        self.log.add(port, "server", "closed", code=end.close_code)
        return end

    async def refuse(self, request: web.Request) -> web.Response:
        status, headers = REFUSALS[request.path]
        self.log.add(
            port_of(request),
            "server",
            "refused",
            status=status,
            outcome="refused",
            path=request.path,
        )
        return web.Response(status=status, headers=headers, text=f"{status} for {request.path}\n")

    def _exchange(self, request: web.Request, kind: str, body: int, status: int = 200) -> None:
        self.log.add(
            port_of(request),
            "server",
            "exchange",
            method=request.method,
            path=request.path,
            status=status,
            kind=kind,
            body_bytes=body,
        )

    async def poll(self, request: web.Request) -> web.Response:
        number = int(request.query["n"])
        if number % 3:
            self._exchange(request, "poll", 0, 204)
            return web.Response(status=204)
        body = f'{{"price": {number}}}'
        self._exchange(request, "poll", len(body))
        return web.Response(text=body, content_type="application/json")

    async def long_poll(self, request: web.Request) -> web.Response:
        await asyncio.sleep(0.4)
        body = '{"event": "late"}'
        self._exchange(request, "long-poll", len(body))
        return web.Response(text=body, content_type="application/json")

    async def _parts(self, request: web.Request, kind: str, parts: list[bytes]) -> Any:
        response = web.StreamResponse()
        response.content_type = "text/event-stream" if kind == "sse" else "text/plain"
        response.enable_chunked_encoding()
        await response.prepare(request)
        for part in parts:
            await response.write(part)
            await asyncio.sleep(0.05)
        await response.write_eof()
        self._exchange(request, kind, sum(map(len, parts)))
        return response

    async def stream(self, request: web.Request) -> Any:
        return await self._parts(request, "stream", [b"line %d\n" % n * 10 for n in range(6)])

    async def sse(self, request: web.Request) -> Any:
        parts = [b"id: %d\ndata: tick %d\n\n" % (n, n) for n in range(6)]
        return await self._parts(request, "sse", parts)

    async def item(self, request: web.Request) -> web.Response:
        body = "item " + request.query.get("n", "") * 20
        self._exchange(request, "plain", len(body))
        return web.Response(text=body)

    async def publish(self, request: web.Request) -> web.Response:
        body = str(len(await request.read()))
        self._exchange(request, "plain", len(body), 201)
        return web.Response(status=201, text=body)


@contextlib.asynccontextmanager
async def serving(log: Log) -> AsyncIterator[aiohttp.ClientSession]:
    runner = web.AppRunner(Server(log).app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", PORT).start()
    async with aiohttp.ClientSession(f"http://127.0.0.1:{PORT}") as session:
        yield session
        await asyncio.sleep(0.1)
    await runner.cleanup()


async def talk(log: Log, session: aiohttp.ClientSession, compress: int, size: int) -> None:
    randomness = random.Random(size)
    async with session.ws_connect(
        "/ws", protocols=("v1.feed", "v2.feed"), compress=compress, autoclose=False
    ) as end:
        port = end.get_extra_info("sockname")[1]
        log.add(port, "client", "open", path="/ws", subprotocol=end.protocol)
        for payload in (prose(randomness, size), randomness.randbytes(size), prose(randomness, 9)):
            log.data(port, "client", "sent", payload)
            await (end.send_str(payload) if isinstance(payload, str) else end.send_bytes(payload))
            log.data(port, "client", "received", (await end.receive()).data)
        log.add(port, "client", "ping", size=3)
        await end.ping(b"now")
        await asyncio.sleep(0.05)
        log.add(port, "client", "closing", how="close", code=1000, reason="end of feed")
        await end.close(code=1000, message=b"end of feed")


async def websocket(log: Log) -> None:
    async with serving(log) as session:
        await talk(log, session, 0, 300)
        await talk(log, session, 15, 3000)
        await talk(log, session, 11, 8000)


async def refusals(log: Log) -> None:
    async with serving(log) as session:
        for path in REFUSALS:
            with contextlib.suppress(aiohttp.WSServerHandshakeError):
                # The client follows the redirect of /302 by itself.
                end = await session.ws_connect(path)
                port = end.get_extra_info("sockname")[1]
                log.add(port, "client", "open", path="/ws", subprotocol=None)
                log.add(port, "client", "closing", how="close", code=1000, reason="")
                await end.close()
        await talk(log, session, 0, 50)


async def reused(log: Log) -> None:
    """Plain exchanges, one of them chunked, and then the upgrade on the same connection."""
    async with serving(log) as session:
        for path in ("/item?n=1", "/stream", "/poll?n=1"):
            async with session.get(path) as response:
                await response.read()
        await talk(log, session, 0, 100)


async def plain(log: Log) -> None:
    async with serving(log) as session:
        for number in range(7):
            async with session.get("/poll", params={"n": number}) as response:
                await response.read()
            await asyncio.sleep(0.1)
        for _ in range(3):
            async with session.get("/long-poll") as response:
                await response.read()
        for path in ("/stream", "/sse"):
            async with session.get(path) as response:
                await response.read()
        async with session.post("/publish", data=b"x" * 3000) as response:
            await response.read()
        await pipelined()


async def pipelined() -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", PORT, family=socket.AF_INET)
    request = "GET /item?n=%d HTTP/1.1\r\nHost: 127.0.0.1\r\n%s\r\n"
    closing = ("", "", "", "Connection: close\r\n")
    writer.write("".join(request % item for item in enumerate(closing)).encode())
    await reader.read()
    writer.close()


def main() -> None:
    asked(__doc__)
    recording.isolate()
    programs = [f"Python aiohttp {aiohttp.__version__}", f"Python {sys.version.split()[0]}"]
    scenarios = {
        "websocket": (websocket, "three connections, two compressed (window bits 15 and 11)"),
        "refusals": (
            refusals,
            "upgrades answered with 401, 403, 404, 426, 302, 200, 503; one accepted",
        ),
        "reused": (reused, "chunked and plain responses before the upgrade on one connection"),
        "plain-http": (
            plain,
            "short and long polling, chunked streaming, SSE, pipelining; no WebSocket",
        ),
    }
    with tempfile.TemporaryDirectory() as folder:
        for name, (scenario, text) in scenarios.items():
            path = Path(folder) / f"python-aiohttp-{name}.pcap"
            log = Log()
            with recording.capture(path):
                asyncio.run(scenario(log))
            recording.publish(
                path,
                path.name,
                description=text,
                generator="python_aiohttp.py",
                programs=programs,
                events=log.events,
            )


if __name__ == "__main__":
    main()
