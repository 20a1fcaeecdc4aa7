"""Captures of the npm package ws, server and client over loopback."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import recording
from asked import asked

SCENARIOS = {
    "basic": "text and binary, payloads of 0, 1, 125, 126, 127, 1000, 65535 and 65536 bytes",
    "large": "a message of 200 kB and one of 150 kB over many segments; server closes with 1001",
    "fragments": "pings between fragments, both directions at once; Close without a body",
    "closes": "12 connections, each closed with another code or reason, by client or server",
    "aborts": "4 connections that end without a Close frame: FIN or RST, by client or server",
    "subprotocol": "two subprotocols offered, one chosen; Origin and Cookie in the request",
    "pings": "pings both ways, several outstanding at once, one unsolicited pong",
    "many": "12 connections at a time, 20 small frames to a segment",
}
ALL = {"threshold": 0}
DEFLATE = {
    "takeover": (ALL, ALL, "context takeover on both sides"),
    "server-no-takeover": (
        {"threshold": 0, "serverNoContextTakeover": True},
        ALL,
        "server_no_context_takeover only",
    ),
    "client-no-takeover": (
        {"threshold": 0, "clientNoContextTakeover": True},
        ALL,
        "client_no_context_takeover only",
    ),
    "no-takeover": (
        {"threshold": 0, "serverNoContextTakeover": True, "clientNoContextTakeover": True},
        ALL,
        "no context takeover on either side",
    ),
    "bits-9": (
        {"threshold": 0, "serverMaxWindowBits": 9, "clientMaxWindowBits": 9},
        {"threshold": 0, "serverMaxWindowBits": 9, "clientMaxWindowBits": 9},
        "windows of 2^9 bytes on both sides",
    ),
    "bits-10-13": (
        {"threshold": 0, "serverMaxWindowBits": 10, "clientMaxWindowBits": 13},
        {"threshold": 0, "clientMaxWindowBits": True},
        "windows of 2^10 (server) and 2^13 (client) bytes",
    ),
    "threshold": (
        {"threshold": 1024, "serverNoContextTakeover": True, "clientNoContextTakeover": True},
        {"threshold": 1024},
        "no context takeover; messages under 1024 bytes are sent plain, longer ones compressed",
    ),
}
ONE_SIDED = (
    "tshark 4.0.17 inflates with the contexts of the two sides swapped where only one of them"
    " has no context takeover: its frame counts are right, its payloads are not"
)


def main() -> None:
    names = [f"npm-ws-{name}" for name in SCENARIOS]
    chosen = asked(__doc__, [*names, *(f"npm-ws-deflate-{name}" for name in DEFLATE)])
    recording.isolate()
    modules = recording.node_modules("ws@8")
    programs = [
        recording.npm_version(modules, "ws"),
        "node " + recording.program_version("node", "-v"),
    ]
    script = Path(__file__).with_suffix(".js")
    jobs: list[tuple[str, list[str], str, str]] = [
        (f"npm-ws-{name}", [name], text, "") for name, text in SCENARIOS.items()
    ]
    for name, (server, client, text) in DEFLATE.items():
        arguments = ["deflate", json.dumps(server), json.dumps(client)]
        note = ONE_SIDED if name in ("server-no-takeover", "client-no-takeover") else ""
        jobs.append((f"npm-ws-deflate-{name}", arguments, f"permessage-deflate: {text}", note))
    with tempfile.TemporaryDirectory() as folder:
        for name, arguments, text, note in jobs:
            if name not in chosen:
                continue
            path = Path(folder) / f"{name}.pcap"
            with recording.capture(path):
                events = recording.run_node(script, modules, *arguments)
            recording.publish(
                path,
                path.name,
                description=text,
                generator="npm_ws.py",
                programs=programs,
                events=events,
                tshark_notes=note,
            )


if __name__ == "__main__":
    main()
