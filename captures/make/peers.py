"""One small capture for each case on which another analyzer is known to fail.

The captures are built byte by byte, so every expected value holds by construction and
by the RFC named with it. `cases()` makes them all; nothing is written to disk.

    Case.messages   per direction, (type, payload) in order; payload None where it cannot
                    be known and must not be invented
    Case.findings   ids of all findings of severity warning or error, and of those less
                    severe that must be there
    Case.expected   further facts, as in the tables of the same names
"""

from __future__ import annotations

import struct

from case import DEFLATE, KEYS, MAKERS, Case, Messages, c, case, s, texts
from conversation import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Conversation,
    Deflater,
    frame,
    request,
    response,
)
from peers_tcp import encapsulated

K = b"\x37\xfa\x21\x3d"


def cases() -> dict[str, Case]:
    """Every case by name, always the same."""
    KEYS.seed(6455)
    made = {name: maker() for name, maker in MAKERS.items()}
    made.update(_violations())
    made.update(encapsulated())
    made.update(_subprotocols())
    return made


# --- handshake ----------------


def _handshake(asked: bytes, answered: bytes) -> Conversation:
    one = Conversation().open()
    return one.client(asked).server(answered)


@case
def bad_accept() -> Case:
    """The Accept belongs to another key (row 26; RFC 6455, 4.1)."""
    one = _handshake(request(), response(key="x3JJHMbDL1EzLkh9GBhXDw=="))
    one.finish()
    return Case(
        bad_accept.__doc__ or "",
        one.pcap(),
        None,
        ("handshake-bad-accept",),
        {"outcome": "bad-accept", "accept_valid": False},
    )


@case
def missing_key() -> Case:
    """No Sec-WebSocket-Key, and the server accepts (row 27)."""
    asked = b"\r\n".join(
        line for line in request().split(b"\r\n") if not line.startswith(b"Sec-WebSocket-Key")
    )
    one = _handshake(asked, response()).finish()
    return Case(
        missing_key.__doc__ or "",
        one.pcap(),
        None,
        ("handshake-missing-key", "websocket-close-abnormal"),
    )


@case
def repeated_headers() -> Case:
    """Sec-WebSocket-Accept twice (row 27; RFC 6455, 11.3.3 allows one)."""
    one = _handshake(request(), response("Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA="))
    one.finish()
    return Case(
        repeated_headers.__doc__ or "",
        one.pcap(),
        None,
        # One of the two fits the key, so that the connection is open; it ends without a Close.
        ("handshake-repeated-header", "websocket-close-abnormal"),
    )


@case
def refused_403() -> Case:
    """403 to the upgrade (row 31)."""
    one = _handshake(request(), b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
    one.finish()
    return Case(
        refused_403.__doc__ or "",
        one.pcap(),
        None,
        ("handshake-refused",),
        {"outcome": "refused", "status": 403},
    )


@case
def mixed_case_on_port_9999() -> Case:
    """The token is spelled WebSocket, the port means nothing (row 16)."""
    one = Conversation(server_port=9999).open()
    one.client(request().replace(b"Upgrade: websocket", b"UPGRADE: WebSocket"))
    one.server(response().replace(b"websocket", b"WebSocket"))
    one.client(c(TEXT, b"hi")).server(s(TEXT, b"hello")).close()
    return Case(mixed_case_on_port_9999.__doc__ or "", one.pcap(), texts([b"hi"], [b"hello"]))


@case
def inside_connect() -> Case:
    """An upgrade inside a proxy's CONNECT (row 17)."""
    one = Conversation(server_port=3128).open()
    one.client(b"CONNECT peer.example:80 HTTP/1.1\r\nHost: peer.example:80\r\n\r\n")
    one.server(b"HTTP/1.1 200 Connection established\r\n\r\n")
    one.client(request()).server(response())
    one.client(c(TEXT, b"hi")).server(s(TEXT, b"hello")).close()
    return Case(inside_connect.__doc__ or "", one.pcap(), texts([b"hi"], [b"hello"]))


@case
def coalesced() -> Case:
    """Twenty frames in the segment of the 101, the first a ping (row 35)."""
    one = Conversation().open()
    one.client(request())
    said = [b"frame %d" % n for n in range(19)]
    one.server(response() + s(PING, b"now") + b"".join(s(TEXT, text) for text in said))
    one.client(c(PONG, b"now")).close()
    return Case(
        coalesced.__doc__ or "",
        one.pcap(),
        texts([], said),
        expected={"pings": 1, "answered": 1},
    )


def _subprotocols() -> dict[str, Case]:
    """Six subprotocols; the payload is not read, the name is kept (row 73)."""
    out = {}
    for name in ("mqtt", "v12.stomp", "wamp.2.json", "graphql-transport-ws", "sip", "coap"):
        offer = f"Sec-WebSocket-Protocol: {name}"
        one = Conversation().upgrade(offer, chosen=[offer])
        one.client(c(BINARY, b"\x10\x02hi")).server(s(BINARY, b"\x20\x02\x00\x00")).close()
        out[f"subprotocol_{name}"] = Case(
            f"subprotocol {name}",
            one.pcap(),
            {"client": [("binary", b"\x10\x02hi")], "server": [("binary", b"\x20\x02\x00\x00")]},
            expected={"subprotocol": name},
        )
    return out


# --- fragments ----------------


@case
def ping_inside_a_message() -> Case:
    """A ping between fragments, its pong too (row 42)."""
    one = Conversation().upgrade()
    one.client(c(TEXT, b"Hel", fin=False) + c(PING, b"now"))
    one.server(s(PONG, b"now")).client(c(CONTINUATION, b"lo")).close()
    return Case(
        ping_inside_a_message.__doc__ or "",
        one.pcap(),
        texts([b"Hello"], []),
        expected={"pings": 1, "answered": 1},
    )


@case
def loopback_fragments() -> Case:
    """Both directions within a fragmented message, same address on both ends (row 43)."""
    one = Conversation(client_ip="127.0.0.1", server_ip="127.0.0.1").upgrade()
    one.client(c(TEXT, b"client-1 ", fin=False)).server(s(TEXT, b"server-1 ", fin=False))
    one.client(c(CONTINUATION, b"client-2")).server(s(CONTINUATION, b"server-2")).close()
    return Case(
        loopback_fragments.__doc__ or "",
        one.pcap(),
        texts([b"client-1 client-2"], [b"server-1 server-2"]),
    )


# --- permessage-deflate ----------------

SAID = [
    b"one message about the weather",
    b"another message about the weather",
    b"",
    b"weather" * 40,
]


def _compressed(client: bool, server: bool, *, bits: int = 15, parameters: str = "") -> Case:
    chosen = DEFLATE
    chosen += "" if server else "; server_no_context_takeover"
    chosen += "" if client else "; client_no_context_takeover"
    one = Conversation().upgrade(DEFLATE + parameters, chosen=[chosen + parameters])
    up, down = Deflater(takeover=client, bits=bits), Deflater(takeover=server, bits=bits)
    for text in SAID:
        one.client(c(TEXT, up(text), rsv=4)).server(s(TEXT, down(text[::-1]), rsv=4))
    one.close()
    return Case("", one.pcap(), texts(SAID, [text[::-1] for text in SAID]))


@case
def takeover_both() -> Case:
    made = _compressed(True, True)
    made.description = "context takeover on both sides (row 51)"
    return made


@case
def takeover_client_only() -> Case:
    made = _compressed(True, False)
    made.description = "server_no_context_takeover only (row 52)"
    return made


@case
def takeover_server_only() -> Case:
    made = _compressed(False, True)
    made.description = "client_no_context_takeover only (row 52)"
    return made


@case
def takeover_neither() -> Case:
    made = _compressed(False, False)
    made.description = "no context takeover"
    return made


@case
def window_bits_9() -> Case:
    made = _compressed(
        True, True, bits=9, parameters="; server_max_window_bits=9; client_max_window_bits=9"
    )
    made.description = "windows of 2^9 bytes (row 53)"
    return made


@case
def compressed_and_plain() -> Case:
    """Plain messages between compressed ones do not enter the window (row 54)."""
    one = Conversation().upgrade(DEFLATE, chosen=[DEFLATE])
    deflate = Deflater()
    for number, text in enumerate(SAID):
        plain = number % 2 == 1
        one.server(s(TEXT, text if plain else deflate(text), rsv=0 if plain else 4))
    one.close()
    return Case(compressed_and_plain.__doc__ or "", one.pcap(), texts([], SAID))


@case
def compressed_fragments_after_plain() -> Case:
    """A fragmented compressed message after a plain one, a ping inside (row 55)."""
    one = Conversation().upgrade(DEFLATE, chosen=[DEFLATE])
    body = b"fragmented and compressed " * 20
    data = Deflater()(body)
    one.client(c(TEXT, b"plain"))
    one.client(c(TEXT, data[:5], rsv=4, fin=False) + c(PING) + c(CONTINUATION, b"", fin=False))
    one.client(c(CONTINUATION, data[5:])).server(s(PONG)).close()
    return Case(
        compressed_fragments_after_plain.__doc__ or "", one.pcap(), texts([b"plain", body], [])
    )


@case
def bfinal() -> Case:
    """A message ends its DEFLATE stream; the next ones start anew (row 56; RFC 7692, 7.2.3.4)."""
    one = Conversation().upgrade(DEFLATE, chosen=[DEFLATE])
    deflate = Deflater()
    one.server(s(TEXT, deflate(SAID[0]), rsv=4))
    one.server(s(TEXT, deflate.final(SAID[1]), rsv=4))
    one.server(s(TEXT, deflate(SAID[3]), rsv=4)).server(s(TEXT, deflate.final(SAID[0]), rsv=4))
    one.server(s(TEXT, deflate(SAID[3]), rsv=4)).close()
    said = [SAID[0], SAID[1], SAID[3], SAID[0], SAID[3]]
    return Case(bfinal.__doc__ or "", one.pcap(), texts([], said))


@case
def other_extension() -> Case:
    """x-webkit-deflate-frame is not permessage-deflate: payload is kept as sent (row 57)."""
    name = "Sec-WebSocket-Extensions: x-webkit-deflate-frame"
    one = Conversation().upgrade(name, chosen=[name])
    data = Deflater()(SAID[0])
    one.server(s(BINARY, data, rsv=4)).server(s(TEXT, b"plain")).close()
    return Case(
        other_extension.__doc__ or "",
        one.pcap(),
        {"client": [], "server": [("binary", data), ("text", b"plain")]},
        ("websocket-unknown-extension",),
    )


def bomb(inflated: int, side: str = "server") -> Case:
    """A compressed message of `inflated` zero bytes, then a small one (row 58)."""
    one = Conversation().upgrade(DEFLATE, chosen=[DEFLATE + "; server_no_context_takeover"])
    send = s if side == "server" else c
    one.send(side, send(BINARY, Deflater(takeover=False)(bytes(inflated)), rsv=4))
    one.send(side, send(TEXT, b"after")).close()
    said: Messages = {"client": [], "server": []}
    said[side] = [("binary", None), ("text", b"after")]
    return Case(bomb.__doc__ or "", one.pcap(), said, ("deflate-limit",))


# --- rules of RFC 6455 ----------------


def _violations() -> dict[str, Case]:
    """One broken rule to a capture (rows 60 to 72); a good message stands before each."""
    many = b"".join(frame(TEXT, b"n%d" % n, key=K) for n in range(8))
    too_big = b"\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff" + b"x" * 20
    table: dict[str, tuple[str, bytes, str]] = {
        "rsv1_not_negotiated": (
            "server",
            s(TEXT, Deflater()(b"compressed"), rsv=4),
            "websocket-rsv1",
        ),
        "rsv1_on_control": ("server", s(PING, b"x", rsv=4), "websocket-rsv1"),
        "unmasked_client": ("client", s(TEXT, b"bare"), "websocket-unmasked-client-frame"),
        "masked_server": ("server", c(TEXT, b"veil"), "websocket-masked-server-frame"),
        "control_too_long": ("client", c(PING, b"p" * 126), "websocket-control-too-long"),
        "control_fragmented": ("client", c(PING, b"p", fin=False), "websocket-control-fragmented"),
        "lone_continuation": ("client", c(CONTINUATION, b"?"), "websocket-lone-continuation"),
        "interrupted_message": (
            "client",
            c(TEXT, b"one", fin=False) + c(TEXT, b"two"),
            "websocket-interrupted-message",
        ),
        "rsv2": ("server", s(TEXT, b"r", rsv=2), "websocket-rsv"),
        "rsv3": ("server", s(TEXT, b"r", rsv=1), "websocket-rsv"),
        "reserved_opcode_3": ("server", s(3, b"o"), "websocket-reserved-opcode"),
        "reserved_opcode_11": ("client", c(11, b"o"), "websocket-reserved-opcode"),
        "length_16_for_5": ("client", c(TEXT, b"hello", form=16), "websocket-length-not-minimal"),
        "length_64_for_200": (
            "server",
            s(TEXT, b"x" * 200, form=64),
            "websocket-length-not-minimal",
        ),
        "length_above_2_63": ("server", too_big, "websocket-length-too-big"),
        "bad_utf8": ("client", c(TEXT, b"caf\xe9 \xff"), "websocket-bad-utf8"),
        "surrogate_utf8": ("server", s(TEXT, b"\xed\xa0\x80"), "websocket-bad-utf8"),
        "close_body_of_1": ("client", c(CLOSE, b"\x03"), "websocket-close-body"),
        "close_code_1005": ("client", c(CLOSE, struct.pack(">H", 1005)), "websocket-close-code"),
        "close_code_999": ("server", s(CLOSE, struct.pack(">H", 999)), "websocket-close-code"),
        "close_code_5000": ("server", s(CLOSE, struct.pack(">H", 5000)), "websocket-close-code"),
        "close_reason_utf8": (
            "client",
            c(CLOSE, struct.pack(">H", 1000) + b"\xff\xfe"),
            "websocket-close-utf8",
        ),
        "data_after_close": (
            "client",
            c(CLOSE, struct.pack(">H", 1000)) + c(TEXT, b"late"),
            "websocket-data-after-close",
        ),
        "repeated_keys": ("client", many, "websocket-repeated-key"),
    }
    out = {}
    for name, (side, data, finding) in table.items():
        one = Conversation().upgrade()
        one.client(frame(TEXT, b"good", key=b"\x11\x22\x33\x44"))
        one.send(side, data).finish()
        found = [finding, "websocket-close-abnormal"]
        if finding == "websocket-length-too-big":
            found += ["websocket-framing-lost", "websocket-not-resynchronised"]
        out[name] = Case(f"rule broken by the {side}: {name}", one.pcap(), None, tuple(found))
    return out
