"""A lobby in Node: lines of very different sizes in bursts, over each way to deliver them.

A server on Node's http and ws, members on fetch (undici) and ws: programs that the model of costs
had not seen, recorded when it was done. `lobby` is plain; `lobby-gzip` goes through an nginx that
compresses answers (and passes WebSocket on), with permessage-deflate as ws does it by default:
messages from 1,024 bytes on. Over loopback, and over a path with a round trip of 40 ms.

    python lobby.py [NAME.pcap ...]
"""

from __future__ import annotations

import contextlib
import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import recording
from asked import asked
from chat_transports import BEHIND, ONE_WAY, TRANSPORTS, captured, check
from workloads import LOBBY

SCRIPT = Path(__file__).with_name("lobby.js")
OFFSETS = (0.0, 0.43, 0.71)
"""Seconds after the start at which members come: their polls are not in phase with each other."""
PLAIN, CODED = tuple(TRANSPORTS), ("websocket", "short-poll", "long-poll", "sse")
NGINX = """
daemon off; user root; pid %(folder)s/pid; error_log %(folder)s/error.log;
events { worker_connections 64; }
http {
  access_log off; client_body_temp_path %(folder)s/body; proxy_temp_path %(folder)s/proxy;
  fastcgi_temp_path %(folder)s/f; uwsgi_temp_path %(folder)s/u; scgi_temp_path %(folder)s/s;
  map $http_upgrade $upgrading { default upgrade; "" ""; }
  gzip on; gzip_types application/json text/event-stream; gzip_proxied any;
  server {
    listen %(host)s:%(port)d;
    keepalive_timeout 65;
    location / {
      proxy_pass http://%(host)s:%(behind)d; proxy_http_version 1.1; proxy_buffering off;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $upgrading;
      proxy_read_timeout 60s;
    }
  }
}
"""


@contextlib.contextmanager
def proxied(before: list[str], host: str) -> Iterator[None]:
    """Run nginx before the server."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "nginx.conf"
        ports = {"port": LOBBY.port, "behind": LOBBY.port + BEHIND}
        file.write_text(NGINX % {"folder": folder, "host": host, **ports})
        command = [*before, "nginx", "-c", str(file), "-e", f"{folder}/start.log"]
        nginx = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            yield
        finally:
            nginx.terminate()
            nginx.wait()


def run(
    transport: str, modules: Path, *, coded: bool, delayed: bool, path: Path
) -> list[recording.Event]:
    """Record one transport; return the events of both ends."""
    pattern = f"tcp port {LOBBY.port}"
    with (
        captured(path, delayed=delayed, pattern=pattern) as (server, client, host),
        proxied(server, host) if coded else contextlib.nullcontext(),
        tempfile.TemporaryDirectory() as folder,
    ):
        config = {
            "host": host, "port": LOBBY.port, "behind": LOBBY.port + BEHIND * coded,
            "transport": transport, "deflate": coded, "start": time.time() + 5, "end": LOBBY.end,
            "interval": LOBBY.interval, "hold": LOBBY.hold, "paths": LOBBY.paths,
            "members": LOBBY.members, "offsets": OFFSETS,
            "tokens": [LOBBY.session(number) for number in range(len(LOBBY.members))],
            "lines": [
                {"at": line.at, "text": line.text, "speaker": line.speaker, "to": line.to}
                for line in LOBBY.lines
            ],
        }  # fmt: skip
        file = Path(folder) / "config.json"
        file.write_text(json.dumps(config))
        environment = {"NODE_PATH": str(modules), "PATH": "/usr/bin:/bin:/usr/sbin:/sbin"}
        ends = []
        members = [(client, "talk", str(number)) for number in range(len(LOBBY.members))]
        for before, end, *which in ((server, "serve"), *members):
            command = [*before, "node", str(SCRIPT), end, str(file), *which]
            ends.append(subprocess.Popen(command, stdout=subprocess.PIPE, env=environment))
            time.sleep(0.8)
        printed = [end.communicate(timeout=LOBBY.end + 30)[0] for end in ends]
    assert not any(end.returncode for end in ends)
    return [json.loads(line) for text in printed for line in text.splitlines()]


def record(transport: str, modules: Path, *, coded: bool, delayed: bool, path: Path) -> None:
    events = run(transport, modules, coded=coded, delayed=delayed, path=path)
    posted, arrived = (
        {(event["member"], event["n"]): event[at] for event in events if event["event"] == kind}
        for kind, at in (("delivered", "posted_at"), ("arrived", "arrived_at"))
    )
    assert posted.keys() == arrived.keys(), (len(posted), len(arrived))
    waits = [1e3 * (at - posted[which]) for which, at in arrived.items()]
    (requests,) = [event["count"] for event in events if event["event"] == "requests"]
    found: dict[str, Any] = {
        "source": "application log",
        "transport": transport,
        "workload": "lobby-gzip" if coded else "lobby",
        "round_trip_ms": 2e3 * ONE_WAY if delayed else 0.0,
        "requests": requests,
        "delivered": len(waits),
        "mean_latency_ms": round(statistics.fmean(waits), 3),
        "p95_latency_ms": round(statistics.quantiles(waits, n=20)[-1], 3),
    }
    found |= {"interval_s": LOBBY.interval} if transport == "short-poll" else {}
    found |= {"hold_s": LOBBY.hold} if transport == "long-poll" else {}
    check(path, [], found, LOBBY.port, probes=True)
    text = TRANSPORTS[transport].format(interval=LOBBY.interval, hold=LOBBY.hold)
    text += " through nginx, which compresses" if coded else ""
    way = "a path with a round trip of 40 ms" if delayed else "loopback"
    node = recording.program_version("node", "--version")
    programs = [f"Node {node.removeprefix('v')}", recording.npm_version(modules, "ws")]
    if coded:
        nginx = recording.program_version("nginx", "-v")
        programs.append(nginx.removeprefix("nginx version: "))
    recording.publish(
        path,
        path.name,
        description=f"the workload lobby over {text}; {way}",
        generator=Path(__file__).name,
        programs=programs,
        more={"delivery": found},
    )


def main() -> None:
    names = {
        f"lobby-{'gzip-' * coded}{'delay-' * delayed}{transport}.pcap": (coded, delayed, transport)
        for coded, transports in ((False, PLAIN), (True, CODED))
        for delayed in (False, True)
        for transport in transports
    }
    chosen = asked(__doc__, names)
    modules = recording.node_modules("ws")
    with tempfile.TemporaryDirectory() as folder:
        for name in chosen:
            coded, delayed, transport = names[name]
            record(transport, modules, coded=coded, delayed=delayed, path=Path(folder) / name)


if __name__ == "__main__":
    main()
