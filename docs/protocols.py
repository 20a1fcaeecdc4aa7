"""Makes docs/protocols.md: `python docs/protocols.py > docs/protocols.md`.

Each protocol has a paragraph, and the screen that its capture gives. Paragraphs are written here;
screens come from the captures in this process. A test compares the page with what this makes.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

from analyzer.cli.main import main

CAPTURES = Path(__file__).resolve().parents[1] / "captures"
TITLE = "What the messages say"
WIDTH = "100"

INTRODUCTION = """\
# Protocols inside WebSocket

Which protocols wsanalyze reads, what it makes of each, and the screen for a capture of it. This
page is made by `docs/protocols.py`; a test keeps it equal to what the captures give. Recognition,
tables and limits are described in [inside.md](inside.md), the captures in the
[manifest](../captures/README.md).
"""


@dataclass(frozen=True)
class Page:
    """One protocol's part of the page.

    Attributes:
        title: name of the protocol.
        text: what it is, what its names and topics are, what pairs.
        capture: file in captures/ that the screen is made from.
    """

    title: str
    text: str
    capture: str


PAGES = (
    Page(
        "Engine.IO and Socket.IO",
        "Engine.IO (revisions 3 and 4) frames packets by a leading digit; Socket.IO's events, "
        "namespaces and acknowledgements are inside its message packets. The name is the event, "
        "the topic the namespace. An event with an id is a call, and its ack the reply. Binary "
        "attachments follow in messages of their own and are listed as *(continued)*. An event "
        "counts as a topic where an equal payload was delivered to others: a room.",
        "socket-io-room.pcap",
    ),
    Page(
        "SockJS",
        "SockJS wraps strings: `o`, `h`, `a[...]`, `c[...]`. What the strings hold, such as "
        "STOMP, is read in turn. The transports over plain HTTP (xhr-streaming, xhr-polling, "
        "eventsource) are read by the same decoder.",
        "sockjs-stomp-websocket.pcap",
    ),
    Page(
        "STOMP",
        "STOMP 1.0, 1.1 and 1.2. The kind is the command, name and topic are the destination. A "
        "receipt answers the frame that asked for it; `reply-to` with `correlation-id` makes a "
        "call between clients. The capture is the chat room of Spring: `@stomp/stompjs` in "
        "three tabs of Chromium, SimpleBroker on Tomcat's WebSocket.",
        "spring-chat.pcap",
    ),
    Page(
        "MQTT",
        "MQTT 3.1.1 and 5 in binary messages; a packet may begin anywhere in a message and go "
        "on in the next (MQTT.js writes header, topic and payload separately: *(continued)*). "
        "The kind is the packet's type, the name its topic, with the aliases of version 5 "
        "resolved. A packet identifier pairs PUBLISH with PUBACK or PUBCOMP, SUBSCRIBE with "
        "SUBACK; response topic and correlation data of version 5 make calls between clients.",
        "mqtt-5.pcap",
    ),
    Page(
        "SignalR",
        "Hubs of ASP.NET Core, with JSON (records end with 0x1E) or MessagePack (each after its "
        "length). The name is the target. `invocationId` pairs an invocation with its "
        "completion; stream items on the way are counted.",
        "signalr-json.pcap",
    ),
    Page(
        "WAMP",
        "WAMP v2 with JSON, MessagePack or CBOR. The kind is the message, the name the URI of a "
        "procedure or topic. CALL and RESULT pair, and INVOCATION and YIELD on the other side "
        "of the router.",
        "wamp-json.pcap",
    ),
    Page(
        "GraphQL",
        "The subprotocols `graphql-transport-ws` and the older `graphql-ws`. The name is the "
        "operation. The reply of a call is its first result; further ones of a subscription are "
        "items.",
        "graphql-transport-ws.pcap",
    ),
    Page(
        "JSON-RPC",
        "JSON-RPC 2.0, with batches, notifications and calls in both directions. The name is "
        "the method.",
        "json-rpc.pcap",
    ),
    Page(
        "Chrome DevTools Protocol",
        "Requests, answers and events of a browser under control. The name is the method, the "
        "topic the session where several share a connection.",
        "chromium-cdp.pcap",
    ),
    Page(
        "Phoenix",
        "Channels of Phoenix, serializer 2. The name is the event, the topic the channel. A "
        "push and its `phx_reply` have one `ref`.",
        "phoenix.pcap",
    ),
    Page(
        "Action Cable",
        "Channels of Ruby on Rails. The name is the channel. A subscription is a call: "
        "confirmed, or rejected, which is an error.",
        "action-cable.pcap",
    ),
    Page(
        "Pusher",
        "Pusher Channels, protocol 7, as Pusher, Soketi and Laravel Reverb speak it. The name "
        "is the event, the topic the channel.",
        "pusher.pcap",
    ),
    Page(
        "Centrifugo",
        "Centrifugo's client protocol in JSON (several commands may share a message) or "
        "Protobuf. The name is the channel or the method.",
        "centrifugo.pcap",
    ),
    Page(
        "OCPP",
        "Charge points and their central system, OCPP 1.6 and 2.0.1. The name is the action; "
        "CALL pairs with CALLRESULT or CALLERROR, in both directions.",
        "ocpp-201.pcap",
    ),
    Page(
        "Jupyter",
        "Kernel channels of a Jupyter server. The name is the `msg_type`. A request pairs with "
        "its reply by the parent header; outputs on the way are items.",
        "jupyter-v1.pcap",
    ),
    Page(
        "Kubernetes",
        "exec, attach and port-forward over `v4.channel.k8s.io` and `v5.channel.k8s.io`: the "
        "first byte says which stream a message belongs to.",
        "kubernetes-v5.pcap",
    ),
    Page(
        "SIP",
        "SIP over WebSocket (RFC 7118). The name is the method or the status; Call-ID and CSeq "
        "pair a request with its final response.",
        "sip.pcap",
    ),
    Page(
        "XMPP",
        "XMPP over WebSocket (RFC 7395), one stanza a message. An `iq` of type get or set is a "
        "call.",
        "xmpp.pcap",
    ),
    Page(
        "DDP",
        "Meteor's protocol. Methods and subscriptions are calls; the topic is the collection.",
        "ddp.pcap",
    ),
    Page(
        "Home Assistant",
        "The WebSocket API of Home Assistant. The name is the service or the event.",
        "home-assistant.pcap",
    ),
    Page(
        "Remote desktops and tunnels",
        "RFB (noVNC, websockify), SSH, TLS and chisel get a label, by the first bytes of both "
        "sides. Nothing in them is read.",
        "rfb.pcap",
    ),
    Page(
        "Any other JSON",
        "Feeds of exchanges, chats and dashboards have formats of their own. Where most of the "
        "first messages, or those of one side, have a member that names them (`type`, `event`, "
        "`op`, `channel`, ...), its value is the name; of a change (`update`, `snapshot`, ...) "
        "that of its channel. It may stand in a header, in objects of an array, or as a word in an "
        "array. What one side sends that is no JSON has no name.",
        "price-feed.pcap",
    ),
)


def screen(capture: str) -> str:
    """Return the section of the report that says what messages say."""
    out = io.StringIO()
    # The width of a report that goes to a pipe, whatever the terminal here is.
    columns = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = WIDTH
    try:
        with contextlib.redirect_stdout(out):
            status = main([str(CAPTURES / capture)])
    finally:
        del os.environ["COLUMNS"]
        if columns is not None:
            os.environ["COLUMNS"] = columns
    if status:
        raise RuntimeError(f"{capture}: exit status {status}")
    lines = [line.rstrip() for line in out.getvalue().splitlines()]
    start = next(place for place, line in enumerate(lines) if line.startswith(TITLE))
    body = lines[start:]
    return "\n".join(body[: body.index("")])


def page() -> str:
    """Return the whole page."""
    parts = [INTRODUCTION]
    for each in PAGES:
        name = each.capture
        parts.append(
            f"## {each.title}\n\n{wrapped(each.text)}\n\n```text\n# {name}\n{screen(name)}\n```\n"
        )
    return "\n".join(parts)


def wrapped(text: str) -> str:
    """Return a paragraph with lines of at most 100 characters."""
    return "\n".join(textwrap.wrap(text, 100, break_long_words=False, break_on_hyphens=False))


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    sys.stdout.write(page())
