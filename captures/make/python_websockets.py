"""Captures of the Python package websockets, server and client over loopback."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import recording
from asked import asked
from ends import Log, prose
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed

PORT = 9002


class Pair:
    """A client and the server's end of the same connection, both logged."""

    def __init__(self, log: Log, client: Any, server: Any) -> None:
        self.log = log
        self.ends = {"client": client, "server": server}
        self.port = client.local_address[1]

    async def say(self, who: str, payload: str | bytes) -> None:
        """Send one message and wait until the other end has it."""
        self.log.data(self.port, who, "sent", payload)
        await self.ends[who].send(payload)
        await self._receive(who)

    async def fragments(self, who: str, pieces: list[str] | list[bytes], pause: float = 0) -> None:
        whole = type(pieces[0])().join(pieces)  # type: ignore[arg-type]
        self.log.data(self.port, who, "sent", whole)

        async def slowly() -> Any:
            for piece in pieces:
                yield piece
                await asyncio.sleep(pause)

        await asyncio.gather(self.ends[who].send(slowly()), self._receive(who))

    async def _receive(self, sender: str) -> None:
        other = "server" if sender == "client" else "client"
        self.log.data(self.port, other, "received", await self.ends[other].recv())

    async def ping(self, who: str, payload: bytes) -> None:
        self.log.add(self.port, who, "ping", size=len(payload))
        await (await self.ends[who].ping(payload))

    async def close(self, who: str, code: int, reason: str) -> None:
        self.log.add(self.port, who, "closing", how="close", code=code, reason=reason)
        await self.ends[who].close(code, reason)
        for name, end in self.ends.items():
            with contextlib.suppress(ConnectionClosed):
                await end.recv()
            self.log.add(self.port, name, "closed", code=end.close_code, reason=end.close_reason)


@contextlib.asynccontextmanager
async def pair(log: Log, path: str = "/", host: str = "127.0.0.1", **options: Any) -> Any:
    arrived: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    server_options = options.pop("server", {})

    async def handler(connection: Any) -> None:
        arrived.set_result(connection)
        await connection.wait_closed()

    shared = {"ping_interval": None, "max_size": None, "compression": None, **options}
    name = f"[{host}]" if ":" in host else host
    async with (
        serve(handler, host, PORT, **{**shared, **server_options}),
        connect(f"ws://{name}:{PORT}{path}", proxy=None, **shared) as client,
    ):
        both = Pair(log, client, await arrived)
        chosen = client.subprotocol or ""
        log.add(both.port, "client", "open", path=path, subprotocol=chosen)
        yield both


async def default(log: Log) -> None:
    """Compression with the package's defaults."""
    randomness = random.Random(6455)
    async with pair(log, "/default", compression="deflate") as both:
        for size in (1, 20, 125, 126, 3000, 40000):
            await both.say("client", prose(randomness, size))
            await both.say("server", prose(randomness, size * 2))
        await both.say("client", randomness.randbytes(2000))
        await both.fragments("server", [prose(randomness, 900), "", prose(randomness, 30)], 0.01)
        await both.fragments("client", [b"\x00" * 5000, randomness.randbytes(50)], 0.01)
        await both.say("server", "")
        await both.say("client", "after the empty one")
        await both.close("client", 1000, "")


async def large(log: Log) -> None:
    randomness = random.Random(1)
    async with pair(log, "/large") as both:
        await both.say("client", randomness.randbytes(65536))
        await both.say("server", randomness.randbytes(65535))
        await both.say("server", prose(randomness, 160000))
        await both.close("server", 1000, "enough")


async def fragments(log: Log) -> None:
    randomness = random.Random(2)
    async with pair(log, "/fragments") as both:
        await both.fragments("client", [prose(randomness, size) for size in (5, 126, 70000)])
        slow = both.fragments("server", ["a", "bb", "", "cccc"], 0.03)
        task = asyncio.create_task(slow)
        await asyncio.sleep(0.04)
        await both.ping("server", b"between")
        await both.ping("client", b"also")
        await task
        await both.fragments("client", [b"x", b"y"], 0.01)
        await both.close("client", 1000, "done")


async def keepalive(log: Log) -> None:
    """Pings that the package sends by itself, each 0.2 s, from both ends."""
    async with pair(log, "/keepalive", ping_interval=0.2, ping_timeout=2) as both:
        for who, end in both.ends.items():
            original = end.ping

            async def counted(data: Any = None, who: str = who, original: Any = original) -> Any:
                waiter = await original(data)
                log.add(both.port, who, "ping", size=4)
                return waiter

            end.ping = counted
        for number in range(3):
            await asyncio.sleep(0.25)
            await both.say("server", f"event {number}")
        await both.close("client", 1001, "page left")


async def closes(log: Log) -> None:
    for who, code, reason in (
        ("client", 1000, ""),
        ("client", 1001, "tab closed"),
        ("server", 1001, "shutting down"),
        ("server", 3000, "unauthorized"),
        ("client", 4000, "mine"),
        ("server", 4000, "ä" * 60),
    ):
        async with pair(log, f"/close/{code}") as both:
            await both.say("client", "hi")
            await both.close(who, code, reason)


async def subprotocol(log: Log) -> None:
    options: dict[str, Any] = {"subprotocols": ["graphql-transport-ws"]}
    async with pair(log, "/graphql?token=secret", **options) as both:
        await both.say("client", '{"type":"connection_init"}')
        await both.say("server", '{"type":"connection_ack"}')
        await both.close("client", 1000, "")


async def ipv6(log: Log) -> None:
    async with pair(log, "/six", "::1") as both:
        for number in range(5):
            await both.say("client", f"request {number}")
            await both.say("server", f"reply {number}")
        await both.close("client", 1000, "")


SCENARIOS: dict[str, tuple[Callable[[Log], Awaitable[None]], str, dict[str, Any]]] = {
    "default.pcap": (default, "permessage-deflate by default, fragments, an empty message", {}),
    "large.pcap": (large, "messages of 65535, 65536 and 160000 bytes", {}),
    "fragments.pcap": (fragments, "fragmented messages with pings both ways between fragments", {}),
    "keepalive.pcap": (keepalive, "keep-alive pings each 0.2 s from both ends", {}),
    "closes.pcapng": (closes, "closes with 1000, 1001, 3000 and 4000 by either end", {}),
    "subprotocol.pcap": (subprotocol, "subprotocol graphql-transport-ws, token in the query", {}),
    "ipv6.pcap": (ipv6, "IPv6 loopback", {"pattern": "ip6"}),
    "nano.pcap": (
        closes,
        "as closes, with time stamps in nanoseconds",
        {"options": ["--time-stamp-precision=nano"]},
    ),
}


def main() -> None:
    asked(__doc__)
    recording.isolate()
    programs = [
        *recording.python_versions("websockets"),
        f"Python {sys.version.split()[0]}",
    ]
    with tempfile.TemporaryDirectory() as folder:
        for name, (scenario, text, options) in SCENARIOS.items():
            path = Path(folder) / f"python-websockets-{name}"
            log = Log()
            with recording.capture(path, **options):
                asyncio.run(scenario(log))  # type: ignore[arg-type]
            recording.publish(
                path,
                path.name,
                description=text,
                generator="python_websockets.py",
                programs=programs,
                events=log.events,
            )


if __name__ == "__main__":
    main()
