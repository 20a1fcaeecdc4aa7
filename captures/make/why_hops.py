"""Scenarios of why.py: proxies that make handshakes of their own or collect, and what is none."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Any

import recording
from why_programs import BACK, FRONT, HOST, MIDDLE, connect, echo, run, scenario, serve


@scenario("why-own-handshakes.pcap", ["two-legs"], hops=3, conversations=3, by="payload")
def own_handshakes(path: Path) -> None:
    """A proxy with handshakes of its own, permessage-deflate on its front alone"""

    async def pump(source: Any, target: Any) -> None:
        async for data in source:
            await target.send(data)
        await target.close()

    async def relay(front: Any) -> None:
        async with connect(BACK) as back:
            await asyncio.gather(pump(front, back), pump(back, front))

    async def ask_first(connection: Any, request: Any) -> None:
        connection.back = await connect(BACK)

    async def relay_asked(front: Any) -> None:
        await asyncio.gather(pump(front, front.back), pump(front.back, front))

    async def talk(port: int, name: str, wait: float) -> None:
        await asyncio.sleep(wait)
        async with connect(port, compression="deflate") as end:
            for number in range(10):
                await end.send(f"{name} says {number}, and {number * number} is its square")
                await end.recv()
                await asyncio.sleep(0.02)

    async def work() -> None:
        async with (
            serve(echo),
            serve(relay, FRONT, compression="deflate"),
            serve(relay_asked, MIDDLE, process_request=ask_first, compression="deflate"),
        ):
            await asyncio.gather(
                talk(FRONT, "Ann", 0), talk(FRONT, "Bob", 0.1), talk(MIDDLE, "Cem", 0.25)
            )

    with recording.capture(path):
        run(work)


@scenario("why-broadcast-nodes.pcap", [], connections=6)
def broadcast_nodes(path: Path) -> None:
    """Two nodes push one feed to six clients, who all ask for it in the same words"""
    listening: set[Any] = set()

    async def subscribe(end: Any) -> None:
        async for _ in end:
            listening.add(end)
        listening.discard(end)

    async def listen(port: int, wait: float) -> None:
        await asyncio.sleep(wait)
        async with connect(port) as end:
            for topic in ("orders", "trades", "quotes", "depth"):
                await end.send(f"subscribe {topic}")
            for _ in range(12):
                await end.recv()

    async def feed() -> None:
        await asyncio.sleep(0.3)
        for number in range(12):
            for end in sorted(listening, key=lambda each: -each.remote_address[1]):
                await end.send(f"orders {number}: {number * 7919 % 1000} at 100.25")
            await asyncio.sleep(0.03)

    async def work() -> None:
        async with serve(subscribe), serve(subscribe, FRONT):
            ends = [listen((BACK, FRONT)[number % 2], 0.01 * number) for number in range(6)]
            await asyncio.gather(feed(), *ends)

    with recording.capture(path):
        run(work)


@scenario("why-buffers.pcap", ["proxy-buffers", "two-legs"], side="server", collects_s=0.15)
def buffers(path: Path) -> None:
    """A relay that collects what the server pushes every 30 ms for 150 ms, and lets it go"""

    async def push(end: Any) -> None:
        for number in range(40):
            await end.send(f"tick {number}")
            await asyncio.sleep(0.03)

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_connection(HOST, BACK)

        async def ask() -> None:
            while data := await reader.read(4096):
                forth.write(data)

        async def collect() -> None:
            writer.write(await back.readuntil(b"\r\n\r\n"))
            while data := await back.read(4096):
                await asyncio.sleep(0.15)
                with contextlib.suppress(TimeoutError):
                    data += await asyncio.wait_for(back.read(65536), 0.001)
                writer.write(data)
            writer.close()

        await asyncio.gather(ask(), collect())

    async def work() -> None:
        between = await asyncio.start_server(relay, HOST, FRONT)
        async with serve(push), between, connect(FRONT) as end:
            async for _ in end:
                pass

    with recording.capture(path):
        run(work)
