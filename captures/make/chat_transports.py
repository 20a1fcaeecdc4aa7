"""One chat, with the same lines at the same times, over each way to deliver it.

Short polling, long polling, a chunked stream, server-sent events and WebSocket, served by
aiohttp to members who send headers like those of a browser over kept-alive connections; over
loopback, and over a path with a round trip of 40 ms. The stream of one workload goes through an
nginx that buffers too, whose way to the server is not captured. What is said is in
workloads.py, the two programs are in chat_ends.py.

The log has one `delivered` event for each line and member, with the times (Unix seconds)
for which it was planned, at which it became available at the server, was handed to the
transport, and had arrived at the client program.

    python chat_transports.py [NAME.pcap ...]
"""

from __future__ import annotations

import contextlib
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import netns
import recording
from asked import asked
from chat_ends import BEHIND
from workloads import WORKLOADS, Workload

ENDS = Path(__file__).with_name("chat_ends.py")
ONE_WAY = 0.02
"""Seconds; the round trip of the delayed captures is twice that."""
TRANSPORTS = {
    "websocket": "WebSocket",
    "short-poll": "short polling each {interval} s",
    "long-poll": "long polling, held for {hold:.0f} s at most",
    "stream": "one chunked response for each member",
    "sse": "server-sent events",
}
BUFFERED = "stream-buffered"
TEXTS = TRANSPORTS | {BUFFERED: "one response for each member through nginx, which buffers 4 kB"}
NGINX = """
daemon off; user root; pid %(folder)s/pid; error_log %(folder)s/error.log;
events { worker_connections 64; }
http {
  access_log off; client_body_temp_path %(folder)s/body; proxy_temp_path %(folder)s/proxy;
  fastcgi_temp_path %(folder)s/f; uwsgi_temp_path %(folder)s/u; scgi_temp_path %(folder)s/s;
  server {
    listen %(host)s:%(port)d;
    location / {
      proxy_pass http://127.0.0.1:%(behind)d; proxy_set_header X-Client-Port $remote_port;
      proxy_buffering on; proxy_buffer_size 4k; proxy_buffers 8 4k;
    }
  }
}
"""
NOT_LOST = "tcp.analysis.retransmission || tcp.analysis.lost_segment"


@contextlib.contextmanager
def captured(
    path: Path, *, delayed: bool, pattern: str = "tcp"
) -> Iterator[tuple[list[str], list[str], str]]:
    """Capture what two ends say to each other, over loopback or over the delaying path.

    Yields:
        What goes before the commands of the server and of the client, and the server's address.
    """
    if not delayed:
        netns.add()
        try:
            inside = netns.inside(netns.A)
            with recording.capture(path, interface="lo", prefix=inside, pattern=pattern):
                yield inside, inside, "127.0.0.1"
        finally:
            netns.remove()
        return
    with netns.forwarded(delay=ONE_WAY):
        server = netns.inside(netns.B)
        with recording.capture(path, interface="tun0", prefix=server, pattern=pattern):
            yield server, netns.inside(netns.A), netns.ADDRESS_B


@contextlib.contextmanager
def proxied(workload: Workload, before: list[str], host: str) -> Iterator[None]:
    """Run nginx with proxy_buffering between the clients and the server, beside the server."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "nginx.conf"
        ports = {"port": workload.port, "behind": workload.port + BEHIND}
        file.write_text(NGINX % {"folder": folder, "host": host, **ports})
        command = [*before, "nginx", "-c", str(file), "-e", f"{folder}/start.log"]
        nginx = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            yield
        finally:
            nginx.terminate()
            nginx.wait()


def run(workload: Workload, transport: str, *, delayed: bool, path: Path) -> list[recording.Event]:
    """Record one transport. Server and clients are processes; returns their events."""
    pattern = f"tcp port {workload.port}"
    with (
        captured(path, delayed=delayed, pattern=pattern) as (server, client, host),
        proxied(workload, server, host) if transport == BUFFERED else contextlib.nullcontext(),
    ):
        start = time.monotonic() + 4
        what = [workload.name, transport, host, repr(start)]
        command = [sys.executable, str(ENDS)]
        ends = [
            subprocess.Popen([*before, *command, end, *what], stdout=subprocess.PIPE)
            for end, before in (("serve", server), ("talk", client))
        ]
        printed = [end.communicate(timeout=workload.end + 30)[0] for end in ends]
    assert [end.returncode for end in ends] == [0, 0]
    events = [json.loads(line) for text in printed for line in text.splitlines()]
    return joined(events)


def joined(events: list[recording.Event]) -> list[recording.Event]:
    """Put what clients say of arrivals into the server's events of the same deliveries."""
    delivered = {
        (event["member"], event["number"]): event
        for event in events
        if event["event"] == "delivered"
    }
    arrived = [event for event in events if event["event"] == "arrived"]
    assert len(arrived) == len(delivered), (len(arrived), len(delivered))
    for event in arrived:
        given = delivered[event["member"], event["number"]]
        assert given["sha256"] == event["sha256"]
        given["arrived_at"] = event["arrived_at"]
    return [event for event in events if event["event"] != "arrived"]


def facts(
    workload: Workload, transport: str, *, delayed: bool, events: list[recording.Event]
) -> dict[str, Any]:
    """What a model of the costs is held to, from the programs' own log."""
    given = [event for event in events if event["event"] == "delivered"]
    assert len(given) == sum(len(line.to) for line in workload.lines)
    latencies = [1e3 * (event["arrived_at"] - event["posted_at"]) for event in given]
    requests = sum(event["event"] in ("exchange", "open") for event in events)
    found: dict[str, Any] = {
        "source": "application log",
        "transport": transport,
        "workload": workload.name,
        "round_trip_ms": 2e3 * ONE_WAY if delayed else 0.0,
        "members": len(workload.members),
        "duration_s": workload.end,
        "requests": requests,
        "delivered": len(given),
        "mean_latency_ms": round(statistics.fmean(latencies), 3),
        "p95_latency_ms": round(statistics.quantiles(latencies, n=20)[-1], 3),
    }
    if transport == "short-poll":
        found["interval_s"] = workload.interval
    if transport == "long-poll":
        found["hold_s"] = workload.hold
    return found


def check(
    path: Path,
    events: list[recording.Event],
    found: dict[str, Any],
    port: int,
    *,
    probes: bool = False,
) -> None:
    """Stop where tshark sees other requests than the log has, or a retransmission.

    Args:
        path: of the capture.
        events: of the server.
        found: facts of the log.
        port: of the server.
        probes: segments may be sent again over loopback too: TCP probes whether the last one of
            an answer was lost (RFC 8985 7) where its ACK waits.
    """
    requests = len(recording.tshark_fields(path, "http.request", "frame.number"))
    assert requests == found["requests"], (path.name, requests, found)
    again = len(recording.tshark_fields(path, NOT_LOST, "frame.number"))
    rows = recording.tshark_fields(path, "tcp", "frame.len", "tcp.srcport", "tcp.len", "tcp.flags")
    acks: Counter[str] = Counter()
    for _, source, length, flags in rows:
        if int(length) == 0 and int(flags, 16) == 0x010:
            acks["server" if int(source) == port else "client"] += 1
    streams = {row[0] for row in recording.tshark_fields(path, "tcp", "tcp.stream")}
    cells = [path.name, requests, len(rows), sum(int(row[0]) for row in rows)]
    cells += [acks["client"], acks["server"], found["mean_latency_ms"], found["p95_latency_ms"]]
    print(" | ".join(map(str, [*cells, len(streams), again])))
    ports = [event["port"] for event in events if event["event"] == "exchange"]
    firsts = [int(row[0]) for row in recording.tshark_fields(path, "tcp.flags == 2", "tcp.srcport")]
    assert list(dict.fromkeys(ports)) == [port for port in firsts if port in ports]
    assert not again or probes or found["round_trip_ms"], f"{path.name}: {again} retransmissions"


def record(workload: Workload, transport: str, *, delayed: bool, path: Path) -> None:
    events = run(workload, transport, delayed=delayed, path=path)
    found = facts(workload, transport, delayed=delayed, events=events)
    check(path, events, found, workload.port)
    text = TEXTS[transport].format(interval=workload.interval, hold=workload.hold)
    nginx = []
    if transport == BUFFERED:
        version = recording.program_version("nginx", "-v")
        nginx.append(version.removeprefix("nginx version: "))
    way = "a path with a round trip of 40 ms" if delayed else "loopback"
    recording.publish(
        path,
        path.name,
        description=f"the workload {workload.name} over {text}; {way}",
        generator=Path(__file__).name,
        programs=[
            f"Python {platform.python_version()}",
            *recording.python_versions("aiohttp"),
            *nginx,
        ],
        events=events,
        more={"delivery": found},
    )


def main() -> None:
    names = {
        f"{workload.name}-{'delay-' * delayed}{transport}.pcap": (workload, delayed, transport)
        for workload in WORKLOADS.values()
        for delayed in (False, True)
        for transport in TEXTS
        if transport in workload.paths
    }
    chosen = asked(__doc__, names)
    print("capture | requests | packets | bytes | pure ACKs of client | of server"
          " | mean latency ms | 95th percentile | TCP connections | retransmissions")  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        for name in chosen:
            workload, delayed, transport = names[name]
            record(workload, transport, delayed=delayed, path=Path(folder) / name)


if __name__ == "__main__":
    main()
