"""Values that supersede each other: pushed over WebSocket, or polled, the latest of each alone.

aiohttp serves gauges that change at times planned from a fixed seed; two clients get each change
over WebSocket, or ask for the state of what changed since they last asked. Over loopback, and over
a path with a round trip of 40 ms. The log has one `delivered` event for each value that reached a
client, with the times (Unix seconds) at which it came about and had arrived.

    python gauges.py [NAME.pcap ...]
"""

from __future__ import annotations

import asyncio
import functools
import json
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import recording
from asked import asked
from chat_transports import ONE_WAY, captured, check

PORT = 9022
SEED = 90210
GAUGES = ("pressure-inlet", "pressure-outlet", "flow", "temperature", "level")
EVERY = (0.08, 0.9)
"""Seconds between two changes of a gauge."""
END, LEAD, LINGER = 24.0, 1.0, 1.5
INTERVAL = 0.8
CLIENTS = 2
STAGGER = 0.31
TRANSPORTS = {"websocket": "WebSocket", "short-poll": f"short polling each {INTERVAL} s"}
PATHS = {"websocket": "/plant/live", "short-poll": "/plant/state"}
HEADERS = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    "Accept-Encoding": "gzip, deflate",
    "Accept-Language": "nl,en;q=0.5",
    "Cookie": "operator=k0; shift=3; token=9f3c1b7766e24d00a2b7",
}


def plan() -> list[tuple[float, str, str]]:
    """Return (seconds after the start, gauge, message) of each change, in order."""
    randomness, found = random.Random(SEED), []
    for gauge in GAUGES:
        at = LEAD + randomness.uniform(0, 0.5)
        while at < END - LEAD:
            value = {"type": gauge, "value": round(randomness.uniform(0, 400), 3), "unit": "kPa"}
            value |= {"state": randomness.choice(["ok", "ok", "ok", "above the upper limit"])}
            found.append((at, gauge, json.dumps(value)))
            at += randomness.uniform(*EVERY)
    return sorted(found)


class Plant:
    """The server."""

    def __init__(self) -> None:
        self.events: list[recording.Event] = []
        self.latest: dict[str, tuple[int, str, float]] = {}
        self.count = self.requests = 0
        self.news = asyncio.Condition()

    async def run(self, start: float) -> None:
        for at, gauge, message in plan():
            await asyncio.sleep(max(0.0, start + at - time.monotonic()))
            async with self.news:
                self.count += 1
                self.latest[gauge] = (self.count, message, time.time())
                self.news.notify_all()

    def is_newer(self, after: int) -> bool:
        return self.count > after

    def hand(self, after: int) -> list[str]:
        """Return what is newer than `after`, and log it."""
        given = sorted(value for value in self.latest.values() if value[0] > after)
        for _, message, posted_at in given:
            event = {"event": "delivered", "sha256": recording.digest(message.encode())}
            self.events.append({**event, "posted_at": posted_at})
        return [message for _, message, _ in given]

    async def state(self, request: Any) -> Any:
        from aiohttp import web

        self.requests += 1
        messages = self.hand(int(request.query["after"]))
        body = "[" + ",".join(messages) + "]"
        headers = {"X-Count": str(self.count)}
        return web.Response(text=body, content_type="application/json", headers=headers)

    async def live(self, request: Any) -> Any:
        from aiohttp import web

        self.requests += 1
        end = web.WebSocketResponse(compress=False)
        await end.prepare(request)
        sending = asyncio.create_task(self.send(end))
        async for _ in end:
            pass
        sending.cancel()
        return end

    async def send(self, end: Any) -> None:
        after = 0
        while True:
            async with self.news:
                await self.news.wait_for(functools.partial(self.is_newer, after))
            messages, after = self.hand(after), self.count
            for message in messages:
                await end.send_str(message)


async def serve(host: str, start: float) -> list[recording.Event]:
    from aiohttp import web

    plant, app = Plant(), web.Application()
    app.router.add_get(PATHS["short-poll"], plant.state)
    app.router.add_get(PATHS["websocket"], plant.live)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, host, PORT).start()
    await plant.run(start)
    await asyncio.sleep(max(0.0, start + END + LINGER - time.monotonic()))
    await runner.cleanup()
    return [*plant.events, {"event": "requests", "count": plant.requests}]


async def talk(transport: str, host: str, start: float) -> list[recording.Event]:
    import aiohttp

    events: list[recording.Event] = []

    def arrive(message: str) -> None:
        sha = recording.digest(message.encode())
        events.append({"event": "arrived", "sha256": sha, "arrived_at": time.time()})

    async def poll(session: aiohttp.ClientSession, first: float) -> None:
        count, tick = 0, 0
        while (at := first + tick * INTERVAL) < start + END:
            await asyncio.sleep(max(0.0, at - time.monotonic()))
            params = {"after": count}
            async with session.get(PATHS[transport], params=params) as answer:
                messages = await answer.json()
                count = int(answer.headers["X-Count"])
            for message in messages:
                arrive(json.dumps(message))
            tick += 1

    async def listen(session: aiohttp.ClientSession) -> None:
        socket = await session.ws_connect(PATHS[transport], compress=0)

        async def read() -> None:
            async for message in socket:
                arrive(message.data)

        reading = asyncio.create_task(read())
        await asyncio.sleep(max(0.0, start + END - time.monotonic()))
        await socket.close()
        await reading

    async def client(number: int) -> None:
        first = start + number * STAGGER
        await asyncio.sleep(max(0.0, first - time.monotonic()))
        url = f"http://{host}:{PORT}"
        headers = {**HEADERS, "Origin": url}
        async with aiohttp.ClientSession(url, headers=headers) as session:
            await (listen(session) if transport == "websocket" else poll(session, first))

    await asyncio.gather(*(client(number) for number in range(CLIENTS)))
    return events


def run(transport: str, *, delayed: bool, path: Path) -> list[recording.Event]:
    """Record one transport; return the events of both ends."""
    with captured(path, delayed=delayed) as (server, client, host):
        start = repr(time.monotonic() + 3)
        command = [sys.executable, __file__]
        ends = [
            subprocess.Popen(
                [*before, *command, end, transport, host, start], stdout=subprocess.PIPE
            )
            for end, before in (("serve", server), ("talk", client))
        ]
        printed = [end.communicate(timeout=END + 30)[0] for end in ends]
    assert [end.returncode for end in ends] == [0, 0]
    return [json.loads(line) for text in printed for line in text.splitlines()]


def record(transport: str, *, delayed: bool, path: Path) -> None:
    events = run(transport, delayed=delayed, path=path)
    posted: dict[str, float] = {}
    for event in events:
        if event["event"] == "delivered":
            posted[event["sha256"]] = event["posted_at"]
    arrived = [event for event in events if event["event"] == "arrived"]
    assert len(arrived) == sum(event["event"] == "delivered" for event in events)
    waits = [1e3 * (event["arrived_at"] - posted[event["sha256"]]) for event in arrived]
    (requests,) = [event["count"] for event in events if event["event"] == "requests"]
    found: dict[str, Any] = {
        "source": "application log",
        "transport": transport,
        "workload": "gauges",
        "round_trip_ms": 2e3 * ONE_WAY if delayed else 0.0,
        "requests": requests,
        "interval_s": INTERVAL,
        "delivered": len(arrived),
        "mean_latency_ms": round(statistics.fmean(waits), 3),
        "p95_latency_ms": round(statistics.quantiles(waits, n=20)[-1], 3),
    }
    check(path, [], found, PORT)
    way = "a path with a round trip of 40 ms" if delayed else "loopback"
    recording.publish(
        path,
        path.name,
        description=f"gauges, each value in place of the one before, over {TRANSPORTS[transport]};"
        f" {way}",
        generator=Path(__file__).name,
        programs=[f"Python {platform.python_version()}", *recording.python_versions("aiohttp")],
        more={"delivery": found},
    )


def main() -> None:
    if sys.argv[1:2] in (["serve"], ["talk"]):
        end, transport, host, start = sys.argv[1:]
        doing = serve(host, float(start)) if end == "serve" else talk(transport, host, float(start))
        sys.stdout.write("".join(json.dumps(event) + "\n" for event in asyncio.run(doing)))
        return
    names = {
        f"gauges-{'delay-' * delayed}{transport}.pcap": (transport, delayed)
        for delayed in (False, True)
        for transport in TRANSPORTS
    }
    chosen = asked(__doc__, names)
    with tempfile.TemporaryDirectory() as folder:
        for name in chosen:
            transport, delayed = names[name]
            path = Path(folder) / name
            record(transport, delayed=delayed, path=path)


if __name__ == "__main__":
    main()
