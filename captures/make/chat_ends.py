"""The server and the clients of chat_transports.py: aiohttp, each end a process of its own.

    python chat_ends.py serve|talk WORKLOAD TRANSPORT HOST START

START is CLOCK_MONOTONIC, which all processes of a machine share; both ends act at planned
times after it, and print their events when they are done.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
import zlib
from typing import Any

import aiohttp
import recording
from aiohttp import web
from ends import Log
from workloads import WORKLOADS, Line, Workload

STAGGER = 0.07
"""Seconds between the starts of the clients."""
PORT_FIELD = "X-Client-Port"
"""How a proxy says where its client is."""
BEHIND = 100
"""The server's port is so much higher behind a proxy."""
LINGER = 1.5
"""Seconds from the end of the clients to that of the server."""


async def until(at: float) -> None:
    """Wait for a time of the loop's clock, at once if it is past."""
    await asyncio.sleep(max(0.0, at - asyncio.get_running_loop().time()))


class Room:
    """The server: a list of lines for each member, given out over the transport in use."""

    def __init__(self, workload: Workload, start: float, log: Log) -> None:
        self.workload, self.start, self.log = workload, start, log
        members = range(len(workload.members))
        self.members = {workload.session(member): member for member in members}
        self.lines: list[list[tuple[Line, float]]] = [[] for _ in members]
        self.planned = {line.text: line for line in workload.lines}
        self.news = asyncio.Condition()
        self.over = False
        self.app = web.Application()
        answers = {
            "short-poll": self.short_poll,
            "long-poll": self.long_poll,
            "stream": self.stream,
            "stream-buffered": self.stream,
            "sse": self.sse,
            "websocket": self.websocket,
        }
        for transport, answer in answers.items():
            if transport not in workload.paths:
                continue
            self.app.router.add_get(workload.paths[transport], answer)
        self.app.router.add_post(workload.paths["say"], self.say)

    async def push(self) -> None:
        """Say the server's own lines, and release held polls at the end."""
        for line in self.workload.lines:
            if line.speaker is None:
                await until(self.start + line.at)
                await self.add(line)
        await until(self.start + self.workload.end)
        async with self.news:
            self.over = True
            self.news.notify_all()

    async def add(self, line: Line) -> None:
        async with self.news:
            for member in line.to:
                self.lines[member].append((line, time.time()))
            self.news.notify_all()

    def member(self, request: web.Request) -> int:
        return next(
            m for session, m in self.members.items() if session in request.headers["Cookie"]
        )

    async def wait(self, member: int, after: int, *, to_the_end: bool = False) -> None:
        async with self.news:
            await self.news.wait_for(
                lambda: len(self.lines[member]) > after or (to_the_end and self.over)
            )

    def deliver(self, request: web.Request, after: int) -> list[str]:
        member = self.member(request)
        texts = []
        for number, (line, posted_at) in enumerate(self.lines[member][after:], after):
            event = recording.message("server", "delivered", _port(request), line.text)
            event["member"], event["number"] = self.workload.members[member], number
            event["kind"] = line.kind
            event["planned_at"] = time.time() - time.monotonic() + self.start + line.at
            event["posted_at"], event["handed_at"] = posted_at, time.time()
            self.log.events.append(event)
            texts.append(line.text)
        return texts

    def exchange(self, request: web.Request, status: int, kind: str) -> recording.Event:
        """Log an exchange where its request stands; its body is added when it is known."""
        self.log.add(_port(request), "server", "exchange", method=request.method)
        event = self.log.events[-1]
        event.update(path=request.path, status=status, kind=kind, body_bytes=0)
        return event

    async def say(self, request: web.Request) -> web.Response:
        event = self.exchange(request, 201, "plain")
        await self.add(self.planned[await request.text()])
        body = '{"ok":true}'
        event["body_bytes"] = len(body)
        return web.Response(status=201, text=body, content_type="application/json")

    def _list(self, request: web.Request, event: recording.Event) -> web.Response:
        body = "[" + ",".join(self.deliver(request, int(request.query["after"]))) + "]"
        event["body_bytes"] = len(body.encode())
        response = web.Response(text=body, content_type="application/json")
        if self.workload.gzip and body != "[]":
            response.enable_compression(web.ContentCoding.gzip)
        return response

    async def short_poll(self, request: web.Request) -> web.Response:
        return self._list(request, self.exchange(request, 200, "poll"))

    async def long_poll(self, request: web.Request) -> web.Response:
        event = self.exchange(request, 200, "long-poll")
        with contextlib.suppress(TimeoutError):
            after = int(request.query["after"])
            waiting = self.wait(self.member(request), after, to_the_end=True)
            await asyncio.wait_for(waiting, self.workload.hold)
        return self._list(request, event)

    async def _parts(self, request: web.Request, kind: str, form: str) -> web.StreamResponse:
        """Goes on until the client leaves; behind a proxy until the end, for what it holds back."""
        behind = PORT_FIELD in request.headers
        event = self.exchange(request, 200, kind)
        response = web.StreamResponse(headers={"Cache-Control": "no-cache"})
        coder = zlib.compressobj(wbits=31) if self.workload.gzip else None
        if coder is not None:
            # aiohttp's own compression does not flush for each event.
            response.headers["Content-Encoding"] = "gzip"
        response.content_type = "text/event-stream" if kind == "sse" else "application/x-ndjson"
        if request.version >= aiohttp.HttpVersion11:
            response.enable_chunked_encoding()
        await response.prepare(request)
        sent = 0
        while True:
            await self.wait(self.member(request), sent, to_the_end=behind)
            if self.over and behind:
                return response
            for text in self.deliver(request, sent):
                part = (form % text).encode()
                event["body_bytes"] += len(part)
                sent += 1
                if coder is not None:
                    part = coder.compress(part) + coder.flush(zlib.Z_SYNC_FLUSH)
                await response.write(part)

    async def stream(self, request: web.Request) -> web.StreamResponse:
        return await self._parts(request, "stream", "%s\n")

    async def sse(self, request: web.Request) -> web.StreamResponse:
        return await self._parts(request, "sse", "data: %s\n\n")

    async def websocket(self, request: web.Request) -> web.WebSocketResponse:
        end = web.WebSocketResponse(compress=self.workload.gzip)
        await end.prepare(request)
        port = _port(request)
        sending = asyncio.create_task(self._send(request, end))
        async for incoming in end:
            self.log.data(port, "server", "received", incoming.data)
            await self.add(self.planned[incoming.data])
        sending.cancel()
        return end

    async def _send(self, request: web.Request, end: web.WebSocketResponse) -> None:
        sent = 0
        while True:
            await self.wait(self.member(request), sent)
            for text in self.deliver(request, sent):
                sent += 1
                self.log.data(_port(request), "server", "sent", text)
                await end.send_str(text)


def _port(request: web.Request) -> int:
    if PORT_FIELD in request.headers:
        return int(request.headers[PORT_FIELD])
    assert request.transport is not None
    return int(request.transport.get_extra_info("peername")[1])


class Member:
    """A client: receives over one transport, and says its lines, until the end."""

    def __init__(
        self, workload: Workload, number: int, session: aiohttp.ClientSession, log: Log
    ) -> None:
        self.workload, self.number, self.session, self.log = workload, number, session, log
        self.name = workload.members[number]
        self.arrived = 0
        self.socket: aiohttp.ClientWebSocketResponse | None = None

    def arrive(self, text: str) -> None:
        """Log an arrival; the parent joins it to the server's event."""
        event = recording.message("client", "arrived", 0, text)
        event.update(member=self.name, number=self.arrived, arrived_at=time.time())
        self.log.events.append(event)
        self.arrived += 1

    async def say_all(self, start: float) -> None:
        """Say each line at its time, whether or not the line before was answered."""
        async with asyncio.TaskGroup() as tasks:
            for line in self.workload.lines:
                if line.speaker == self.number:
                    await until(start + line.at)
                    tasks.create_task(self.say(line.text))

    async def say(self, text: str) -> None:
        if self.socket is None:
            headers = {"Content-Type": "application/json"}
            path = self.workload.paths["say"]
            async with self.session.post(path, data=text.encode(), headers=headers) as response:
                await response.read()
            return
        self.log.data(self.socket.get_extra_info("sockname")[1], "client", "sent", text)
        await self.socket.send_str(text)

    async def ask(self, path: str) -> None:
        async with self.session.get(path, params={"after": self.arrived}) as response:
            text = await response.text()
        for message in _elements(text):
            self.arrive(message)

    async def short_poll(self, path: str, end: float) -> None:
        """Ask like setInterval; a tick is left out while an answer is outstanding."""
        clock = asyncio.get_running_loop().time
        first, tick = clock(), 0
        while (at := first + tick * self.workload.interval) < end:
            await until(at)
            await self.ask(path)
            missed = (clock() - first) // self.workload.interval
            tick = max(tick, int(missed)) + 1

    async def long_poll(self, path: str, end: float) -> None:
        while asyncio.get_running_loop().time() < end:
            await self.ask(path)

    async def read(self, path: str, end: float, accept: str, prefix: str) -> None:
        params, headers = {"after": self.arrived}, {"Accept": accept}
        async with self.session.get(path, params=params, headers=headers) as response:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(end):
                    async for row in response.content:
                        if row.strip():
                            self.arrive(row.decode().removeprefix(prefix).removesuffix("\n"))
            response.close()

    async def websocket(self, path: str, end: float) -> None:
        compress = 15 if self.workload.gzip else 0
        self.socket = await self.session.ws_connect(path, compress=compress)
        port = self.socket.get_extra_info("sockname")[1]
        self.log.add(port, "client", "open", path=path)
        reading = asyncio.create_task(self._read_websocket(self.socket, port))
        await until(end)
        # Not by a timeout of the read, after which aiohttp does not wait for the other Close.
        self.log.add(port, "client", "closing", how="close", code=1000, reason="")
        await self.socket.close()
        await reading

    async def _read_websocket(self, socket: aiohttp.ClientWebSocketResponse, port: int) -> None:
        async for incoming in socket:
            self.arrive(incoming.data)
            self.log.data(port, "client", "received", incoming.data)

    async def receive(self, transport: str, end: float) -> None:
        path = self.workload.paths[transport]
        if transport == "short-poll":
            await self.short_poll(path, end)
        elif transport == "long-poll":
            await self.long_poll(path, end)
        elif transport == "websocket":
            await self.websocket(path, end)
        elif transport == "sse":
            await self.read(path, end, "text/event-stream", "data: ")
        elif transport == "stream-buffered":
            # What the proxy holds back comes when the server ends the stream.
            await self.read(path, end + LINGER, "*/*", "")
        else:
            await self.read(path, end, "*/*", "")


def _elements(array: str) -> list[str]:
    """The elements of a JSON array of objects, as they were sent."""
    decoder, at, found = json.JSONDecoder(), 1, []
    while array[at] != "]":
        _, stop = decoder.raw_decode(array, at)
        found.append(array[at:stop])
        at = stop + (array[stop] == ",")
    return found


async def serve(workload: Workload, transport: str, host: str, start: float, log: Log) -> None:
    room = Room(workload, start, log)
    # A stream's handler ends with its client.
    runner = web.AppRunner(room.app, access_log=None, handler_cancellation=True)
    await runner.setup()
    if transport == "stream-buffered":
        await web.TCPSite(runner, "127.0.0.1", workload.port + BEHIND).start()
    else:
        await web.TCPSite(runner, host, workload.port).start()
    await room.push()
    await until(start + workload.end + LINGER)
    await runner.cleanup()


async def talk(workload: Workload, transport: str, host: str, start: float, log: Log) -> None:
    async def member(number: int) -> None:
        url, headers = f"http://{host}:{workload.port}", workload.headers(host, number)
        async with aiohttp.ClientSession(url, headers=headers) as session:
            client = Member(workload, number, session, log)
            await until(start + number * STAGGER)
            saying = asyncio.create_task(client.say_all(start))
            await client.receive(transport, start + workload.end)
            await saying

    await asyncio.gather(*(member(number) for number in range(len(workload.members))))


def main() -> None:
    end, name, transport, host, start = sys.argv[1:]
    workload, log = WORKLOADS[name], Log()
    assert workload.lines  # Made before the start, which it must not hold up.
    arguments: tuple[Any, ...] = (workload, transport, host, float(start), log)
    asyncio.run(serve(*arguments) if end == "serve" else talk(*arguments))
    sys.stdout.write("".join(json.dumps(event) + "\n" for event in log.events))


if __name__ == "__main__":
    main()
