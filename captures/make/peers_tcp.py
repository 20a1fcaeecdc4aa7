"""Cases of what lies below WebSocket: order, loss, cut packets, link layers, tunnels.

Part of peers, which says what a case is.
"""

from __future__ import annotations

import random

from case import DEFLATE, Case, c, case, s, texts
from conversation import (
    BINARY,
    ENCAPSULATIONS,
    PING,
    TEXT,
    Conversation,
    Deflater,
    Packet,
    pcap,
)

# --- TCP ----------------


@case
def out_of_order() -> Case:
    """A message of 3000 bytes, its second and third segment swapped (row 8)."""
    one = Conversation().upgrade()
    body = b"".join(b"%06d" % n for n in range(500))
    first = len(one.packets)
    one.client(c(TEXT, body)).server(s(TEXT, b"ok")).close()
    a, b = one.packets[first + 1], one.packets[first + 2]
    one.packets[first + 1], one.packets[first + 2] = (
        Packet(a.time_ns, b.data),
        Packet(b.time_ns, a.data),
    )
    return Case(out_of_order.__doc__ or "", one.pcap(), texts([body], [b"ok"]))


@case
def retransmitted() -> Case:
    """A segment of two frames sent twice, then again with a longer end (row 10)."""
    one = Conversation().upgrade()
    data = c(TEXT, b"first") + c(TEXT, b"second")
    start = one.next["client"]
    one.segment("client", data)
    one.segment("client", data, seq=start)
    more = c(TEXT, b"third")
    one.segment("client", data + more, seq=start)
    one.next["client"] += len(more)
    one.segment("server")
    one.close()
    return Case(
        retransmitted.__doc__ or "",
        one.pcap(),
        texts([b"first", b"second", b"third"], []),
        expected={"retransmitted_bytes": {"client": 2 * len(data)}},
    )


def _gap(lost: int, pieces: list[bytes]) -> bytes:
    one = Conversation().upgrade()
    first = len(one.packets)
    for piece in pieces:
        one.segment("server", piece)
    one.segment("client")
    one.close()
    del one.packets[first + lost]
    return one.pcap()


@case
def gap_between_frames() -> Case:
    """A lost segment of one whole frame; the next segment starts a frame (row 11)."""
    pieces = [s(TEXT, b"message %d" % n) for n in range(5)]
    kept = [b"message %d" % n for n in (0, 1, 3, 4)]
    return Case(
        gap_between_frames.__doc__ or "",
        _gap(2, pieces),
        texts([], kept),
        # What begins behind a gap must show itself to be a frame.
        ("tcp-lost", "websocket-framing-lost", "websocket-resynchronised"),
        {"lost_bytes": len(pieces[2])},
    )


@case
def gap_inside_a_payload() -> Case:
    """The middle of a long payload is lost, its frame's end is known (row 11)."""
    body = bytes(range(256)) * 12
    whole = s(BINARY, body)
    pieces = [whole[:1000], whole[1000:2000], whole[2000:] + s(TEXT, b"after"), s(TEXT, b"later")]
    return Case(
        gap_inside_a_payload.__doc__ or "",
        _gap(1, pieces),
        {"client": [], "server": [("binary", None), ("text", b"after"), ("text", b"later")]},
        ("tcp-lost", "websocket-payload-lost"),
        {"lost_bytes": 1000},
    )


@case
def gap_with_deflate() -> Case:
    """A compressed message is lost; those after it need its window (rows 11 and 51)."""
    deflate = Deflater()
    said = [b"the same words again and again %d" % n for n in range(4)]
    pieces = [s(TEXT, deflate(text), rsv=4) for text in said]
    one = Conversation().upgrade(DEFLATE, chosen=[DEFLATE])
    first = len(one.packets)
    for piece in pieces:
        one.segment("server", piece)
    one.segment("client")
    one.close()
    del one.packets[first + 1]
    return Case(
        gap_with_deflate.__doc__ or "",
        one.pcap(),
        {"client": [], "server": [("text", said[0]), ("text", None), ("text", None)]},
        ("tcp-lost", "websocket-framing-lost", "deflate-context-lost"),
    )


def _without_handshake(frames: list[tuple[str, bytes]], port: int = 9999) -> bytes:
    one = Conversation(server_port=port)
    for side, data in frames:
        one.send(side, data)
    return one.pcap()


@case
def mid_stream() -> Case:
    """The capture starts within a connection on port 9999 (row 13)."""
    frames = []
    for n in range(12):
        frames += [
            ("client", c(TEXT, b'{"ask": %d}' % n)),
            ("server", s(TEXT, b'{"answer": %d}' % n)),
        ]
    return Case(
        mid_stream.__doc__ or "",
        _without_handshake(frames),
        texts([b'{"ask": %d}' % n for n in range(12)], [b'{"answer": %d}' % n for n in range(12)]),
        ("websocket-mid-stream",),
        {"handshake_seen": False, "server_port": 9999},
    )


def _mid_stream_deflate(takeover: bool) -> tuple[bytes, list[bytes]]:
    # What was compressed before the capture began fills the window.
    deflate = Deflater(takeover=takeover)
    said = [b'{"type": "quote", "symbol": "ABC", "bid": %d}' % (n * 7) for n in range(14)]
    compressed = [deflate(text) for text in said]
    frames = [("server", s(TEXT, data, rsv=4)) for data in compressed[2:]]
    frames[3:3] = [("client", c(PING, b"k"))]
    frames[6:6] = [("client", c(PING, b"l"))]
    return _without_handshake(frames), said[2:]


@case
def mid_stream_compressed() -> Case:
    """No handshake, and each message needs a window that was not captured (row 14)."""
    data, said = _mid_stream_deflate(True)
    return Case(
        mid_stream_compressed.__doc__ or "",
        data,
        {"client": [], "server": [("text", None)] * len(said)},
        ("websocket-mid-stream", "deflate-context-lost"),
        expected={"handshake_seen": False},
    )


@case
def mid_stream_no_takeover() -> Case:
    """No handshake, but each compressed message stands for itself (row 14)."""
    data, said = _mid_stream_deflate(False)
    return Case(
        mid_stream_no_takeover.__doc__ or "",
        data,
        texts([], said),
        ("websocket-mid-stream",),
        expected={"handshake_seen": False},
    )


def _cut(snaplen: int) -> bytes:
    one = Conversation().upgrade()
    one.client(c(TEXT, b"short")).server(s(TEXT, b"x" * 500)).client(c(TEXT, b"again")).close()
    return one.pcap(snaplen=snaplen)


@case
def snaplen_96() -> Case:
    """Every packet cut to 96 bytes: both HTTP heads are cut, small frames are whole (row 15)."""
    return Case(
        snaplen_96.__doc__ or "",
        _cut(96),
        # Each frame's header is in the capture: who sent how much is known of all three.
        {"client": [("text", b"short"), ("text", b"again")], "server": [("text", None)]},
        ("packets-snaplen", "http-lost", "websocket-payload-lost"),
    )


@case
def snaplen_300() -> Case:
    """Both heads are whole, the payload of one message is cut (row 15)."""
    return Case(
        snaplen_300.__doc__ or "",
        _cut(300),
        {"client": [("text", b"short"), ("text", b"again")], "server": [("text", None)]},
        ("packets-snaplen", "websocket-payload-lost"),
    )


@case
def many_frames_in_one_segment() -> Case:
    """32,747 empty text frames in one segment of 65,494 bytes (wish 32)."""
    one = Conversation(mss=65495).upgrade()
    one.server(s(TEXT) * 32_747).close()
    return Case(
        many_frames_in_one_segment.__doc__ or "",
        one.pcap(),
        texts([], [b""] * 32_747),
        expected={"server_frames": 32_748},
    )


@case
def over_limit() -> Case:
    """A frame of 400 kB and one of 100 kB, each followed by a small one (row 49)."""
    big = bytes(random.Random(400).randbytes(400_000))
    one = Conversation().upgrade()
    one.server(s(BINARY, big) + s(TEXT, b"next")).client(c(BINARY, big[:100_000]) + c(TEXT, b"too"))
    one.close()
    return Case(
        over_limit.__doc__ or "",
        one.pcap(),
        {
            "client": [("binary", big[:100_000]), ("text", b"too")],
            "server": [("binary", big), ("text", b"next")],
        },
    )


# --- link layers ----------------


def encapsulated() -> dict[str, Case]:
    """The same conversation on each link layer and in each tunnel (rows 6 and 7)."""
    out = {}
    for version, ips in {"ipv4": ("10.1.0.1", "10.1.0.2"), "ipv6": ("fd00::1", "fd00::2")}.items():
        one = Conversation(*ips).upgrade()
        one.client(c(TEXT, b"hi")).server(s(TEXT, b"hello")).close()
        for way in ENCAPSULATIONS:
            out[f"{way}_{version}"] = Case(
                f"{version} over {way}", pcap(one.packets, way=way), texts([b"hi"], [b"hello"])
            )
    return out
