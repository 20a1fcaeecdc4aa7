"""Captures of what bytes are: no frames, torn frames, compression that costs or is missed.

Part of causes.py, which lists them. Nothing of the package under test.
"""

from __future__ import annotations

import json
import random
import struct
import zlib

from causes_talk import MS, S, Talk, Variant, begun, chat, joined, openings
from conversation import BINARY, CLOSE, PING, TEXT, Deflater, Packet, frame, pcap

START = 1_700_000_000 * S

# --- no frames, torn frames


def not_frames(draw: random.Random, seed: int) -> Variant:
    """Something else writes to the upgraded connection."""
    what, data = draw.choice((
        ("HTTP", b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"),
        ("JSON", b'{"type":"welcome","session":"0123456789abcdef"}'),
        ("HTML", b"<!doctype html><html><head><title>Error</title></head></html>"),
        ("text", b"-ERR unknown command, with args beginning with:\r\n"),
    ))  # fmt: skip
    talks = []
    for number, at in enumerate(openings(draw, draw.choice((1, 3)))):
        talk = begun(number, at)
        talk.text("client", "hello").wait(draw.uniform(1, 500) * MS).send("server", data)
        talk.control("client", CLOSE, struct.pack(">H", 1002)).finish("client")
        talks.append(talk)
    return joined(f"not frames, {what} n={len(talks)}", talks, "not-frames")


def framed_text(draw: random.Random, seed: int) -> Variant:
    """The same words within frames."""
    talk = begun(0, 0)
    for words in ("HTTP/1.1 502 Bad Gateway", '{"type":"welcome"}', "<html></html>", "GET / HTTP"):
        talk.wait(draw.uniform(1, 500) * MS).text("server", words).text("client", words)
    talk.close()
    return joined("framed text", [talk])


def torn(draw: random.Random, seed: int) -> Variant:
    """Two threads write header and payload apart, and meet."""
    talk, turns = begun(0, 0), draw.randint(2, 6)
    for number in range(turns):
        talk.wait(draw.uniform(10, 400) * MS).text("client", f'{{"n":{number}}}')
    ping = frame(PING, b"alive?", key=b"\xa1\xb2\xc3\xd4")
    text = frame(TEXT, b'{"n":99,"text":"the torn one"}', key=b"\x91\x82\x73\x64")
    talk.wait(20 * MS).send("client", ping[:6] + text[:6] + ping[6:] + text[6:])
    for number in range(turns):
        talk.wait(draw.uniform(10, 400) * MS).text("client", f'{{"n":{turns + number}}}')
    talk.control("server", CLOSE, struct.pack(">H", 1002)).finish("server")
    return joined(f"torn after {turns}", [talk], "torn-write")


def in_turn(draw: random.Random, seed: int) -> Variant:
    """Pings between the fragments of a message, and frames cut anywhere by segments: whole."""
    talk = begun(0, 0)
    for _ in range(5):
        key = bytes(draw.randrange(256) for _ in range(4))
        data = frame(TEXT, b"first half, ", key=key, fin=False) + frame(PING, b"alive?", key=key)
        data += frame(0, b"second half", key=key)
        cut = draw.randrange(1, len(data))
        talk.wait(draw.uniform(10, 400) * MS).send("client", data[:cut])
        talk.wait(draw.uniform(0.1, 30) * MS).send("client", data[cut:])
    talk.close()
    return joined("in turn", [talk])


def old_draft(draw: random.Random, seed: int) -> Variant:
    """A client and a server that speak hixie-76 (draft-hixie-thewebsocketprotocol-76)."""
    talks = []
    for number in range(draw.choice((1, 3))):
        talk = Talk(client_port=40_000 + number, start_ns=START + number * S)
        talk.open()
        lines = ("GET /chat HTTP/1.1", "Upgrade: WebSocket", "Connection: Upgrade",
                 "Host: peer.example", "Origin: http://peer.example",
                 "Sec-WebSocket-Key1: 18x 6]8vM;54 *(5:  {   U1]8  z [  8",
                 "Sec-WebSocket-Key2: 1_ tx7X d  <  nw  334J702) 7]o}` 0", "", "")  # fmt: skip
        talk.client("\r\n".join(lines).encode() + b"Tm[K T2u")
        lines = ("HTTP/1.1 101 WebSocket Protocol Handshake", "Upgrade: WebSocket",
                 "Connection: Upgrade", "Sec-WebSocket-Origin: http://peer.example",
                 "Sec-WebSocket-Location: ws://peer.example/chat", "", "")  # fmt: skip
        talk.server("\r\n".join(lines).encode() + b"fQJ,fN/4F4!~K~MH")
        for _ in range(draw.randint(1, 6)):
            side = draw.choice(("client", "server"))
            talk.wait(draw.uniform(10, 900) * MS).send(side, b"\x00hello\xff")
        talk.finish("client")
        talks.append(talk)
    return joined(f"old draft n={len(talks)}", talks, "old-draft")


# --- compression


def _deflating(offered: bool, chosen: bool, *, parameters: str = "", number: int = 0) -> Talk:
    talk = Talk(client_port=40_000 + number, start_ns=START + number * S)
    name = f"Sec-WebSocket-Extensions: permessage-deflate{parameters}"
    talk.upgrade(*[name] * offered, chosen=[name] * chosen, path="/ws")
    return talk


def _packed(talk: Talk, side: str, data: bytes, deflate: Deflater) -> None:
    key = b"\x31\x42\x53\x64" if side == "client" else None
    talk.send(side, frame(BINARY, deflate(data), key=key, rsv=4))


def window_exceeded(draw: random.Random, seed: int) -> Variant:
    """A client that agreed to a small window and ignores it."""
    bits = draw.choice((9, 10, 12))
    talk = _deflating(True, True, parameters=f"; client_max_window_bits={bits}")
    deflate, words = Deflater(bits=15), draw.randbytes(300)
    for _ in range(draw.randint(2, 5)):
        _packed(talk.wait(40 * MS), "client", words + draw.randbytes(1 << bits), deflate)
    talk.close()
    return joined(f"window of {bits} exceeded", [talk], "window-exceeded")


def window_kept(draw: random.Random, seed: int) -> Variant:
    """A client that keeps to the window that it agreed to, with the same messages."""
    bits = draw.choice((9, 10, 12))
    talk = _deflating(True, True, parameters=f"; client_max_window_bits={bits}")
    deflate, words = Deflater(bits=bits), draw.randbytes(300)
    for _ in range(draw.randint(2, 5)):
        _packed(talk.wait(40 * MS), "client", words + b"." * (1 << bits), deflate)
    talk.close()
    return joined(f"window of {bits} kept", [talk])


def _stored(data: bytes) -> bytes:
    """Deflate without compression (RFC 1951 3.2.4), as a sender does that is set to level 0."""
    stream = zlib.compressobj(0, zlib.DEFLATED, -15)
    return (stream.compress(data) + stream.flush(zlib.Z_SYNC_FLUSH))[:-4]


def compression_wasted(draw: random.Random, seed: int) -> Variant:
    """Payload that is compressed or encrypted already, and compressed again."""
    size, side, talks = draw.choice((60, 400, 1300)), draw.choice(("client", "server")), []
    for number in range(draw.choice((1, 3))):
        talk = _deflating(True, True, number=number)
        key = b"\x31\x42\x53\x64" if side == "client" else None
        for _ in range(1200):
            data = frame(BINARY, _stored(draw.randbytes(size)), key=key, rsv=4)
            talk.wait(draw.uniform(15, 60) * MS).send(side, data)
        talk.close()
        talks.append(talk)
    return joined(f"wasted on {size} B by the {side}", talks, "compression-wasted")


def _prices(draw: random.Random) -> bytes:
    row = {"symbol": draw.choice(("EURUSD", "GBPUSD", "USDJPY")), "bid": draw.random()}
    return json.dumps([row | {"ask": draw.random(), "venue": "north"} for _ in range(6)]).encode()


def compression_helps(draw: random.Random, seed: int) -> Variant:
    """JSON that compression makes smaller."""
    talk = _deflating(True, True)
    deflate = Deflater()
    for _ in range(200):
        _packed(talk.wait(draw.uniform(15, 60) * MS), "server", _prices(draw), deflate)
    talk.close()
    return joined("compression helps", [talk])


def compression_missed(draw: random.Random, seed: int) -> Variant:
    """JSON to a client that offered compression; the server did not accept."""
    talks = []
    for number in range(draw.choice((1, 4))):
        talk = _deflating(True, False, number=number)
        for _ in range(draw.randint(60, 200)):
            talk.wait(draw.uniform(15, 60) * MS).text("server", _prices(draw).decode())
        talk.close()
        talks.append(talk)
    return joined(f"missed n={len(talks)}", talks, "compression-missed")


def nothing_missed(draw: random.Random, seed: int) -> Variant:
    """Payload that is compressed already, beside a few lines of JSON; offered, not accepted."""
    talk = _deflating(True, False)
    for _ in range(100):
        talk.wait(draw.uniform(15, 60) * MS).send("server", frame(BINARY, draw.randbytes(700)))
    talk.text("server", _prices(draw).decode())
    talk.close()
    return joined("nothing missed", [talk])


# --- what the capture holds twice, not at all, or under a wrong name


def _talks(draw: random.Random) -> list[Talk]:
    talks = []
    for number, at in enumerate(openings(draw, draw.choice((1, 4)))):
        talk = begun(number, at)
        for _ in range(3):
            chat(talk, draw)
        talk.close()
        talks.append(talk)
    return talks


def _router(packet: Packet, later: int) -> Packet:
    """The same packet behind a router: TTL one lower, and a new checksum."""
    head = bytearray(packet.data)
    head[8] -= 1
    total = struct.unpack(">H", head[10:12])[0] + 0x100
    head[10:12] = struct.pack(">H", (total & 0xFFFF) + (total >> 16))
    return Packet(packet.time_ns + later, bytes(head))


def seen_twice(draw: random.Random, seed: int) -> Variant:
    """Captured at two interfaces of a bridge or a router."""
    later, routed, talks = round(draw.uniform(2, 80)) * 1000, draw.random() < 0.5, _talks(draw)
    for talk in talks:
        copies = [Packet(one.time_ns + later, one.data) for one in talk.packets]
        if routed:
            copies = [_router(one, later) for one in talk.packets]
        talk.packets += copies
    return joined(f"seen twice, {'routed' if routed else 'bridged'}", talks, "seen-twice")


def sent_twice(draw: random.Random, seed: int) -> Variant:
    """Segments that their sender sends again, unasked, and quickly: each has its own IP packet."""
    talk = begun(0, 0)
    for _ in range(12):
        talk.wait(draw.uniform(0.1, 2) * S)
        side = draw.choice(("client", "server"))
        data = frame(TEXT, b"hello", key=b"mnop" if side == "client" else None)
        first = talk.next[side]
        talk.segment(side, data).time_ns  # noqa: B018
        talk.wait(draw.uniform(2, 12) * MS).segment(side, data, seq=first)
        talk.segment("server" if side == "client" else "client")
    talk.close()
    return joined("sent twice", [talk])


def one_direction(draw: random.Random, seed: int) -> Variant:
    """A mirror port that copies one direction."""
    kept, talks = draw.choice((12, 16)), _talks(draw)
    source = bytes((10, 1, 0, 1))
    for talk in talks:
        talk.packets = [one for one in talk.packets if one.data[kept : kept + 4] == source]
    side = "client" if kept == 12 else "server"
    return joined(f"one direction, the {side}'s", talks, "one-direction")


def mostly_one_direction(draw: random.Random, seed: int) -> Variant:
    """A feed: one side sends, the other acknowledges."""
    talk = begun(0, 0)
    for _ in range(40):
        talk.wait(draw.uniform(0.05, 1) * S).text("server", "tick")
    talk.finish("server")
    return joined("mostly one direction", [talk])


def wrong_link(draw: random.Random, seed: int) -> Variant:
    """Ethernet frames in a file that says raw IP."""
    talks = _talks(draw)
    made = joined("", talks)
    data = bytearray(made.pcap)
    data[20:24] = struct.pack("<I", 101)
    return Variant(f"wrong link n={len(talks)}", bytes(data), frozenset({"wrong-link-type"}))


def right_link(draw: random.Random, seed: int) -> Variant:
    """Raw IP in a file that says so."""
    packets = sorted(
        (packet for talk in _talks(draw) for packet in talk.packets), key=lambda one: one.time_ns
    )
    return Variant("right link", pcap(packets, way="raw", nanoseconds=True), frozenset())


BYTES = (
    *(not_frames, framed_text, torn, in_turn, old_draft, window_exceeded, window_kept),
    *(compression_wasted, compression_helps, compression_missed, nothing_missed),
    *(seen_twice, sent_twice, one_direction, mostly_one_direction, wrong_link, right_link),
)
