"""Captures of protocols over WebSocket from npm: Socket.IO, SockJS and STOMP."""

from __future__ import annotations

import tempfile
from pathlib import Path

import recording
from asked import asked

HERE = Path(__file__).parent
# name: script, arguments, packages, what it shows
SCENARIOS: dict[str, tuple[str, list[str], list[str], str]] = {
    "socket-io-upgrade": (
        "socket_io.js",
        ["upgrade"],
        ["socket.io", "socket.io-client"],
        "Socket.IO: HTTP long-polling, then an upgrade to WebSocket; text and binary events",
    ),
    "socket-io-polling": (
        "socket_io.js",
        ["polling"],
        ["socket.io", "socket.io-client"],
        "Socket.IO that stays on HTTP long-polling; no WebSocket",
    ),
    "sockjs-websocket": (
        "sockjs.js",
        ["websocket"],
        ["sockjs", "sockjs-client"],
        "SockJS over its WebSocket transport, with its /info request and heart-beats",
    ),
    "sockjs-xhr-streaming": (
        "sockjs.js",
        ["xhr-streaming"],
        ["sockjs", "sockjs-client"],
        "SockJS over xhr-streaming; no WebSocket",
    ),
    "sockjs-xhr-polling": (
        "sockjs.js",
        ["xhr-polling"],
        ["sockjs", "sockjs-client"],
        "SockJS over xhr-polling (long polling); no WebSocket",
    ),
    "stomp": (
        "stomp.js",
        [],
        ["@stomp/stompjs", "ws"],
        "STOMP 1.2, subprotocol v12.stomp, with heart-beats of one byte both ways",
    ),
}


def main() -> None:
    chosen = asked(__doc__, SCENARIOS)
    recording.isolate()
    packages = {package for _, _, used, _ in SCENARIOS.values() for package in used}
    modules = recording.node_modules(*sorted(packages))
    node = "node " + recording.program_version("node", "-v")
    with tempfile.TemporaryDirectory() as folder:
        for name in chosen:
            script, arguments, used, text = SCENARIOS[name]
            path = Path(folder) / f"{name}.pcap"
            with recording.capture(path):
                events = recording.run_node(HERE / script, modules, *arguments)
            recording.publish(
                path,
                path.name,
                description=text,
                generator="npm_libraries.py",
                programs=[node, *(recording.npm_version(modules, package) for package in used)],
                events=events,
            )


if __name__ == "__main__":
    main()
