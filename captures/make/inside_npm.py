"""Captures of protocols inside WebSocket whose two ends come from npm.

    python inside_npm.py [NAME ...]

Each script in inside/ is a client and a server of one protocol, and logs what it says in the
protocol's own terms (inside/said.js).
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import recording
from tls_ends import certificate

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Scenario:
    """A script of inside/ with its arguments, the packages it loads, and what it shows."""

    script: str
    arguments: Sequence[str]
    packages: Sequence[str]
    text: str
    tls: bool = False
    install: Sequence[str] = ()
    notes: str = ""
    programs: Sequence[tuple[str, ...]] = ()


SOCKET_IO = ("socket.io", "socket.io-client")
OLD_SOCKET_IO = ("socket.io2@npm:socket.io@2", "socket.io-client2@npm:socket.io-client@2")
SCENARIOS = {
    "socket-io-room": Scenario(
        "socket_io.js",
        ["websocket"],
        SOCKET_IO,
        "Socket.IO over WebSocket alone, compressed: a room of three, two namespaces, acks both"
        " ways, binary events and acks, a call without an answer",
    ),
    "socket-io-room-upgrade": Scenario(
        "socket_io.js",
        ["upgrade"],
        SOCKET_IO,
        "as socket-io-room, each member from HTTP long-polling to WebSocket; not compressed",
    ),
    "socket-io-calls-polling": Scenario(
        "socket_io.js",
        ["polling"],
        SOCKET_IO,
        "Socket.IO's acks over HTTP long-polling alone; no WebSocket",
    ),
    "socket-io-room-tls": Scenario(
        "socket_io.js", ["tls"], SOCKET_IO, "as socket-io-room in TLS 1.3; not compressed", tls=True
    ),
    "socket-io-2": Scenario(
        "socket_io.js",
        ["v2"],
        ("socket.io2", "socket.io-client2"),
        "socket.io 2 (Engine.IO 3) over WebSocket: a room of three, acks, binary events",
        install=OLD_SOCKET_IO,
    ),
    "mqtt-3": Scenario(
        "mqtt.js",
        ["4"],
        ("mqtt", "ws"),
        "MQTT 3.1.1: three clients, wildcards, QoS 0 to 2, a retained message, PINGREQ",
        programs=[("mosquitto", "-h")],
    ),
    "mqtt-5": Scenario(
        "mqtt.js",
        ["5"],
        ("mqtt", "ws"),
        "MQTT 5: as mqtt-3, with topic aliases, and requests by response topic and"
        " correlation data",
        programs=[("mosquitto", "-h")],
    ),
    "mqtt-split": Scenario(
        "mqtt.js",
        ["split"],
        ("mqtt-packet", "ws"),
        "MQTT 3.1.1: packets across messages, also within their length, and several in one",
        programs=[("mosquitto", "-h")],
    ),
    "json-rpc": Scenario(
        "json_rpc.js",
        ["plain"],
        ("rpc-websockets", "ws"),
        "JSON-RPC 2.0: calls that overlap, errors, notifications, batches",
    ),
    "json-rpc-deflate": Scenario(
        "json_rpc.js", ["deflate"], ("rpc-websockets", "ws"), "as json-rpc, compressed"
    ),
}


def version(modules: Path, package: str) -> str:
    """The package under its own name, where it was installed under another."""
    name = package if package.startswith("@") else package.rstrip("23")
    return recording.npm_version(modules, package).replace(f" {package} ", f" {name} ")


def record(name: str, modules: Path, folder: Path) -> None:
    scenario = SCENARIOS[name]
    path, keys = folder / f"{name}.pcap", folder / f"{name}.keys"
    arguments = list(scenario.arguments)
    os.environ.pop("NODE_OPTIONS", None)
    if scenario.tls:
        arguments.append(str(certificate(folder, "ecdsa", "localhost")))
        os.environ["NODE_OPTIONS"] = f"--tls-keylog={keys}"
    with recording.capture(path):
        events = recording.run_node(HERE / "inside" / scenario.script, modules, *arguments)
    os.environ.pop("NODE_OPTIONS", None)
    events.sort(key=lambda event: event["event"] == "exchange")
    node = "node " + recording.program_version("node", "-v")
    recording.publish(
        path,
        path.name,
        description=scenario.text,
        generator="inside_npm.py",
        programs=[
            node,
            *(version(modules, package) for package in scenario.packages),
            *(recording.program_version(*command) for command in scenario.programs),
        ],
        events=events,
        keys=keys if scenario.tls else None,
        tshark_notes=scenario.notes,
    )


def main() -> None:
    recording.isolate()
    names = sys.argv[1:] or list(SCENARIOS)
    chosen = [SCENARIOS[name] for name in names]
    packages = {package for one in chosen for package in one.install or one.packages}
    modules = recording.node_modules(*sorted(packages))
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            record(name, modules, Path(folder))


if __name__ == "__main__":
    main()
