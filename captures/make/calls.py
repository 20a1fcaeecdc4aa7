"""Questions and answers: the same calls over HTTP and over one WebSocket.

aiohttp serves quotes; the client asks by requests (a POST for each call, over one kept-alive
connection) or by websockets, at times planned from a fixed seed. Over loopback, and over a path
with a round trip of 40 ms. The log has one `call` event for each, with the times (Unix seconds) at
which it was made and its answer had arrived. The same calls from a page in Chromium (fetch, or its
WebSocket) are in captures of their own.

    python calls.py [NAME.pcap ...]
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import recording
from asked import asked
from chat_transports import ONE_WAY, captured, check
from ends import prose

PORT = 9019
SEED = 41
CALLS = 80
LINGER = 1.0
TRANSPORTS = {"ajax": "a POST for each", "websocket": "one WebSocket"}
PATHS = {"ajax": "/api/quotes", "websocket": "/api/socket"}


def plan() -> list[tuple[float, str, str]]:
    """Return (seconds after the start, question, answer) of each call."""
    randomness, at, out = random.Random(SEED), 0.5, []
    for number in range(CALLS):
        at += randomness.uniform(0.06, 0.3)
        question = {"op": "quote", "item": randomness.randrange(10**6), "amount": number % 9 + 1}
        text = prose(randomness, randomness.randrange(60, 900))
        answer = {"price": round(randomness.uniform(1, 99), 2), "text": text}
        out.append((at, json.dumps(question), json.dumps(answer, ensure_ascii=False)))
    return out


async def serve(host: str, end: float) -> None:
    from aiohttp import web

    answers = {question: answer for _, question, answer in plan()}

    async def ajax(request: web.Request) -> web.Response:
        body = answers[await request.text()]
        return web.Response(text=body, content_type="application/json")

    async def websocket(request: web.Request) -> web.WebSocketResponse:
        talk = web.WebSocketResponse(compress=False)
        await talk.prepare(request)
        async for incoming in talk:
            await talk.send_str(answers[incoming.data])
        return talk

    app = web.Application()
    app.router.add_post(PATHS["ajax"], ajax)
    app.router.add_get(PATHS["websocket"], websocket)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, host, PORT).start()
    await asyncio.sleep(max(0.0, end - time.monotonic()))
    await runner.cleanup()


def talk(transport: str, host: str, start: float) -> list[recording.Event]:
    import requests
    from websockets.sync.client import connect

    events: list[recording.Event] = []
    ws = requested = None
    if transport == "websocket":
        url = f"ws://{host}:{PORT}{PATHS['websocket']}"
        time.sleep(max(0.0, start - time.monotonic()))
        ws = connect(url, compression=None, ping_interval=None, proxy=None)
        port = ws.local_address[1]
        events.append({"port": port, "who": "client", "event": "open", "path": PATHS[transport]})
    else:
        requested = requests.Session()
        requested.trust_env = False
    for at, question, answer in plan():
        time.sleep(max(0.0, start + at - time.monotonic()))
        begun = time.time()
        if ws is not None:
            events.append(recording.message("client", "sent", port, question))
            ws.send(question)
            given = ws.recv()
            events.append(recording.message("client", "received", port, given))
        else:
            assert requested is not None
            headers = {"Content-Type": "application/json"}
            found = requested.post(
                f"http://{host}:{PORT}{PATHS['ajax']}", data=question.encode(), headers=headers
            )
            found.encoding = "utf-8"
            given = found.text
        assert given == answer
        events.append({"port": 0, "who": "client", "event": "call", "called_at": begun,
                       "answered_at": time.time()})  # fmt: skip
    if ws is not None:
        events.append({"port": port, "who": "client", "event": "closing", "how": "close",
                       "code": 1000, "reason": ""})  # fmt: skip
        ws.close()
    elif requested is not None:
        requested.close()
    return events


def run(transport: str, *, delayed: bool, path: Path) -> list[recording.Event]:
    """Record one transport; server and client are processes. Returns the client's events."""
    with captured(path, delayed=delayed) as (server, client, host):
        start = time.monotonic() + 3
        end = start + plan()[-1][0] + 4
        command = [sys.executable, __file__]
        ends = [
            subprocess.Popen([*server, *command, "serve", host, repr(end)]),
            subprocess.Popen(
                [*client, *command, "talk", transport, host, repr(start)], stdout=subprocess.PIPE
            ),
        ]
        printed = ends[1].communicate(timeout=90)[0]
        assert [one.wait(timeout=30) for one in ends] == [0, 0]
    return [json.loads(line) for line in printed.splitlines()]


def run_chromium(
    transport: str, modules: Path, *, delayed: bool, path: Path
) -> tuple[list[float], str]:
    """Record the calls from a page; return how many ms each took, and the browser's version."""
    what = path.with_suffix(".json")
    what.write_text(json.dumps({"calls": plan(), "paths": PATHS}))
    script = str(Path(__file__).with_name("calls_chromium.js"))
    with captured(path, delayed=delayed) as (server, client, host):
        lead = 6
        end = repr(time.monotonic() + lead + plan()[-1][0] + 4)
        start = str(round(1000 * (time.time() + lead)))
        ends = [
            subprocess.Popen([*server, sys.executable, __file__, "serve", host, end]),
            subprocess.Popen(
                [*client, "node", script, transport, host, str(PORT), start, str(what)],
                stdout=subprocess.PIPE,
                env={**os.environ, "NODE_PATH": str(modules)},
            ),
        ]
        printed = ends[1].communicate(timeout=90)[0]
        assert [one.wait(timeout=30) for one in ends] == [0, 0]
    events = [json.loads(line) for line in printed.splitlines()]
    (version,) = [event["text"] for event in events if event["event"] == "version"]
    return [event["ms"] for event in events if event["event"] == "call"], version


def record_chromium(transport: str, modules: Path, *, delayed: bool, path: Path) -> None:
    waits, version = run_chromium(transport, modules, delayed=delayed, path=path)
    publish(transport, waits, delayed=delayed, path=path, programs=[
        version, f"Python {platform.python_version()}", *recording.python_versions("aiohttp"),
    ])  # fmt: skip


def record(transport: str, *, delayed: bool, path: Path) -> None:
    events = run(transport, delayed=delayed, path=path)
    calls = [event for event in events if event["event"] == "call"]
    waits = [1e3 * (event["answered_at"] - event["called_at"]) for event in calls]
    programs = [
        f"Python {platform.python_version()}",
        *recording.python_versions("aiohttp", "requests", "websockets"),
    ]
    others = [event for event in events if event["event"] != "call"]
    publish(transport, waits, others, delayed=delayed, path=path, programs=programs)


def publish(
    transport: str,
    waits: list[float],
    events: Sequence[recording.Event] = (),
    *,
    delayed: bool,
    path: Path,
    programs: Sequence[str],
) -> None:
    """Check a capture and put it in place, with what the client's log says."""
    found: dict[str, Any] = {
        "source": "application log",
        "transport": transport,
        "workload": "calls",
        "round_trip_ms": 2e3 * ONE_WAY if delayed else 0.0,
        "requests": CALLS if transport == "ajax" else 1,
        "delivered": len(waits),
        "mean_latency_ms": round(sum(waits) / len(waits), 3),
        "p95_latency_ms": round(sorted(waits)[int(0.95 * len(waits))], 3),
    }
    check(path, list(events), found, PORT)
    way = "a path with a round trip of 40 ms" if delayed else "loopback"
    recording.publish(
        path,
        path.name,
        description=f"{CALLS} questions with their answers over {TRANSPORTS[transport]}; {way}",
        generator=Path(__file__).name,
        programs=programs,
        events=events,
        more={"delivery": found},
    )


def main() -> None:
    if sys.argv[1:2] == ["serve"]:
        asyncio.run(serve(sys.argv[2], float(sys.argv[3])))
        return
    if sys.argv[1:2] == ["talk"]:
        events = talk(sys.argv[2], sys.argv[3], float(sys.argv[4]))
        sys.stdout.write("".join(json.dumps(event) + "\n" for event in events))
        return
    names = {
        f"calls-{'chromium-' * chromium}{'delay-' * delayed}{transport}.pcap": (
            chromium,
            delayed,
            transport,
        )
        for delayed in (False, True)
        for transport in TRANSPORTS
        for chromium in (False, True)
    }
    chosen = asked(__doc__, names)
    with tempfile.TemporaryDirectory() as folder:
        for name in chosen:
            chromium, delayed, transport = names[name]
            path = Path(folder) / name
            if chromium:
                modules = recording.node_modules("playwright-core")
                record_chromium(transport, modules, delayed=delayed, path=path)
            else:
                record(transport, delayed=delayed, path=path)


if __name__ == "__main__":
    main()
