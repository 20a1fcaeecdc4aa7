"""Healthy conversations in odd packets: all are read, and nobody is blamed.

The right answer is the same for all but where it is given: one accepted handshake, three
messages each way, a clean close by the client; no error and no warning.
"""

import random
import struct

import pytest
from oracle.captures import pcap
from oracle.websocket import close_body, frame
from oracle.whole import assert_ties_out, tables_of

FIN, SYN, RST, PSH, ACK, URG, ECE, CWR = (1 << bit for bit in range(8))
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
ASK = (
    b"GET /chat HTTP/1.1\r\nHost: example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: " + KEY + b"\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
ANSWER = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)
"""RFC 6455 1.3 has key and accept."""
C, S = 0, 1


class Wire:
    """Packets of one connection: 0 is the client, 1 the server."""

    def __init__(self, *, isn=(1000, 5000), v6=b"", next_header=6, wrap=None, start=0):
        self.packets = []
        self.next = list(isn)
        self.time = 1_700_000_000_000_000_000 + start
        self.v6, self.next_header, self.wrap = v6, next_header, wrap
        self.identification, self.ecn = 0, 0
        self.random = random.Random(7)

    def send(
        self, side, data=b"", flags=PSH | ACK, *, seq=None, back=0, options=b"", window=65_000
    ):
        at = self.next[side] if seq is None else seq
        ack = self.next[1 - side] - back if flags & ACK else 0
        ports = (40_000, 80) if side == C else (80, 40_000)
        options += b"\0" * (-len(options) % 4)
        head = struct.pack(
            ">HHIIBBHHH",
            *ports,
            at & 0xFFFFFFFF,
            ack & 0xFFFFFFFF,
            (5 + len(options) // 4) << 4,
            flags,
            window,
            0,
            0,
        )
        self.put(side, head + options + data)
        if seq is None:
            self.next[side] += len(data) + bool(flags & (SYN | FIN))
        return self

    def put(self, side, segment):
        ends = (1 + side, 2 - side)
        self.identification += 1
        if self.v6:
            body = (self.v6 if self.v6 != b"-" else b"") + segment
            addresses = b"".join(b"\x20\x01\x0d\xb8" + bytes(11) + bytes([end]) for end in ends)
            packet = struct.pack(">IHBB", 6 << 28, len(body), self.next_header, 64) + addresses
            packet, kind = packet + body, 0x86DD
        else:
            addresses = b"".join(b"\x0a\0\0" + bytes([end]) for end in ends)
            size = 20 + len(segment)
            packet = struct.pack(
                ">BBHHHBBH", 0x45, self.ecn, size, self.identification, 0x4000, 64, 6, 0
            )
            packet, kind = packet + addresses + segment, 0x0800
        macs = b"".join(b"\2\0\0\0\0" + bytes([end]) for end in reversed(ends))
        data = (
            self.wrap(macs, kind, packet) if self.wrap else macs + struct.pack(">H", kind) + packet
        )
        self.packets.append((self.time, data, len(data)))
        self.time += 1_000_000

    def ack(self, side, **how):
        return self.send(side, flags=ACK, **how)

    def open(self, **how):
        return self.send(C, flags=SYN, **how).send(S, flags=SYN | ACK).ack(C)

    def upgrade(self, ask=ASK, answer=ANSWER):
        return self.send(C, ask).send(S, answer).ack(C)

    def frame(self, side, opcode, payload=b"", **how):
        key = self.random.randbytes(4) if side == C else None
        return self.send(side, frame(opcode, payload, mask=key, **how))

    def talk(self, count=3):
        for number in range(count):
            self.frame(C, 1, b"question %d" % number).ack(S)
            self.frame(S, 1, b"answer %d" % number).ack(C)
        return self

    def end(self):
        body = close_body(1000, "")
        self.frame(C, 8, body).frame(S, 8, body)
        return self.send(S, flags=FIN | ACK).ack(C).send(C, flags=FIN | ACK).ack(S)


def plain(**how):
    return Wire(**how).open().upgrade().talk().end()


def tags(macs, kind, packet):
    return macs + b"\x88\xa8\0\1\x81\0\0\2\x81\0\0\3" + struct.pack(">H", kind) + packet


def outer(protocol):
    def wrap(macs, kind, packet):
        body = packet
        if protocol == 47:  # RFC 2890: key and sequence number
            body = struct.pack(">HHII", 0x3000, kind, 7, 1) + packet
        head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(body), 7, 0, 64, protocol, 0)
        return macs + b"\x08\0" + head + b"\1\1\1\1\1\1\1\2" + body

    return wrap


def options_of_ip(macs, kind, packet):
    head = bytearray(packet[:20])
    head[0], head[2:4] = 0x46, struct.pack(">H", len(packet) + 4)
    return macs + b"\x08\0" + bytes(head) + b"\x94\4\0\0" + packet[20:]  # router alert


def proxied(header):
    return Wire().open().upgrade(header + ASK).talk().end()


def fast_open(*, taken):
    """RFC 7413: the request lies in the SYN; a server may ignore it."""
    wire = Wire().send(C, ASK, SYN, options=b"\x22\x0acookie01")
    if not taken:
        wire.next[C] = 1001
    wire.send(S, flags=SYN | ACK).ack(C)
    if not taken:
        wire.send(C, ASK)
    return wire.send(S, ANSWER).ack(C).talk().end()


def simultaneous_open():
    """RFC 9293 3.5, figure 8."""
    wire = Wire().send(C, flags=SYN).send(S, flags=SYN)
    wire.next = [1000, 5000]
    wire.next[S] += 1
    wire.send(C, flags=SYN | ACK)
    wire.next[S] -= 1
    wire.send(S, flags=SYN | ACK)
    return wire.ack(C).upgrade().talk().end()


def explicit_congestion():
    wire = Wire()
    wire.ecn = 2
    wire.send(C, flags=SYN | ECE | CWR).send(S, flags=SYN | ACK | ECE).ack(C).upgrade()
    wire.ecn = 3
    wire.talk()
    return wire.send(C, flags=ACK | ECE).send(S, flags=ACK | CWR).end()


def keep_alives(octet):
    """RFC 9293 3.8.4: with a garbage octet, or without."""
    wire = Wire().open().upgrade().talk()
    for _ in range(4):
        wire.send(S, octet, ACK, seq=wire.next[S] - 1).ack(C)
    return wire.end()


def probes():
    """RFC 9293 3.8.6.1: a byte at a time while the window is closed."""
    wire = Wire().open().upgrade().talk(2)
    wire.frame(C, 1, b"question 2").ack(S)
    message = frame(1, b"answer 2")
    wire.ack(C, window=0)
    for _ in range(3):
        wire.send(S, message[:1], ACK, seq=wire.next[S]).ack(C, window=0)
    return wire.ack(C).send(S, message).ack(C).end()


def swapped(*pairs):
    wire = plain()
    packets = wire.packets
    for at in pairs:
        (one, first, size), (two, second, other) = packets[at : at + 2]
        packets[at : at + 2] = [(one, second, other), (two, first, size)]
    return wire


def byte_by_byte():
    wire = Wire()
    whole = plain()
    for time, data, _ in whole.packets:
        wire.time = max(wire.time, time)
        side = C if data[34:36] == b"\x9c\x40" else S
        flags, payload = data[47], data[54:]
        if not payload:
            wire.send(side, flags=flags)
        for byte in payload:
            wire.send(side, bytes([byte]), flags)
    return wire


def syn_again():
    """The SYN goes out twice, and its answer comes again behind the ACK."""
    wire = Wire().send(C, flags=SYN).send(C, flags=SYN, seq=1000).send(S, flags=SYN | ACK).ack(C)
    return wire.send(S, flags=SYN | ACK, seq=5000).ack(C).upgrade().talk().end()


def urgent():
    wire = Wire().open().upgrade().talk(2)
    data = frame(1, b"question 2", mask=b"\x51\x62\x73\x84")
    return wire.send(C, data, PSH | ACK | URG).ack(S).frame(S, 1, b"answer 2").ack(C).end()


def trailers():
    wire = plain()
    wire.packets = [(time, data + b"\x81\x02hi", size + 4) for time, data, size in wire.packets]
    return wire


def interim():
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    return Wire().open().upgrade(answer=hints + ANSWER).talk().end()


V2 = b"\r\n\r\n\0\r\nQUIT\n"
EXTENSIONS = bytes([60, 0, 1, 4, 0, 0, 0, 0, 6, 0, 1, 4, 0, 0, 0, 0])
ODD = {
    "lower case": lambda: (
        Wire()
        .open()
        .upgrade(
            ASK.replace(b"Upgrade: websocket", b"upgrade: WebSocket").replace(
                b"Connection: Upgrade", b"connection: keep-alive, Upgrade"
            )
        )
        .talk()
        .end()
    ),
    "no reason phrase": lambda: (
        Wire()
        .open()
        .upgrade(answer=ANSWER.replace(b"101 Switching Protocols", b"101 "))
        .talk()
        .end()
    ),
    "103 before 101": interim,
    "PROXY v2, TCP over IPv4": lambda: proxied(
        V2 + b"\x21\x11\0\x0c" + bytes([1, 2, 3, 4, 5, 6, 7, 8]) + b"\x04\xd2\0\x50"
    ),
    "PROXY v2, LOCAL, with a TLV": lambda: proxied(V2 + b"\x20\0\0\7\4\0\4abcd"),
    "IPv6": lambda: plain(v6=b"-"),
    "IPv6 with two extension headers": lambda: plain(v6=EXTENSIONS, next_header=0),
    "IPv6 with a routing header": lambda: plain(
        v6=bytes([6, 2, 4, 0, 0, 0, 0, 0]) + bytes(16), next_header=43
    ),
    "IPv6 in atomic fragments": lambda: plain(v6=bytes([6, 0, 0, 0, 0, 0, 0, 9]), next_header=44),
    "three tags": lambda: plain(wrap=tags),
    "GRE with key and number": lambda: plain(wrap=outer(47)),
    "IPv6 in IPv4": lambda: plain(v6=b"-", wrap=outer(41)),
    "options of IPv4": lambda: plain(wrap=options_of_ip),
    "TCP fast open": lambda: fast_open(taken=True),
    "TCP fast open, ignored": lambda: fast_open(taken=False),
    "simultaneous open": simultaneous_open,
    "ECN": explicit_congestion,
    "keep-alives of one byte": lambda: keep_alives(b"\0"),
    "keep-alives of none": lambda: keep_alives(b""),
    "closed window": probes,
    "opening out of order": lambda: swapped(0, 2),
    "101 before its request": lambda: swapped(3),
    "messages out of order": lambda: swapped(6, 10, 14),
    "byte by byte": byte_by_byte,
    "numbers that wrap around": lambda: plain(isn=(2**32 - 40, 2**32 - 100)),
    "SYN and SYN-ACK again": syn_again,
    "urgent data": urgent,
    "bytes behind the packet": trailers,
}
BESIDE = {
    "TCP fast open, ignored": {"tcp-retransmissions"},
    "PROXY v2, TCP over IPv4": {"http-proxied"},
    "closed window": {"tcp-retransmissions", "tcp-zero-window"},
}


@pytest.mark.parametrize("name", ODD)
def test_healthy_peers_in_odd_packets(name):
    capture = pcap(ODD[name]().packets, nanoseconds=True)
    tables = tables_of(capture, payload="full")
    assert tables["handshakes"]["outcome"].tolist() == ["accepted"]
    (row,) = tables["connections"].itertuples()
    assert (row.close_kind, row.close_code, row.closed_by) == ("clean", 1000, "client")
    assert (row.client_messages, row.server_messages, row.lost_bytes) == (3, 3, 0)
    texts = sorted(bytes(each) for each in tables["messages"]["payload"])
    assert texts == sorted(
        b"%s %d" % (word, at) for word in (b"question", b"answer") for at in range(3)
    )
    assert set(tables["findings"]["id"]) == BESIDE.get(name, set())
    assert_ties_out(tables)
