"""Captures of python-socketio: its server and clients, with aiohttp under both."""

from __future__ import annotations

import asyncio
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import aiohttp
import recording
import socketio
from aiohttp import web
from asked import asked
from said import Said

PORT = 9041
INNER = "socket.io"
TOPIC = "/"


def watch(log: Said) -> None:
    """Log what goes through aiohttp's WebSockets, of which the library tells nothing."""
    for owner, who, name in (
        (aiohttp.ClientWebSocketResponse, "client", "sockname"),
        (web.WebSocketResponse, "server", "peername"),
    ):
        for method in ("send_str", "send_bytes"):
            setattr(owner, method, sending(getattr(owner, method), who, name, log))
        owner.receive = receiving(owner.receive, who, name, log)  # type: ignore[attr-defined]


def port_of(end: Any, name: str) -> int:
    if name == "sockname":
        return int(end.get_extra_info(name)[1])
    return int(end._req.transport.get_extra_info(name)[1])


def sending(original: Any, who: str, name: str, log: Said) -> Any:
    async def send(self: Any, data: Any, *more: Any, **options: Any) -> Any:
        port = port_of(self, name)
        value = await original(self, data, *more, **options)
        log.data(port, who, "sent", data)
        return value

    return send


def receiving(original: Any, who: str, name: str, log: Said) -> Any:
    async def receive(self: Any, *more: Any, **options: Any) -> Any:
        message = await original(self, *more, **options)
        if message.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
            log.data(port_of(self, name), who, "received", message.data)
        return message

    return receive


def serve(log: Said) -> web.Application:
    server = socketio.AsyncServer(async_mode="aiohttp", ping_interval=1)
    app = web.Application()
    server.attach(app)

    @server.event  # type: ignore[misc]
    async def join(sid: str, room: str) -> str:
        await server.enter_room(sid, room)
        return "joined"

    @server.event  # type: ignore[misc]
    async def slow(sid: str, seconds: float) -> dict[str, float]:
        await asyncio.sleep(seconds)
        return {"slept": seconds}

    @server.event  # type: ignore[misc]
    async def chat(sid: str, text: str) -> None:
        await server.emit("chat", text, room="kitchen")

    @server.event  # type: ignore[misc]
    async def blob(sid: str, data: bytes) -> bytes:
        return data[::-1]

    return app


class Member:
    """A client that logs its calls and what it is told."""

    def __init__(self, log: Said) -> None:
        self.log, self.port = log, 0
        self.client = socketio.AsyncClient(reconnection=False)
        self.client.on("chat", self.told)

    def told(self, text: str) -> None:
        self.log.say(self.port, "server", INNER, "event", "chat", topic=TOPIC)
        self.log.add(self.port, "client", "delivery", inner=INNER, topic="chat", key=text,
                     at=time.time())  # fmt: skip

    async def connect(self) -> None:
        await self.client.connect(f"http://127.0.0.1:{PORT}", transports=["websocket"])
        self.port = port_of(self.client.eio.ws, "sockname")
        self.log.add(self.port, "client", "open", path="/socket.io/")

    async def ask(self, name: str, *values: Any) -> Any:
        self.log.say(self.port, "client", INNER, "event", name, topic=TOPIC)
        answer = self.client.call(name, values if len(values) > 1 else values[0])
        return await self.log.call(self.port, "client", INNER, name, answer, topic=TOPIC)

    async def emit(self, name: str, *values: Any) -> None:
        self.log.say(self.port, "client", INNER, "event", name, topic=TOPIC)
        await self.client.emit(name, values if len(values) > 1 else values[0])


async def talk(log: Said) -> None:
    runner = web.AppRunner(serve(log), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", PORT).start()
    members = [Member(log) for _ in range(3)]
    for member in members:
        await member.connect()
        await member.ask("join", "kitchen")
    for number in range(6):
        member, text = members[number % 3], f"{number}: größer als € 1"
        log.add(member.port, "client", "publish", inner=INNER, topic="chat", key=text,
                at=time.time())  # fmt: skip
        await member.emit("chat", text)
        await asyncio.sleep(0.03)
    await asyncio.gather(*(members[0].ask("slow", seconds) for seconds in (0.08, 0.03)))
    await members[1].ask("blob", bytes(range(200)))
    await asyncio.sleep(1.2)
    for member in members:
        await member.client.disconnect()
        await asyncio.sleep(0.05)
    await runner.cleanup()


def main() -> None:
    asked(__doc__)
    recording.isolate()
    log = Said()
    watch(log)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "socket-io-python.pcap"
        with recording.capture(path):
            asyncio.run(talk(log))
        recording.publish(
            path,
            path.name,
            description="python-socketio both ways: a room of three, acks, binary",
            generator="inside_socketio.py",
            programs=[
                f"Python {name} {version(name)}"
                for name in ("python-socketio", "python-engineio", "aiohttp")
            ],
            events=log.events,
        )


if __name__ == "__main__":
    main()
