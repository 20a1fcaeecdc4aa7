"""Captures of protocols inside WebSocket whose two ends come from npm.

    python inside_npm.py [NAME ...]

Each script in inside/ is a client and a server of one protocol, and logs what it says in the
protocol's own terms (inside/said.js).
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import recording
from asked import asked
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
SIGNALR = ("@microsoft/signalr", "@microsoft/signalr-protocol-msgpack", "ws")
SOCKJS = ("sockjs", "sockjs-client", "@stomp/stompjs")
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
    "socket-io-msgpack": Scenario(
        "socket_io.js",
        ["msgpack"],
        (*SOCKET_IO, "socket.io-msgpack-parser"),
        "as socket-io-room, packets written by socket.io-msgpack-parser; not compressed",
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
    "signalr-json": Scenario(
        "signalr.js",
        ["json"],
        SIGNALR,
        "SignalR with JSON: invocations both ways, streams both ways, cancelled and failed,"
        " pings; the hub is a small server after the protocol's specification",
    ),
    "signalr-json-deflate": Scenario(
        "signalr.js", ["deflate"], SIGNALR, "as signalr-json, compressed"
    ),
    "signalr-messagepack": Scenario(
        "signalr.js", ["messagepack"], SIGNALR, "as signalr-json, with MessagePack"
    ),
    "graphql-transport-ws": Scenario(
        "graphql.js",
        ["new"],
        ("graphql", "graphql-ws", "ws"),
        "GraphQL over the subprotocol graphql-transport-ws, compressed: queries that overlap,"
        " a mutation, a subscription, errors, pings",
    ),
    "graphql-ws": Scenario(
        "graphql.js",
        ["old"],
        ("graphql", "subscriptions-transport-ws", "ws"),
        "GraphQL over the older subprotocol graphql-ws; as graphql-transport-ws, not compressed",
    ),
    "sockjs-stomp-websocket": Scenario(
        "sockjs_stomp.js",
        ["websocket"],
        SOCKJS,
        "STOMP inside SockJS over WebSocket: a room of two; the broker is a small one on the"
        " package sockjs",
    ),
    **{
        f"sockjs-stomp-{transport}": Scenario(
            "sockjs_stomp.js",
            [transport],
            SOCKJS,
            f"as sockjs-stomp-websocket over {transport}; no WebSocket",
        )
        for transport in ("xhr-streaming", "xhr-polling", "eventsource")
    },
    **{
        f"wamp-{form}": Scenario(
            "wamp.js",
            [form],
            ("autobahn", "ws"),
            f"WAMP v2, wamp.2.{form}: procedures that overlap, fail and give progress, a topic"
            " with two readers; the router is a small one after the specification",
        )
        for form in ("json", "msgpack", "cbor")
    },
    "chromium-cdp": Scenario(
        "cdp.js",
        [],
        ("ws",),
        "the Chrome DevTools Protocol: a page by its own path, two pages by sessions",
        programs=[("chromium", "--version")],
    ),
    "phoenix": Scenario(
        "phoenix.js",
        [],
        ("phoenix", "ws"),
        "Phoenix channels (serializer 2): a room of three, replies, errors, heart-beats; the"
        " server is a small one after the protocol",
    ),
    "action-cable": Scenario(
        "action_cable.js",
        [],
        ("@rails/actioncable", "ws"),
        "Action Cable: subscriptions confirmed and rejected, a room of two, pings; the server is"
        " a small one after the protocol",
    ),
    "pusher": Scenario(
        "pusher.js",
        [],
        ("pusher-js", "ws"),
        "Pusher Channels, protocol 7: a private channel of three, client events, pings; the"
        " server is a small one after the protocol",
    ),
    "centrifugo": Scenario(
        "centrifugo.js",
        [],
        ("centrifuge", "ws"),
        "Centrifugo's JSON protocol: a channel of two, calls, several messages in one; the server"
        " is a small one after the protocol",
    ),
    "ddp": Scenario(
        "ddp.js",
        [],
        ("ddp", "ws"),
        "DDP of Meteor: methods, a subscription, an error, pings; the server is a small one after"
        " the specification",
    ),
    "home-assistant": Scenario(
        "home_assistant.js",
        [],
        ("home-assistant-js-websocket", "ws"),
        "Home Assistant: authentication, calls, events, several messages in one; the server is a"
        " small one after its documentation",
    ),
    "sip": Scenario(
        "sip.js",
        [],
        ("jssip", "ws"),
        "SIP over WebSocket (RFC 7118): REGISTER, OPTIONS and MESSAGE by JsSIP, one refused,"
        " keep-alives; the server is a small one",
    ),
    "xmpp": Scenario(
        "xmpp.js",
        [],
        ("@xmpp/client", "ws"),
        "XMPP over WebSocket (RFC 7395): framing, SASL, iq answered and refused, messages,"
        " presence, pings (XEP-0199); the server is a small one",
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
    names = asked(__doc__, SCENARIOS)
    recording.isolate()
    chosen = [SCENARIOS[name] for name in names]
    packages = {package for one in chosen for package in one.install or one.packages}
    modules = recording.node_modules(*sorted(packages))
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            record(name, modules, Path(folder))


if __name__ == "__main__":
    main()
