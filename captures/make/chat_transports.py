"""One chat, with the same lines at the same times, over each way to deliver it.

Short polling, long polling, a chunked stream, server-sent events and WebSocket, served by
aiohttp to two members who send heads like those of a browser over kept-alive connections.
The log has one `delivered` event for each line and member, with the times (Unix seconds)
at which it was posted, handed to the transport, and had arrived.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import aiohttp
import recording
from aiohttp import web
from ends import Log, prose

PORT = 9017
MEMBERS = ("anna", "bela")
LINES = 10
POLL_SECONDS = 0.25
HOLD_SECONDS = 1.0
HEADERS = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/126.0.0.0 Safari/537.36",
    "Accept-Encoding": "gzip, deflate, br, zstd",
    "Accept-Language": "de-CH,de;q=0.9,en;q=0.8",
    "Cache-Control": "no-cache",
    "Origin": f"http://127.0.0.1:{PORT}",
    "Referer": f"http://127.0.0.1:{PORT}/chat/",
    "Sec-Fetch-Dest": "empty",
    "Sec-Fetch-Mode": "cors",
    "Sec-Fetch-Site": "same-origin",
    "Cookie": "session=3f1c9a0e7d5b4c62a8e1f00d; consent=all; theme=dark",
}


class Room:
    """The server: every line goes to every member over the transport under capture."""

    def __init__(self, log: Log) -> None:
        self.log = log
        self.lines: list[str] = []
        self.posted: list[float] = []
        self.news = asyncio.Condition()
        self.closing = False
        self.deliveries: dict[tuple[str, int], recording.Event] = {}
        self.app = web.Application()
        for kind in ("poll", "long-poll", "stream", "sse"):
            self.app.router.add_get(f"/chat/{kind}", getattr(self, kind.replace("-", "_")))
        self.app.router.add_get("/chat/ws", self.websocket)
        self.app.router.add_post("/chat/lines", self.post)

    async def add(self, line: str) -> None:
        async with self.news:
            self.lines.append(line)
            self.posted.append(time.time())
            self.news.notify_all()

    async def close(self) -> None:
        async with self.news:
            self.closing = True
            self.news.notify_all()

    async def wait(self, after: int) -> None:
        async with self.news:
            await self.news.wait_for(lambda: len(self.lines) > after or self.closing)

    def deliver(self, request: web.Request, after: int) -> list[str]:
        for number in range(after, len(self.lines)):
            event = recording.message("server", "delivered", _port(request), self.lines[number])
            event["member"], event["line"] = request.query["member"], number
            event["posted_at"], event["handed_at"] = self.posted[number], time.time()
            self.log.events.append(event)
            self.deliveries[event["member"], number] = event
        return self.lines[after:]

    def exchange(self, request: web.Request, status: int, kind: str) -> recording.Event:
        """Log an exchange where its request stands; its body is added when it is known."""
        self.log.add(_port(request), "server", "exchange", method=request.method)
        event = self.log.events[-1]
        event.update(path=request.path, status=status, kind=kind, body_bytes=0)
        return event

    async def post(self, request: web.Request) -> web.Response:
        event = self.exchange(request, 201, "plain")
        await self.add(await request.text())
        body = '{"ok": true}'
        event["body_bytes"] = len(body)
        return web.Response(status=201, text=body, content_type="application/json")

    async def _list(self, request: web.Request, event: recording.Event) -> web.Response:
        body = json.dumps(self.deliver(request, int(request.query["after"])), ensure_ascii=False)
        event["body_bytes"] = len(body.encode())
        return web.Response(text=body, content_type="application/json")

    async def poll(self, request: web.Request) -> web.Response:
        return await self._list(request, self.exchange(request, 200, "poll"))

    async def long_poll(self, request: web.Request) -> web.Response:
        event = self.exchange(request, 200, "long-poll")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.wait(int(request.query["after"])), HOLD_SECONDS)
        return await self._list(request, event)

    async def _parts(self, request: web.Request, kind: str, form: str) -> web.StreamResponse:
        event = self.exchange(request, 200, kind)
        response = web.StreamResponse(headers={"Cache-Control": "no-cache"})
        response.content_type = "text/event-stream" if kind == "sse" else "application/x-ndjson"
        response.enable_chunked_encoding()
        await response.prepare(request)
        sent = 0
        while not (self.closing and sent == len(self.lines)):
            await self.wait(sent)
            for line in self.deliver(request, sent):
                part = (form % line).encode()
                event["body_bytes"] += len(part)
                sent += 1
                await response.write(part)
        await response.write_eof()
        return response

    async def stream(self, request: web.Request) -> web.StreamResponse:
        return await self._parts(request, "stream", "%s\n")

    async def sse(self, request: web.Request) -> web.StreamResponse:
        return await self._parts(request, "sse", "data: %s\n\n")

    async def websocket(self, request: web.Request) -> web.WebSocketResponse:
        end = web.WebSocketResponse(compress=False)
        await end.prepare(request)
        port = _port(request)
        sending = asyncio.create_task(self._send(request, end))
        async for incoming in end:
            self.log.data(port, "server", "received", incoming.data)
            await self.add(incoming.data)
        sending.cancel()
        return end

    async def _send(self, request: web.Request, end: web.WebSocketResponse) -> None:
        sent = 0
        while True:
            await self.wait(sent)
            for line in self.deliver(request, sent):
                sent += 1
                self.log.data(_port(request), "server", "sent", line)
                await end.send_str(line)


def _port(request: web.Request) -> int:
    assert request.transport is not None
    return int(request.transport.get_extra_info("peername")[1])


class Member:
    """A client: receives over one transport until it has all lines."""

    def __init__(self, name: str, session: aiohttp.ClientSession, log: Log) -> None:
        self.name, self.session, self.log = name, session, log
        self.arrived: list[float] = []
        self.socket: aiohttp.ClientWebSocketResponse | None = None

    @property
    def complete(self) -> bool:
        return len(self.arrived) == LINES * len(MEMBERS)

    def _query(self) -> dict[str, Any]:
        return {"member": self.name, "after": len(self.arrived)}

    async def say(self, line: str) -> None:
        if self.socket is None:
            async with self.session.post("/chat/lines", data=line.encode()) as response:
                await response.read()
            return
        self.log.data(self.socket.get_extra_info("sockname")[1], "client", "sent", line)
        await self.socket.send_str(line)

    async def polling(self, path: str, pause: float) -> None:
        while not self.complete:
            async with self.session.get(path, params=self._query()) as response:
                lines = await response.json()
            self.arrived += [time.time()] * len(lines)
            await asyncio.sleep(pause)

    async def reading(self, path: str, accept: str) -> None:
        headers = {"Accept": accept}
        async with self.session.get(path, params=self._query(), headers=headers) as response:
            async for row in response.content:
                if row.strip():
                    self.arrived.append(time.time())

    async def websocket(self) -> None:
        end = await self.session.ws_connect("/chat/ws", params={"member": self.name}, compress=0)
        self.socket = end
        port = end.get_extra_info("sockname")[1]
        self.log.add(port, "client", "open", path="/chat/ws")
        while not self.complete:
            data = await end.receive_str()
            self.arrived.append(time.time())
            self.log.data(port, "client", "received", data)
        self.log.add(port, "client", "closing", how="close", code=1000, reason="")
        await end.close()

    def receive(self, transport: str) -> Any:
        if transport == "short-poll":
            return self.polling("/chat/poll", POLL_SECONDS)
        if transport == "long-poll":
            return self.polling("/chat/long-poll", 0)
        if transport == "websocket":
            return self.websocket()
        accept = "text/event-stream" if transport == "sse" else "*/*"
        return self.reading(f"/chat/{transport}", accept)


async def chat(transport: str, log: Log) -> None:
    room = Room(log)
    runner = web.AppRunner(room.app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", PORT).start()
    async with contextlib.AsyncExitStack() as stack:
        members, receiving = [], []
        for name in MEMBERS:
            session = aiohttp.ClientSession(f"http://127.0.0.1:{PORT}", headers=HEADERS)
            member = Member(name, await stack.enter_async_context(session), log)
            members.append(member)
            receiving.append(asyncio.create_task(member.receive(transport)))
            await asyncio.sleep(0.1)
        randomness = random.Random(PORT)
        for number in range(LINES * len(MEMBERS)):
            member = members[number % len(MEMBERS)]
            text = prose(randomness, randomness.choice((8, 30, 90)))
            line = {"from": member.name, "n": number, "text": text}
            await member.say(json.dumps(line, ensure_ascii=False))
            # Two waits in between are longer than a long poll is held.
            await asyncio.sleep(1.3 if number in (6, 13) else randomness.uniform(0.02, 0.3))
        while len(room.lines) < LINES * len(MEMBERS):
            await asyncio.sleep(0.05)
        await room.close()
        await asyncio.gather(*receiving)
    await asyncio.sleep(0.1)
    await runner.cleanup()
    for member in members:
        for number, at in enumerate(member.arrived):
            room.deliveries[member.name, number]["arrived_at"] = at


TRANSPORTS = {
    "short-poll": f"short polling each {POLL_SECONDS} s; no WebSocket",
    "long-poll": f"long polling, held for {HOLD_SECONDS:.0f} s at most; no WebSocket",
    "stream": "one chunked response for each member; no WebSocket",
    "sse": "server-sent events; no WebSocket",
    "websocket": "WebSocket, to compare the others with",
}


def main() -> None:
    recording.isolate()
    programs = [f"Python aiohttp {aiohttp.__version__}", f"Python {sys.version.split()[0]}"]
    with tempfile.TemporaryDirectory() as folder:
        for transport, text in TRANSPORTS.items():
            if len(sys.argv) > 1 and transport not in sys.argv[1:]:
                continue
            path = Path(folder) / f"chat-{transport}.pcap"
            log = Log()
            with recording.capture(path):
                asyncio.run(chat(transport, log))
            recording.publish(
                path,
                path.name,
                description=f"a chat of two members over {text}",
                generator="chat_transports.py",
                programs=programs,
                events=log.events,
            )


if __name__ == "__main__":
    main()
