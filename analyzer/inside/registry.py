"""All inner protocols: how each is recognised, in the order in which they are tried.

A protocol is one file and one entry here. The file, and the library that reads JSON, is imported
when a message may be of the protocol: most connections speak none, or one. Knows what connections
and messages of a protocol begin with and hold. Used by inside.sessions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Final

from analyzer.inside.json_hints import BEATS, KEYS
from analyzer.inside.protocol import Decoder, Protocol, Setting
from analyzer.lazy_pattern import lazy_pattern


def _late(module: str, name: str) -> Callable[..., Any]:
    """Return a function of a protocol's file, which is imported when it is first called."""
    found: list[Callable[..., Any]] = []

    def call(*given: Any) -> Any:
        if not found:
            found.append(getattr(import_module(f"analyzer.inside.{module}"), name))
        return found[0](*given)

    return call


def _tunnel(
    inner: str, first: re.Pattern[bytes], begins: bytes, subprotocols: str | None = None
) -> Protocol:
    """Return a protocol that only gets a label, by its first bytes."""

    def make(setting: Setting) -> Decoder:
        from analyzer.inside.tunnels import Tunnel

        return Tunnel(setting, inner)

    def looks(payload: bytes, sender: int, is_text: bool) -> bool:
        return first.match(payload) is not None

    named: re.Pattern[str] | None = lazy_pattern(subprotocols) if subprotocols else None
    return Protocol(inner, make, looks, subprotocols=named, begins=begins)


ENGINE_IO_PATH: Final = lazy_pattern(r"[^?]*\?(?:.*&)?EIO=[1-5](?:&|$)", needs="EIO=")
ENGINE_IO_BY_PATH: Final = Protocol(
    "engine.io",
    _late("engine_io", "EngineIo"),
    _late("engine_io", "looks_named"),
    path=ENGINE_IO_PATH,
    needs_path=True,
)

ENGINE_IO: Final = Protocol(
    "engine.io", _late("engine_io", "EngineIo"), _late("engine_io", "looks"), begins=b"0234"
)

STOMP: Final = Protocol(
    "stomp",
    _late("stomp", "Stomp"),
    _late("stomp", "looks"),
    subprotocols=lazy_pattern(r"v1[012]\.stomp|stomp|v\d\d\.stomp"),
    begins=b"\r\nABCDEMNRSU",
)

MQTT: Final = Protocol(
    "mqtt",
    _late("mqtt", "Mqtt"),
    _late("mqtt", "looks"),
    subprotocols=lazy_pattern(r"mqtt|mqttv3\.1(?:\.1)?|mqttv5"),
    begins=b"\x10\x20",
    middle=_late("mqtt", "middle"),
    fits=_late("mqtt", "fits"),
)

SIGNALR: Final = Protocol(
    "signalr",
    _late("signalr", "SignalR"),
    _late("signalr", "looks"),
    begins=b"{",
    needs=(b"\x1e",),
    middle=_late("signalr", "middle"),
    fits=_late("signalr", "fits"),
)

WAMP: Final = Protocol(
    "wamp",
    _late("wamp", "Wamp"),
    _late("wamp", "looks"),
    subprotocols=lazy_pattern(r"wamp\.2\.(?:json|msgpack|cbor)(?:\.batched)?"),
    begins=b"[",
    middle=_late("wamp", "middle"),
    fits=_late("wamp", "fits"),
)

GRAPHQL: Final = Protocol(
    "graphql-transport-ws",
    _late("graphql", "Graphql"),
    _late("graphql", "looks"),
    subprotocols=lazy_pattern(r"graphql-ws|graphql-transport-ws"),
    begins=b"{",
    needs=(b'"type"',),
    middle=_late("graphql", "middle"),
    fits=_late("graphql", "fits"),
)

JSON_RPC: Final = Protocol(
    "json-rpc",
    _late("json_rpc", "JsonRpc"),
    _late("json_rpc", "looks"),
    begins=b"{[C",
    needs=(b'"jsonrpc"',),
)

CDP_BY_PATH: Final = Protocol(
    "cdp",
    _late("cdp", "Cdp"),
    _late("cdp", "looks_named"),
    path=lazy_pattern(
        r"/devtools/(?:page|browser|worker|shared_worker|inspector)(?:/|$)", needs="/devtools/"
    ),
    needs_path=True,
)

CDP: Final = Protocol(
    "cdp", _late("cdp", "Cdp"), _late("cdp", "looks"), begins=b"{", needs=(b'"method"',)
)

PHOENIX_BY_PATH: Final = Protocol(
    "phoenix",
    _late("phoenix", "Phoenix"),
    _late("phoenix", "looks_named"),
    path=lazy_pattern(r"[^?]*/websocket\?(?:.*&)?vsn=[12]\.", needs="vsn="),
    needs_path=True,
)

PHOENIX: Final = Protocol(
    "phoenix",
    _late("phoenix", "Phoenix"),
    _late("phoenix", "looks"),
    needs=(b'"phx_', b'"phoenix"'),
    middle=_late("phoenix", "middle"),
    fits=_late("phoenix", "looks_named"),
)

ACTION_CABLE: Final = Protocol(
    "action-cable",
    _late("action_cable", "ActionCable"),
    _late("action_cable", "looks"),
    subprotocols=lazy_pattern(r"actioncable-v\d+-json"),
    begins=b"{",
    needs=(b'"command"', b'"type"'),
    middle=_late("action_cable", "middle"),
    fits=_late("action_cable", "fits"),
)

PUSHER_BY_PATH: Final = Protocol(
    "pusher",
    _late("pusher", "Pusher"),
    _late("pusher", "looks_named"),
    path=lazy_pattern(r"[^?]*/app/[^/?]+\?(?:.*&)?protocol=\d", needs="protocol="),
    needs_path=True,
)

PUSHER: Final = Protocol(
    "pusher",
    _late("pusher", "Pusher"),
    _late("pusher", "looks"),
    begins=b"{",
    needs=(b'"pusher',),
    middle=_late("pusher", "middle"),
    fits=_late("pusher", "looks_named"),
)

CENTRIFUGO: Final = Protocol(
    "centrifugo",
    _late("centrifugo", "Centrifugo"),
    _late("centrifugo", "looks"),
    subprotocols=lazy_pattern(r"centrifuge-(?:json|protobuf)"),
    path=lazy_pattern(r"[^?]*/connection/(?:uni_)?websocket(?:\?|$)", needs="/connection/"),
    needs_path=True,
    middle=_late("centrifugo", "middle"),
    fits=_late("centrifugo", "fits"),
)

OCPP_BY_PATH: Final = Protocol(
    "ocpp",
    _late("ocpp", "Ocpp"),
    _late("ocpp", "looks"),
    path=lazy_pattern(r"(?i)[^?]*/ocpp"),
    needs_path=True,
)

OCPP: Final = Protocol(
    "ocpp",
    _late("ocpp", "Ocpp"),
    _late("ocpp", "middle"),
    subprotocols=lazy_pattern(r"ocpp\d(?:\.\d){1,2}"),
    begins=b"[",
    fits=_late("ocpp", "looks"),
)

JUPYTER: Final = Protocol(
    "jupyter",
    _late("jupyter", "Jupyter"),
    _late("jupyter", "looks"),
    subprotocols=lazy_pattern(r"v1\.kernel\.websocket\.jupyter\.org"),
    path=lazy_pattern(r"[^?]*/api/kernels/[^/?]+/channels(?:\?|$)", needs="/api/kernels/"),
    needs_path=True,
    middle=_late("jupyter", "middle"),
    fits=_late("jupyter", "fits"),
)

KUBERNETES: Final = Protocol(
    "kubernetes",
    _late("kubernetes", "Kubernetes"),
    _late("kubernetes", "looks"),
    subprotocols=lazy_pattern(r"(?:base64\.)?(?:v\d\.)?channel\.k8s\.io"),
    begins=b"\0\1\2\3\4\xff01234",
)

SIP: Final = Protocol(
    "sip",
    _late("sip", "Sip"),
    _late("sip", "looks"),
    subprotocols=lazy_pattern("sip"),
    begins=b"ABCDEFGHIJKLMNOPQRSTUVWXYZ",
)

XMPP: Final = Protocol(
    "xmpp",
    _late("xmpp", "Xmpp"),
    _late("xmpp", "looks"),
    subprotocols=lazy_pattern("xmpp"),
    begins=b"< \t\n\v\f\r",
    needs=(b"urn:ietf:params:xml:ns:xmpp-framing",),
    middle=_late("xmpp", "middle"),
    fits=_late("xmpp", "fits"),
)

DDP: Final = Protocol(
    "ddp",
    _late("ddp", "Ddp"),
    _late("ddp", "looks"),
    begins=b"{",
    needs=(b'"msg"',),
    middle=_late("ddp", "middle"),
    fits=_late("ddp", "fits"),
)

HOME_ASSISTANT: Final = Protocol(
    "home-assistant",
    _late("home_assistant", "HomeAssistant"),
    _late("home_assistant", "looks"),
    path=lazy_pattern(r"(?:[^?]*)/api/websocket(?:\?|$)", needs="/api/websocket"),
    needs_path=True,
    middle=_late("home_assistant", "middle"),
    fits=_late("home_assistant", "fits"),
)

SOCKJS: Final = Protocol(
    "sockjs",
    _late("sockjs", "SockJs"),
    _late("sockjs", "looks"),
    path=lazy_pattern(r"[^?#]*/[^/.?#]+/[^/.?#]+/websocket(?:[?#]|$)", needs="/websocket"),
    needs_path=True,
    unwrap=_late("sockjs", "unwrap"),
    middle=_late("sockjs", "middle"),
    fits=_late("sockjs", "looks"),
)

ANY_JSON: Final = Protocol(
    "json",
    _late("any_json", "AnyJson"),
    _late("any_json", "looks"),
    begins=b"{[",
    names=tuple(b'"%s"' % key.encode() for key in KEYS),
    beats=BEATS,
    is_beat=_late("any_json", "is_beat"),
)

TUNNELS: Final = (
    _tunnel("rfb", lazy_pattern(rb"RFB \d{3}\.\d{3}\n"), b"R"),
    _tunnel("ssh", lazy_pattern(rb"SSH-(?:2\.0|1\.99)-[!-~]"), b"S"),
    _tunnel(
        "tls", lazy_pattern(rb"[\x14-\x17]\x03[\0-\x04][\0-\x48].", re.DOTALL), b"\x14\x15\x16\x17"
    ),
    _tunnel("chisel", lazy_pattern(rb"(?!)"), b"S", r"chisel-v\d+"),
)
"""What is not read. Both sides begin with their versions, so that two messages confirm them."""

PROTOCOLS: Final[Sequence[Protocol]] = (
    ENGINE_IO_BY_PATH,
    ENGINE_IO,
    STOMP,
    MQTT,
    SIGNALR,
    WAMP,
    GRAPHQL,
    JSON_RPC,
    CDP_BY_PATH,
    CDP,
    PHOENIX_BY_PATH,
    PHOENIX,
    ACTION_CABLE,
    PUSHER_BY_PATH,
    PUSHER,
    CENTRIFUGO,
    OCPP_BY_PATH,
    OCPP,
    JUPYTER,
    KUBERNETES,
    SIP,
    XMPP,
    DDP,
    HOME_ASSISTANT,
    *TUNNELS,
    SOCKJS,
)
"""What is clearest comes first."""

JOINED: Final[Sequence[Protocol]] = tuple(
    each.in_the_middle() for each in PROTOCOLS if each.middle is not None or not each.needs_path
)
"""The same for connections whose beginning was not captured, so that no path names one."""

GENERIC: Final[Protocol] = ANY_JSON
"""What reads any JSON, where nothing better fits."""
