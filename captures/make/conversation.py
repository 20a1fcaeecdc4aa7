"""Build captures byte by byte: TCP conversations, WebSocket frames, pcap files.

Deterministic: no clock, no randomness that the caller does not seed. Used by peers and
faults and by the tests. Standard library only, and nothing of the package under test.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
KEY = "dGhlIHNhbXBsZSBub25jZQ=="
START_NS = 1_700_000_000_000_000_000
LINKS = {"null": 0, "ethernet": 1, "raw": 101, "sll": 113, "sll2": 276, "ppp": 9}


# --- WebSocket (RFC 6455, 5.2) -----------------------------------------------------------


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    key: bytes | None = None,
    fin: bool = True,
    rsv: int = 0,
    form: int | None = None,
) -> bytes:
    """One frame.

    Args:
        opcode: any of 0 to 15.
        payload: before masking.
        key: the masking key of 4 bytes; None sends it unmasked.
        fin: the FIN bit.
        rsv: RSV1 is 4, RSV2 is 2, RSV3 is 1.
        form: 7, 16 or 64 forces that length form, the shortest otherwise.
    """
    size = len(payload)
    if form is None:
        form = 7 if size < 126 else 16 if size < 65536 else 64
    bit = 0 if key is None else 0x80
    out = bytes([fin << 7 | rsv << 4 | opcode])
    if form == 7:
        out += bytes([bit | size])
    elif form == 16:
        out += bytes([bit | 126]) + struct.pack(">H", size)
    else:
        out += bytes([bit | 127]) + struct.pack(">Q", size)
    return out + (payload if key is None else key + masked(payload, key))


def masked(payload: bytes, key: bytes) -> bytes:
    stream = (key * (len(payload) // 4 + 1))[: len(payload)]
    number = int.from_bytes(payload, "big") ^ int.from_bytes(stream, "big")
    return number.to_bytes(len(payload), "big")


class Deflater:
    """permessage-deflate of one direction (RFC 7692, 7.2.1)."""

    def __init__(self, *, takeover: bool = True, bits: int = 15) -> None:
        self.takeover = takeover
        self.bits = bits
        self._stream = self._new()

    def _new(self) -> zlib._Compress:
        return zlib.compressobj(9, zlib.DEFLATED, -self.bits)

    def __call__(self, data: bytes) -> bytes:
        if not self.takeover:
            self._stream = self._new()
        out = self._stream.compress(data) + self._stream.flush(zlib.Z_SYNC_FLUSH)
        return out[:-4]

    def final(self, data: bytes) -> bytes:
        """A message that ends its DEFLATE stream: BFINAL=1, then one zero byte (7.2.3.4)."""
        stream = self._new()
        out = stream.compress(data) + stream.flush(zlib.Z_FINISH)
        self._stream = self._new()
        return out + b"\x00"


def accept(key: str) -> str:
    """Sec-WebSocket-Accept for a key (RFC 6455, 4.2.2)."""
    digest = hashlib.sha1(key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
    return base64.b64encode(digest).decode()


def request(*fields: str, path: str = "/", key: str = KEY, host: str = "peer.example") -> bytes:
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade"]
    lines += [f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13", *fields]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def response(*fields: str, key: str = KEY) -> bytes:
    lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
    lines += [f"Sec-WebSocket-Accept: {accept(key)}", *fields]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


# --- IP and TCP ----------------


def checksum(data: bytes) -> int:
    if len(data) % 2:
        data += b"\x00"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ip_packet(source: str, target: str, protocol: int, body: bytes, number: int = 0) -> bytes:
    """An IPv4 or IPv6 packet, by the kind of the addresses."""
    a, b = ipaddress.ip_address(source), ipaddress.ip_address(target)
    if a.version == 6:
        return struct.pack(">IHBB", 6 << 28, len(body), protocol, 64) + a.packed + b.packed + body
    head = struct.pack(
        ">BBHHHBBH", 0x45, 0, 20 + len(body), number & 0xFFFF, 0x4000, 64, protocol, 0
    )
    head += a.packed + b.packed
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + body


def tcp_segment(
    source: str,
    target: str,
    ports: tuple[int, int],
    seq: int,
    ack: int,
    flags: int,
    data: bytes = b"",
    options: bytes = b"",
    window: int = 64240,
) -> bytes:
    offset = (20 + len(options)) // 4
    seq, ack = seq & 0xFFFFFFFF, ack & 0xFFFFFFFF
    head = struct.pack(">HHIIBBHHH", *ports, seq, ack, offset << 4, flags, window, 0, 0)
    body = head + options + data
    a, b = ipaddress.ip_address(source).packed, ipaddress.ip_address(target).packed
    total = checksum(a + b + struct.pack(">II", len(body), 6) + body)
    return body[:16] + struct.pack(">H", total) + body[18:]


@dataclass
class Packet:
    """One IP packet at a time, and how much of it the capture holds."""

    time_ns: int
    data: bytes


@dataclass
class Conversation:
    """A TCP connection and the packets that it made, in order of capture.

    `client` and `server` send data in segments of at most `mss` bytes; each run of
    segments is acknowledged by the other end. Edit `packets` to lose or swap some.
    """

    client_ip: str = "10.1.0.1"
    server_ip: str = "10.1.0.2"
    client_port: int = 40000
    server_port: int = 8080
    mss: int = 1460
    start_ns: int = START_NS
    step_ns: int = 100_000
    isn: dict[str, int] = field(default_factory=lambda: {"client": 1000, "server": 50_000})
    packets: list[Packet] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.now = self.start_ns
        self.next = dict(self.isn)

    def segment(
        self, side: str, data: bytes = b"", flags: int = ACK, *, seq: int | None = None
    ) -> Packet:
        """Append one segment; `seq` other than the next one leaves the state alone."""
        other = "server" if side == "client" else "client"
        ips = (self.client_ip, self.server_ip)
        ports = (self.client_port, self.server_port)
        if side == "server":
            ips, ports = ips[::-1], ports[::-1]
        ack = self.next[other] if flags & ACK else 0
        options = b"\x02\x04" + struct.pack(">H", self.mss) if flags & SYN else b""
        start = self.next[side] if seq is None else seq
        body = tcp_segment(*ips, ports, start, ack, flags, data, options)
        packet = Packet(self.now, ip_packet(*ips, 6, body, len(self.packets) + 1))
        self.packets.append(packet)
        self.now += self.step_ns
        if seq is None:
            self.next[side] += len(data) + bool(flags & SYN) + bool(flags & FIN)
        return packet

    def open(self) -> Conversation:
        self.segment("client", flags=SYN)
        self.segment("server", flags=SYN | ACK)
        self.segment("client")
        return self

    def upgrade(self, *offered: str, chosen: Iterable[str] = (), path: str = "/") -> Conversation:
        """Three-way handshake and an accepted upgrade."""
        self.open()
        self.client(request(*offered, path=path))
        return self.server(response(*chosen))

    def send(self, side: str, data: bytes) -> Conversation:
        for start in range(0, len(data), self.mss):
            part = data[start : start + self.mss]
            self.segment(side, part, ACK | PSH if start + self.mss >= len(data) else ACK)
        self.segment("server" if side == "client" else "client")
        return self

    def client(self, data: bytes) -> Conversation:
        return self.send("client", data)

    def server(self, data: bytes) -> Conversation:
        return self.send("server", data)

    def finish(self, first: str = "client") -> Conversation:
        second = "server" if first == "client" else "client"
        self.segment(first, flags=FIN | ACK)
        self.segment(second, flags=FIN | ACK)
        self.segment(first)
        return self

    def close(self, code: int = 1000) -> Conversation:
        """A clean WebSocket close by the client, and the FINs."""
        body = struct.pack(">H", code)
        self.client(frame(CLOSE, body, key=b"\x00\x00\x00\x00"))
        self.server(frame(CLOSE, body))
        return self.finish("server")

    def pcap(self, **options: object) -> bytes:
        return pcap(self.packets, **options)  # type: ignore[arg-type]


# --- link layers and capture files ----------------

MACS = b"\x02\x00\x00\x00\x00\x02\x02\x00\x00\x00\x00\x01"


def _ethertype(packet: bytes) -> bytes:
    return b"\x86\xdd" if packet[0] >> 4 == 6 else b"\x08\x00"


def encapsulate(packet: bytes, way: str) -> tuple[str, bytes]:
    """An IP packet as a capture holds it.

    Args:
        packet: IPv4 or IPv6.
        way: a key of LINKS, or vlan, qinq, mpls, pppoe, gre, vxlan, geneve, ipip, gtp.

    Returns:
        The link layer (key of LINKS) and the bytes.
    """
    kind = _ethertype(packet)
    four = packet[0] >> 4 == 4
    if way == "raw":
        return way, packet
    if way == "null":
        return way, struct.pack("<I", 2 if four else 30) + packet
    if way == "ppp":
        return way, b"\xff\x03" + (b"\x00\x21" if four else b"\x00\x57") + packet
    if way == "sll":
        return way, struct.pack(">HHH8s", 0, 1, 6, MACS[:6] + b"\0\0") + kind + packet
    if way == "sll2":
        return way, kind + struct.pack(">HIHBB8s", 0, 2, 1, 0, 6, MACS[:6] + b"\0\0") + packet
    if way in _SHIMS:
        return "ethernet", MACS + _SHIMS[way](packet, kind)
    if way in _TUNNELS:
        protocol, body = _TUNNELS[way](packet, kind)
        outer = ip_packet("192.0.2.1", "192.0.2.2", protocol, body)
        return "ethernet", MACS + b"\x08\x00" + outer
    assert way == "ethernet", way
    return way, MACS + kind + packet


def _udp(port: int, body: bytes) -> bytes:
    return struct.pack(">HHHH", 49152, port, 8 + len(body), 0) + body


_SHIMS = {
    "vlan": lambda packet, kind: b"\x81\x00\x00\x07" + kind + packet,
    "qinq": lambda packet, kind: b"\x88\xa8\x00\x05\x81\x00\x00\x07" + kind + packet,
    "mpls": lambda packet, kind: b"\x88\x47\x00\x01\x00\x40\x00\x02\x01\x40" + packet,
    "pppoe": lambda packet, kind: (
        b"\x88\x64\x11\x00"
        + struct.pack(">HH", 1, len(packet) + 2)
        + (b"\x00\x21" if kind == b"\x08\x00" else b"\x00\x57")
        + packet
    ),
}
_TUNNELS = {
    "gre": lambda packet, kind: (47, b"\x00\x00" + kind + packet),
    "ipip": lambda packet, kind: (4 if kind == b"\x08\x00" else 41, packet),
    "vxlan": lambda packet, kind: (17, _udp(4789, b"\x08\0\0\0\0\0\x05\0" + MACS + kind + packet)),
    "geneve": lambda packet, kind: (
        17,
        _udp(6081, b"\x00\x00\x65\x58\x00\x00\x05\x00" + MACS + kind + packet),
    ),
    "gtp": lambda packet, kind: (
        17,
        _udp(2152, b"\x30\xff" + struct.pack(">HI", len(packet), 7) + packet),
    ),
}
ENCAPSULATIONS = (*LINKS, *_SHIMS, *_TUNNELS)


def pcap(
    packets: Iterable[Packet],
    *,
    way: str = "ethernet",
    nanoseconds: bool = False,
    order: str = "<",
    snaplen: int = 262_144,
) -> bytes:
    """A classic capture file.

    Args:
        packets: in order of capture.
        way: how each is encapsulated, see `encapsulate`.
        nanoseconds: the unit of the time stamps' fraction.
        order: byte order of the headers, "<" or ">".
        snaplen: longer packets are cut.
    """
    magic = 0xA1B23C4D if nanoseconds else 0xA1B2C3D4
    link, body = "ethernet" if way not in LINKS else way, []
    for packet in packets:
        link, data = encapsulate(packet.data, way)
        seconds, fraction = divmod(packet.time_ns, 1_000_000_000)
        fraction = fraction if nanoseconds else fraction // 1000
        kept = data[:snaplen]
        body.append(struct.pack(order + "IIII", seconds, fraction, len(kept), len(data)) + kept)
    return struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, snaplen, LINKS[link]) + b"".join(body)
