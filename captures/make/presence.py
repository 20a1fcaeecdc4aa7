"""Who is there, and notices: bursts of small messages, over each way to deliver them.

Starlette on uvicorn serves members who use httpx and websockets: programs on which the model of the
costs was not built, recorded when it was done. Over loopback, and over a path with a round trip of
40 ms. What is said is in workloads.py. The log has one `delivered` event for each line and member,
with the times (Unix seconds) at which it came about and had arrived.

    python presence.py [NAME.pcap ...]
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import recording
from asked import asked
from chat_transports import ONE_WAY, TRANSPORTS, captured, check
from workloads import PRESENCE, Line

STAGGER, LINGER = 0.11, 2.0
HEADERS = {"User-Agent": "presence-agent/2.4 (Linux)", "X-Tenant": "north-7"}


async def until(at: float) -> None:
    await asyncio.sleep(max(0.0, at - time.monotonic()))


class Room:
    """The server."""

    def __init__(self, start: float) -> None:
        self.start = start
        self.events: list[recording.Event] = []
        self.lines: list[list[Line]] = [[] for _ in PRESENCE.members]
        self.planned = {line.text: line for line in PRESENCE.lines}
        self.news = asyncio.Condition()
        self.requests = 0
        self.over = False

    async def push(self) -> None:
        for line in PRESENCE.lines:
            if line.speaker is None:
                await until(self.start + line.at)
                await self.add(line)
        await until(self.start + PRESENCE.end)
        async with self.news:
            self.over = True
            self.news.notify_all()

    async def add(self, line: Line) -> None:
        async with self.news:
            for member in line.to:
                event = {"event": "delivered", "member": member, "n": len(self.lines[member])}
                self.events.append({**event, "posted_at": time.time()})
                self.lines[member].append(line)
            self.news.notify_all()

    def has_news(self, member: int, after: int) -> bool:
        return self.over or len(self.lines[member]) > after

    async def wait(self, member: int, after: int) -> list[str]:
        """Return what is new, at the end nothing."""
        async with self.news:
            await self.news.wait_for(functools.partial(self.has_news, member, after))
        return [line.text for line in self.lines[member][after:]]

    def asked(self, request: Any) -> tuple[int, int]:
        self.requests += 1
        return int(request.query_params["member"]), int(request.query_params.get("after", 0))

    async def changes(self, request: Any) -> Any:
        from starlette.responses import Response

        member, after = self.asked(request)
        texts = [line.text for line in self.lines[member][after:]]
        return Response("[" + ",".join(texts) + "]", media_type="application/json")

    async def held(self, request: Any) -> Any:
        from starlette.responses import Response

        member, after = self.asked(request)
        texts: list[str] = []
        with contextlib.suppress(TimeoutError):
            texts = await asyncio.wait_for(self.wait(member, after), PRESENCE.hold)
        return Response("[" + ",".join(texts) + "]", media_type="application/json")

    async def parts(self, form: str, request: Any) -> AsyncIterator[str]:
        member, sent = self.asked(request)
        while texts := await self.wait(member, sent):
            for text in texts:
                sent += 1
                yield form % text
            if self.over:
                return

    async def stream(self, request: Any) -> Any:
        from starlette.responses import StreamingResponse

        return StreamingResponse(self.parts("%s\n", request), media_type="application/x-ndjson")

    async def sse(self, request: Any) -> Any:
        from starlette.responses import StreamingResponse

        parts = self.parts("data: %s\n\n", request)
        return StreamingResponse(parts, media_type="text/event-stream")

    async def say(self, request: Any) -> Any:
        from starlette.responses import Response

        self.asked(request)
        await self.add(self.planned[(await request.body()).decode()])
        return Response(status_code=204)

    async def websocket(self, socket: Any) -> None:
        member, sent = self.asked(socket)
        await socket.accept()

        async def send() -> None:
            nonlocal sent
            while texts := await self.wait(member, sent):
                for text in texts:
                    sent += 1
                    await socket.send_text(text)

        sending = asyncio.create_task(send())
        with contextlib.suppress(Exception):
            while True:
                await self.add(self.planned[await socket.receive_text()])
        sending.cancel()


async def serve(host: str, start: float) -> list[recording.Event]:
    import uvicorn
    from starlette.applications import Starlette
    from starlette.routing import Route, WebSocketRoute

    room, paths = Room(start), PRESENCE.paths
    app = Starlette(routes=[
        Route(paths["short-poll"], room.changes), Route(paths["long-poll"], room.held),
        Route(paths["stream"], room.stream), Route(paths["sse"], room.sse),
        Route(paths["say"], room.say, methods=["POST"]),
        WebSocketRoute(paths["websocket"], room.websocket),
    ])  # fmt: skip
    config = uvicorn.Config(
        app, host, PRESENCE.port, log_level="error", http="h11", ws="websockets-sansio",
        ws_per_message_deflate=False, ws_ping_interval=None, timeout_keep_alive=60,
    )  # fmt: skip
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    await room.push()
    await until(start + PRESENCE.end + LINGER)
    server.should_exit = True
    await serving
    return [*room.events, {"event": "requests", "count": room.requests}]


class Member:
    """A client."""

    def __init__(self, number: int, transport: str, url: str, start: float) -> None:
        import httpx

        self.number, self.transport, self.start = number, transport, start
        self.url, self.arrived, self.socket = url, 0, None
        self.events: list[recording.Event] = []
        headers = {**HEADERS, "Cookie": PRESENCE.cookie % PRESENCE.session(number)}
        self.headers = headers
        self.http = httpx.AsyncClient(
            base_url=url, headers=headers, timeout=60, trust_env=False, params={"member": number}
        )

    def arrive(self) -> None:
        self.events.append(
            {
                "event": "arrived",
                "member": self.number,
                "n": self.arrived,
                "arrived_at": time.time(),
            }
        )
        self.arrived += 1

    async def say_all(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            for line in PRESENCE.lines:
                if line.speaker == self.number:
                    await until(self.start + line.at)
                    tasks.create_task(self.say(line.text))

    async def say(self, text: str) -> None:
        if self.socket is not None:
            await self.socket.send(text)
            return
        headers = {"Content-Type": "application/json"}
        await self.http.post(PRESENCE.paths["say"], content=text, headers=headers)

    async def ask(self) -> None:
        answer = await self.http.get(PRESENCE.paths[self.transport], params={"after": self.arrived})
        for _ in answer.json():
            self.arrive()

    async def receive(self) -> None:
        end, path = self.start + PRESENCE.end, PRESENCE.paths[self.transport]
        if self.transport == "websocket":
            await self.read_socket(path)
        elif self.transport == "short-poll":
            first, tick = time.monotonic(), 0
            while (at := first + tick * PRESENCE.interval) < end:
                await until(at)
                await self.ask()
                tick += 1
        elif self.transport == "long-poll":
            while time.monotonic() < end:
                await self.ask()
        else:
            async with self.http.stream("GET", path) as answer:
                async for row in answer.aiter_lines():
                    if row.strip():
                        self.arrive()

    async def read_socket(self, path: str) -> None:
        from websockets.asyncio.client import connect

        url = self.url.replace("http", "ws", 1) + f"{path}?member={self.number}"
        agent = self.headers.pop("User-Agent")
        async with connect(
            url, compression=None, ping_interval=None, proxy=None, user_agent_header=agent,
            additional_headers=self.headers,
        ) as self.socket:  # fmt: skip
            reading = asyncio.create_task(self.read_messages(self.socket))
            await until(self.start + PRESENCE.end)
            await self.socket.close()
            await reading

    async def read_messages(self, socket: Any) -> None:
        async for _ in socket:
            self.arrive()

    async def run(self) -> list[recording.Event]:
        await until(self.start + self.number * STAGGER)
        saying = asyncio.create_task(self.say_all())
        await self.receive()
        await saying
        await self.http.aclose()
        return self.events


async def talk(transport: str, host: str, start: float) -> list[recording.Event]:
    url = f"http://{host}:{PRESENCE.port}"
    members = [Member(number, transport, url, start) for number in range(len(PRESENCE.members))]
    return [
        event for events in await asyncio.gather(*(m.run() for m in members)) for event in events
    ]


def run(transport: str, *, delayed: bool, path: Path) -> list[recording.Event]:
    """Record one transport; return the events of both ends."""
    with captured(path, delayed=delayed) as (server, client, host):
        start = repr(time.monotonic() + 4)
        command = [sys.executable, __file__]
        ends = [
            subprocess.Popen(
                [*before, *command, end, transport, host, start], stdout=subprocess.PIPE
            )
            for end, before in (("serve", server), ("talk", client))
        ]
        printed = [end.communicate(timeout=PRESENCE.end + 30)[0] for end in ends]
    assert [end.returncode for end in ends] == [0, 0]
    return [json.loads(line) for text in printed for line in text.splitlines()]


def record(transport: str, *, delayed: bool, path: Path) -> None:
    events = run(transport, delayed=delayed, path=path)
    posted, arrived = (
        {(event["member"], event["n"]): event[at] for event in events if event["event"] == kind}
        for kind, at in (("delivered", "posted_at"), ("arrived", "arrived_at"))
    )
    assert posted.keys() == arrived.keys()
    waits = [1e3 * (at - posted[which]) for which, at in arrived.items()]
    (requests,) = [event["count"] for event in events if event["event"] == "requests"]
    found: dict[str, Any] = {
        "source": "application log",
        "transport": transport,
        "workload": "presence",
        "round_trip_ms": 2e3 * ONE_WAY if delayed else 0.0,
        "requests": requests,
        "delivered": len(waits),
        "mean_latency_ms": round(statistics.fmean(waits), 3),
        "p95_latency_ms": round(statistics.quantiles(waits, n=20)[-1], 3),
    }
    found |= {"interval_s": PRESENCE.interval} if transport == "short-poll" else {}
    found |= {"hold_s": PRESENCE.hold} if transport == "long-poll" else {}
    check(path, [], found, PRESENCE.port, probes=True)
    way = "a path with a round trip of 40 ms" if delayed else "loopback"
    text = TRANSPORTS[transport].format(interval=PRESENCE.interval, hold=PRESENCE.hold)
    recording.publish(
        path,
        path.name,
        description=f"the workload presence over {text}; {way}",
        generator=Path(__file__).name,
        programs=[
            f"Python {platform.python_version()}",
            *recording.python_versions("starlette", "uvicorn", "h11", "httpx", "websockets"),
        ],
        more={"delivery": found},
    )


def main() -> None:
    if sys.argv[1:2] in (["serve"], ["talk"]):
        end, transport, host, start = sys.argv[1:]
        doing = serve(host, float(start)) if end == "serve" else talk(transport, host, float(start))
        sys.stdout.write("".join(json.dumps(event) + "\n" for event in asyncio.run(doing)))
        return
    names = {
        f"presence-{'delay-' * delayed}{transport}.pcap": (transport, delayed)
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
