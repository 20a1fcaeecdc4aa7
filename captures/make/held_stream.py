"""Server-sent events with times in them, through an nginx that buffers and one that does not.

aiohttp begins with what happened before the client came, as logs do, and goes on with an event
each 60 ms. Only the way from nginx to the client is captured; in held-stream-legs and
held-stream-off-legs that from the server to nginx too. The log of the server says when it
wrote each event, that of the client when it had it.

    python held_stream.py [NAME ...]
"""

from __future__ import annotations

import asyncio
import json
import platform
import random
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import recording
from asked import asked

FRONT, BACK = 9023, 9123
EVENTS, OLDER, EVERY = 160, 15, 0.06
NGINX = """
daemon off; user root; pid %(folder)s/pid; error_log %(folder)s/error.log;
events { worker_connections 64; }
http {
  access_log off; client_body_temp_path %(folder)s/body; proxy_temp_path %(folder)s/proxy;
  fastcgi_temp_path %(folder)s/f; uwsgi_temp_path %(folder)s/u; scgi_temp_path %(folder)s/s;
  server {
    listen 127.0.0.1:%(front)d;
    location / { proxy_pass http://127.0.0.1:%(back)d; proxy_buffering %(buffering)s; }
  }
}
"""


async def stream(buffering: str, folder: str) -> list[recording.Event]:
    import aiohttp
    from aiohttp import web

    events: list[recording.Event] = []
    randomness = random.Random(5)

    async def log(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for number in range(-OLDER, EVENTS):
            at = time.time() + 2.0 * min(0, number)
            text = f"worker {randomness.randrange(9)} did {randomness.randrange(10**6)} items"
            line = json.dumps({"n": number, "ts": round(at * 1000), "level": "info", "text": text})
            await response.write(f"data: {line}\n\n".encode())
            events.append({"event": "written", "n": number, "at": time.time()})
            if number >= 0:
                await asyncio.sleep(EVERY)
        return response

    file = Path(folder) / "nginx.conf"
    ports = {"front": FRONT, "back": BACK}
    file.write_text(NGINX % {"folder": folder, "buffering": buffering, **ports})
    nginx = subprocess.Popen(
        ["nginx", "-c", str(file), "-e", f"{folder}/start.log"], stderr=subprocess.DEVNULL
    )
    app = web.Application()
    app.router.add_get("/log", log)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", BACK).start()
    await asyncio.sleep(0.7)
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{FRONT}/log") as answer,
        ):
            async for row in answer.content:
                if row.strip():
                    number = json.loads(row.removeprefix(b"data: "))["n"]
                    events.append({"event": "arrived", "n": number, "at": time.time()})
    finally:
        nginx.terminate()
        nginx.wait()
        await runner.cleanup()
    return events


def waits(events: list[recording.Event]) -> dict[str, Any]:
    """Return how long events waited in nginx, by both logs."""
    written = {event["n"]: event["at"] for event in events if event["event"] == "written"}
    arrived = {event["n"]: event["at"] for event in events if event["event"] == "arrived"}
    assert len(written) == len(arrived) == EVENTS + OLDER
    late = sorted(1e3 * (arrived[number] - at) for number, at in written.items() if number >= 0)
    found = {"source": "application log", "events": EVENTS + OLDER}
    found |= {"waited_over_50_ms": sum(each > 50 for each in late)}
    found |= {"mean_wait_ms": round(sum(late) / len(late), 1)}
    return {"waits": found | {"longest_wait_ms": round(late[-1], 1)}}


def main() -> None:
    names = {
        "held-stream": ("on", f"tcp port {FRONT}"),
        "held-stream-off": ("off", f"tcp port {FRONT}"),
        "held-stream-legs": ("on", "tcp"),
        "held-stream-off-legs": ("off", "tcp"),
    }
    chosen = asked(__doc__, names)
    recording.isolate()
    for name in chosen:
        buffering, pattern = names[name]
        way = "both legs" if pattern == "tcp" else "the way from nginx to the client alone"
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / f"{name}.pcap"
            with recording.capture(path, pattern=pattern):
                events = asyncio.run(stream(buffering, folder))
            version = recording.program_version("nginx", "-v")
            recording.publish(
                path,
                path.name,
                description="server-sent events with times in them through nginx,"
                f" proxy_buffering {buffering}; {way}",
                generator=Path(__file__).name,
                programs=[
                    f"Python {platform.python_version()}",
                    version.removeprefix("nginx version: "),
                    *recording.python_versions("aiohttp"),
                ],
                more=waits(events),
            )


if __name__ == "__main__":
    main()
