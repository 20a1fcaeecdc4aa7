"""Socket.IO over Engine.IO's long polling, and over its WebSocket: the same room both times.

Server and clients are the npm packages, in processes of their own; over loopback, and over a path
with a round trip of 40 ms. What is said is in workloads.py. The log has one `delivered` event for
each line and member, with the times (Unix seconds) at which the server emitted it and the client
had it.

    python engine_io.py [NAME.pcap ...]
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import recording
from asked import asked
from chat_transports import ONE_WAY, captured, check
from workloads import ROOM

PACKAGES = ("socket.io", "socket.io-client")
TRANSPORTS = {"polling": "long polling", "websocket": "WebSocket alone"}
HEART_BEAT = 10.0


def plan(path: Path) -> None:
    """Write what engine_io.js says, and when."""
    lines = [
        {"n": n, "at": line.at, "kind": line.kind, "speaker": line.speaker, "to": line.to,
         "said": json.loads(line.text)}
        for n, line in enumerate(ROOM.lines)
    ]  # fmt: skip
    path.write_text(json.dumps({"members": ROOM.members, "lines": lines, "end": ROOM.end}))


def run(transport: str, modules: Path, *, delayed: bool, path: Path) -> list[recording.Event]:
    """Record one transport; return the events of both ends."""
    what = path.with_suffix(".json")
    plan(what)
    environment = {**os.environ, "NODE_PATH": str(modules)}
    script = str(Path(__file__).with_suffix(".js"))
    with captured(path, delayed=delayed) as (server, client, host):
        start = str(round(1000 * (time.time() + 3)))
        arguments = [transport, host, str(ROOM.port), start, str(what)]
        ends = [
            subprocess.Popen(
                [*before, "node", script, end, *arguments], stdout=subprocess.PIPE, env=environment
            )
            for end, before in (("serve", server), ("talk", client))
        ]
        printed = [end.communicate(timeout=ROOM.end + 30)[0] for end in ends]
    assert [end.returncode for end in ends] == [0, 0]
    return [json.loads(line) for text in printed for line in text.splitlines()]


def joined(events: list[recording.Event]) -> list[recording.Event]:
    """Return one event for each line and member that it reached."""
    kinds = {kind: [e for e in events if e["event"] == kind] for kind in ("delivered", "arrived")}
    arrived = {(event["member"], event["n"]): event["arrived_at"] for event in kinds["arrived"]}
    assert len(arrived) == len(kinds["arrived"]) == len(kinds["delivered"])
    return [
        event | {"arrived_at": arrived[event["member"], event["n"]]} for event in kinds["delivered"]
    ]


def record(transport: str, modules: Path, *, delayed: bool, path: Path) -> None:
    events = run(transport, modules, delayed=delayed, path=path)
    given = joined(events)
    assert len(given) == sum(len(line.to) for line in ROOM.lines)
    waits = [1e3 * (event["arrived_at"] - event["posted_at"]) for event in given]
    found: dict[str, Any] = {
        "source": "application log",
        "transport": "long-poll" if transport == "polling" else "websocket",
        "workload": "engine-io",
        "round_trip_ms": 2e3 * ONE_WAY if delayed else 0.0,
        "hold_s": HEART_BEAT,
        "requests": sum(event["event"] == "request" for event in events),
        "delivered": len(given),
        "mean_latency_ms": round(statistics.fmean(waits), 3),
        "p95_latency_ms": round(statistics.quantiles(waits, n=20)[-1], 3),
    }
    check(path, [], found, ROOM.port)
    way = "a path with a round trip of 40 ms" if delayed else "loopback"
    recording.publish(
        path,
        path.name,
        description=f"a Socket.IO room of {len(ROOM.members)} over {TRANSPORTS[transport]}; {way}",
        generator=Path(__file__).name,
        programs=[
            recording.program_version("node", "--version"),
            *(recording.npm_version(modules, package) for package in PACKAGES),
        ],
        more={"delivery": found},
    )


def main() -> None:
    names = {
        f"engine-io-{'delay-' * delayed}{transport}.pcap": (transport, delayed)
        for delayed in (False, True)
        for transport in TRANSPORTS
    }
    chosen = asked(__doc__, names)
    modules = recording.node_modules(*PACKAGES)
    with tempfile.TemporaryDirectory() as folder:
        for name in chosen:
            transport, delayed = names[name]
            path = Path(folder) / name
            record(transport, modules, delayed=delayed, path=path)


if __name__ == "__main__":
    main()
