"""WebSocket traffic from a fixed seed: whole TCP connections, written as a pcap file.

Knows how packets are laid out; must not know which workloads are measured, nor
import the analyzer: what it writes is checked by tshark alone. Called by workloads.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from hpack import Encoder

Ints = npt.NDArray[np.int64]

CLIENT, SERVER = 0, 1
FIN, SYN, PSH, ACK = 1, 2, 8, 16
MSS = 1448  # of a 1500 byte MTU, with the time stamp option
US = 1000
MS = 1000 * US
SECOND = 1000 * MS
EPOCH = 1_750_000_000 * SECOND
STEP = 12 * US  # 1 Gbit/s
SERVER_PORT = 8080

PCAP_HEADER = np.array(
    [(0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1)],
    np.dtype("<u4, <u2, <u2, <i4, <u4, <u4, <u4"),
).tobytes()

OPTIONS_BYTES = 20
HEADER = np.dtype(
    [
        *(("seconds", "<u4"), ("microseconds", "<u4"), ("captured", "<u4"), ("original", "<u4")),
        *(("destination_mac", "u1", 6), ("source_mac", "u1", 6), ("ethertype", ">u2")),
        *(("version_ihl", "u1"), ("tos", "u1"), ("total_length", ">u2"), ("id", ">u2")),
        *(("fragment", ">u2"), ("ttl", "u1"), ("protocol", "u1"), ("ip_checksum", ">u2")),
        *(("source", ">u4"), ("destination", ">u4")),
        *(("source_port", ">u2"), ("destination_port", ">u2"), ("seq", ">u4"), ("ack", ">u4")),
        *(("offset", "u1"), ("flags", "u1"), ("window", ">u2"), ("tcp_checksum", ">u2")),
        *(("urgent", ">u2"), ("options", "u1", OPTIONS_BYTES)),
    ]
)
"""pcap record header, Ethernet, IPv4 and TCP; a row without SYN uses 12 option bytes."""
BELOW_TCP = 16 + 14 + 20
RECORD_BYTES = 16

PACKET = np.dtype(
    [
        ("time", "i8"),  # ns
        ("connection", "i8"),
        ("start", "i8"),  # payload, in the pool
        ("length", "i8"),
        ("side", "u1"),
        ("flags", "u1"),
    ]
)

REQUEST = (
    "GET /live/feed?channel=prices HTTP/1.1\r\n"
    "Host: ws.example.com:8080\r\n"
    "Connection: Upgrade\r\n"
    "Pragma: no-cache\r\n"
    "Cache-Control: no-cache\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36\r\n"
    "Upgrade: websocket\r\n"
    "Origin: http://www.example.com\r\n"
    "Sec-WebSocket-Version: 13\r\n"
    "Accept-Encoding: gzip, deflate\r\n"
    "Accept-Language: en-GB,en;q=0.9\r\n"
    "Sec-WebSocket-Key: {key}\r\n"
    "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n"
    "\r\n"
)
RESPONSE = (
    "HTTP/1.1 101 Switching Protocols\r\n"
    "Upgrade: websocket\r\n"
    "Connection: Upgrade\r\n"
    "Sec-WebSocket-Accept: {accept}\r\n"
    "Date: Sun, 15 Jun 2025 15:06:40 GMT\r\n"
    "{extensions}\r\n"
)
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 section 1.3


@dataclass
class Plan:
    """When the connections of a capture live, and when who sends a message.

    Attributes:
        opened, closed: ns per connection: the SYN, the first Close frame.
        connection, side, time: one element per message, in time order.
    """

    opened: Ints
    closed: Ints
    connection: Ints
    side: npt.NDArray[np.uint8]
    time: Ints


@dataclass
class Pool:
    """Payload bytes of all packets of a part of a capture, one behind the other."""

    parts: list[bytes] = field(default_factory=list)
    used: int = 0

    def add(self, payload: bytes) -> int:
        """Append `payload` and return where it starts."""
        start = self.used
        self.parts.append(payload)
        self.used += len(payload)
        return start

    def joined(self) -> memoryview:
        """Return all bytes."""
        return memoryview(b"".join(self.parts))


def plan(
    random: np.random.Generator, connections: int, messages: int, seconds: float, begin: int
) -> Plan:
    """Spread messages over connections which are all open in the middle of the time.

    Connections open within the first fifth of the time and close within the last.
    """
    span = int(seconds * SECOND)
    opened = begin + random.integers(0, span // 5, connections)
    closed = begin + span - random.integers(0, span // 5, connections)
    connection = random.integers(0, connections, messages)
    # Room for the handshake before, and for late ACKs behind.
    first = opened[connection] + 20 * MS
    room = closed[connection] - 5 * MS - first
    time = first + (random.random(messages) * room).astype(np.int64)
    order = np.argsort(time, kind="stable")
    side = random.integers(0, 2, messages, dtype=np.uint8)
    return Plan(opened, closed, connection[order], side, time[order])


def opening(
    random: np.random.Generator, planned: Plan, pool: Pool, deflate: bool
) -> npt.NDArray[np.void]:
    """Return SYN, SYN-ACK, ACK, upgrade request and response of each connection."""
    count = len(planned.opened)
    rows = np.zeros((count, 5), PACKET)
    rows["connection"] = np.arange(count)[:, None]
    rows["time"] = planned.opened[:, None] + np.array([0, 200, 310, 450, 1900]) * US
    rows["side"] = [CLIENT, SERVER, CLIENT, CLIENT, SERVER]
    rows["flags"] = [SYN, SYN | ACK, ACK, PSH | ACK, PSH | ACK]
    extensions = "Sec-WebSocket-Extensions: permessage-deflate\r\n" if deflate else ""
    nonces = random.bytes(16 * count)
    for index in range(count):
        key = base64.b64encode(nonces[16 * index : 16 * index + 16]).decode()
        accept = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()
        heads = (
            REQUEST.format(key=key).encode(),
            RESPONSE.format(accept=accept, extensions=extensions).encode(),
        )
        for column, head in zip((3, 4), heads, strict=True):
            rows["start"][index, column] = pool.add(head)
            rows["length"][index, column] = len(head)
    return rows.reshape(-1)


def closing(random: np.random.Generator, planned: Plan, pool: Pool) -> npt.NDArray[np.void]:
    """Return Close frames both ways and the FIN exchange of each connection."""
    count = len(planned.closed)
    rows = np.zeros((count, 5), PACKET)
    rows["connection"] = np.arange(count)[:, None]
    rows["time"] = planned.closed[:, None] + np.array([0, 300, 350, 520, 640]) * US
    rows["side"] = [CLIENT, SERVER, SERVER, CLIENT, SERVER]
    rows["flags"] = [PSH | ACK, PSH | ACK, FIN | ACK, FIN | ACK, ACK]
    codes = random.choice(np.array([1000, 1001], np.uint16), count)
    keys = random.bytes(4 * count)
    for index, code in enumerate(codes.tolist()):
        body = code.to_bytes(2, "big")
        key = keys[4 * index : 4 * index + 4]
        masked = bytes(a ^ b for a, b in zip(body, key, strict=False))
        frames = (b"\x88\x82" + key + masked, b"\x88\x02" + body)
        for column, frame in enumerate(frames):
            rows["start"][index, column] = pool.add(frame)
            rows["length"][index, column] = len(frame)
    return rows.reshape(-1)


HTTP2_STREAMS = (1, 3, 5)
"""WebSockets that each connection of HTTP/2 carries."""


def http2_frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """Return one frame of HTTP/2 (RFC 9113 4.1)."""
    return (
        len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload
    )


def http2_opening(random: np.random.Generator, planned: Plan, pool: Pool) -> npt.NDArray[np.void]:
    """Return SYN, SYN-ACK, ACK, and the opening of the WebSockets of each connection."""
    widest = (2**31 - 1).to_bytes(4, "big")
    settings = http2_frame(4, 0, 0, b"\0\4" + widest)
    widen = http2_frame(8, 0, 0, (2**31 - 1 - 65_535).to_bytes(4, "big"))
    said: list[tuple[int, bytes]] = [
        (CLIENT, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings + widen),
        (SERVER, http2_frame(4, 0, 0, b"\0\4" + widest + b"\0\x08\0\0\0\1") + widen),
    ]
    encoders = Encoder(), Encoder()
    asked = [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http")]
    asked += [(":path", "/live/feed?channel=prices"), (":authority", "ws.example.com:8080")]
    asked += [("sec-websocket-version", "13"), ("origin", "http://www.example.com")]
    for stream in HTTP2_STREAMS:
        said.append((CLIENT, http2_frame(1, 4, stream, encoders[CLIENT].encode(asked))))
        answer = encoders[SERVER].encode([(":status", "200")])
        said.append((SERVER, http2_frame(1, 4, stream, answer)))
    count, width = len(planned.opened), 3 + len(said)
    rows = np.zeros((count, width), PACKET)
    rows["connection"] = np.arange(count)[:, None]
    rows["time"] = planned.opened[:, None] + np.arange(width) * 200 * US
    rows["side"] = [CLIENT, SERVER, CLIENT, *(side for side, _ in said)]
    rows["flags"] = [SYN, SYN | ACK, ACK, *[PSH | ACK] * len(said)]
    for column, (_, payload) in enumerate(said, 3):
        rows["start"][:, column] = pool.add(payload)
        rows["length"][:, column] = len(payload)
    return rows.reshape(-1)


def http2_closing(random: np.random.Generator, planned: Plan, pool: Pool) -> npt.NDArray[np.void]:
    """Return Close frames and END_STREAM both ways of each stream, and the FIN exchange."""
    count = len(planned.closed)
    masked = b"\x88\x82\0\0\0\0\x03\xe8"
    bodies = [
        b"".join(http2_frame(0, 1, stream, close) for stream in HTTP2_STREAMS)
        for close in (masked, b"\x88\x02\x03\xe8")
    ]
    rows = np.zeros((count, 5), PACKET)
    rows["connection"] = np.arange(count)[:, None]
    rows["time"] = planned.closed[:, None] + np.array([0, 300, 350, 520, 640]) * US
    rows["side"] = [CLIENT, SERVER, SERVER, CLIENT, SERVER]
    rows["flags"] = [PSH | ACK, PSH | ACK, FIN | ACK, FIN | ACK, ACK]
    for column, body in enumerate(bodies):
        rows["start"][:, column] = pool.add(body)
        rows["length"][:, column] = len(body)
    return rows.reshape(-1)


def segments(planned: Plan, start: Ints, length: Ints) -> npt.NDArray[np.void]:
    """Cut messages (one frame each) into segments of MSS bytes, STEP apart."""
    pieces = (length + MSS - 1) // MSS
    message = np.repeat(np.arange(len(length)), pieces)
    piece = np.arange(len(message)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    rows = np.zeros(len(message), PACKET)
    rows["time"] = planned.time[message] + piece * STEP
    rows["connection"] = planned.connection[message]
    rows["side"] = planned.side[message]
    rows["start"] = start[message] + piece * MSS
    rows["length"] = np.minimum(MSS, length[message] - piece * MSS)
    rows["flags"] = np.where(piece == pieces[message] - 1, PSH | ACK, ACK)
    return rows


def acks(
    random: np.random.Generator, data: npt.NDArray[np.void], count: int, latest: int
) -> npt.NDArray[np.void]:
    """Return `count` pure ACKs, each up to `latest` ns behind one of the data segments."""
    chosen = data[np.linspace(0, len(data) - 1, count).astype(np.int64)]
    rows = np.zeros(count, PACKET)
    rows["time"] = chosen["time"] + random.integers(2 * US, latest, count)
    rows["connection"] = chosen["connection"]
    rows["side"] = 1 - chosen["side"]
    rows["flags"] = ACK
    return rows


def write(
    stream: BinaryIO, random: np.random.Generator, packets: npt.NDArray[np.void], pool: Pool,
    first_client: int,
) -> None:  # fmt: skip
    """Write packets in time order; `first_client` numbers the first connection."""
    packets = packets[np.argsort(packets["time"], kind="stable")]
    seq, ack, identification, echo = _sequence(random, packets)
    payload = pool.joined()
    batch = 65_536
    for begin in range(0, len(packets), batch):
        part = slice(begin, begin + batch)
        rows = packets[part]
        headers, sizes = _headers(
            rows, seq[part], ack[part], identification[part], echo[part], first_client
        )
        head = memoryview(headers.tobytes())
        pieces: list[memoryview] = []
        places = range(0, len(head), HEADER.itemsize)
        spans = zip(places, sizes.tolist(), rows["start"].tolist(), rows["length"].tolist(),
                    strict=True)  # fmt: skip
        for place, size, start, length in spans:
            pieces.append(head[place : place + size])
            if length:
                pieces.append(payload[start : start + length])
        stream.write(b"".join(pieces))


def _sequence(
    random: np.random.Generator, packets: npt.NDArray[np.void]
) -> tuple[Ints, Ints, Ints, Ints]:
    """Return seq, ack, IP identification and the peer's last time, per packet."""
    order = np.argsort(packets["connection"], kind="stable")
    rows = packets[order]
    first = np.flatnonzero(np.diff(rows["connection"], prepend=-1))
    group = np.repeat(np.arange(len(first)), np.diff(first, append=len(rows)))
    takes = rows["length"] + ((rows["flags"] & (SYN | FIN)) != 0)
    origin = random.integers(0, 2**32, (2, len(first)))
    sent = np.zeros((2, len(rows)), np.int64)
    ordinal = np.zeros((2, len(rows)), np.int64)
    last = np.zeros((2, len(rows)), np.int64)
    for side in (CLIENT, SERVER):
        mine = rows["side"] == side
        for out, amount in ((sent[side], takes), (ordinal[side], np.ones_like(takes))):
            before = np.cumsum(amount * mine) - amount * mine
            out[:] = before - before[first][group]
        place = np.maximum.accumulate(np.where(mine, np.arange(len(rows)), -1))
        seen = place >= first[group]
        last[side] = np.where(seen, rows["time"][place], 0)
    sender = rows["side"].astype(np.int64)
    every = np.arange(len(rows))
    has_ack = (rows["flags"] & ACK) != 0
    seq = (origin[sender, group] + sent[sender, every]) & 0xFFFFFFFF
    ack = np.where(has_ack, (origin[1 - sender, group] + sent[1 - sender, every]) & 0xFFFFFFFF, 0)
    identification = (origin[sender, group] // 7 + ordinal[sender, every]) & 0xFFFF
    columns = (seq, ack, identification, last[1 - sender, every])
    unsorted = tuple(np.empty(len(rows), np.int64) for _ in columns)
    for out, column in zip(unsorted, columns, strict=True):
        out[order] = column
    return unsorted[0], unsorted[1], unsorted[2], unsorted[3]


def _headers(
    rows: npt.NDArray[np.void], seq: Ints, ack: Ints, identification: Ints, echo: Ints,
    first_client: int,
) -> tuple[npt.NDArray[np.void], Ints]:  # fmt: skip
    """Return HEADER rows and how many bytes of each count."""
    is_syn = (rows["flags"] & SYN) != 0
    option_bytes = np.where(is_syn, OPTIONS_BYTES, 12)
    size = BELOW_TCP + 20 + option_bytes
    length = size - RECORD_BYTES + rows["length"]
    out = np.zeros(len(rows), HEADER)
    out["seconds"] = rows["time"] // SECOND
    out["microseconds"] = rows["time"] % SECOND // US
    out["captured"] = length
    out["original"] = length
    out["ethertype"] = 0x0800
    out["version_ihl"] = 0x45
    out["total_length"] = length - 14
    out["id"] = identification
    out["fragment"] = 0x4000  # Don't Fragment
    out["ttl"] = 64
    out["protocol"] = 6
    connection = rows["connection"] + first_client
    client_ip = 0x0A000001 + connection // 50
    client_port = 32_768 + (connection % 50) * 500 + connection // 50 % 500
    server_ip = 0xC6336464  # 198.51.100.100
    from_client = rows["side"] == CLIENT
    out["source"] = np.where(from_client, client_ip, server_ip)
    out["destination"] = np.where(from_client, server_ip, client_ip)
    out["source_port"] = np.where(from_client, client_port, SERVER_PORT)
    out["destination_port"] = np.where(from_client, SERVER_PORT, client_port)
    macs = np.array([[2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2]], np.uint8)
    out["source_mac"] = macs[rows["side"]]
    out["destination_mac"] = macs[1 - rows["side"]]
    out["seq"] = seq
    out["ack"] = ack
    out["offset"] = (20 + option_bytes) // 4 << 4
    out["flags"] = rows["flags"]
    out["window"] = np.where(is_syn, 64_240, 502)
    out["options"] = _options(is_syn, rows["time"] // MS, echo // MS)
    words = out.view(np.uint8).reshape(len(out), -1)[:, 30:50].copy().view(">u2")
    total: Ints = words.astype(np.int64).sum(axis=1)
    folded = (total & 0xFFFF) + (total >> 16)
    out["ip_checksum"] = 0xFFFF - ((folded & 0xFFFF) + (folded >> 16))
    return out, size


def _options(is_syn: npt.NDArray[np.bool_], value: Ints, echo: Ints) -> npt.NDArray[np.uint8]:
    """Return TCP options: time stamps, and in a SYN MSS, SACK and window scale too."""
    stamps = np.zeros((len(value), 10), np.uint8)
    stamps[:, :2] = [8, 10]
    stamps[:, 2:6] = (value & 0xFFFFFFFF).astype(">u4").view(np.uint8).reshape(-1, 4)
    stamps[:, 6:] = (echo & 0xFFFFFFFF).astype(">u4").view(np.uint8).reshape(-1, 4)
    options = np.zeros((len(value), OPTIONS_BYTES), np.uint8)
    options[:, :2] = 1
    options[:, 2:12] = stamps
    options[is_syn, :6] = [2, 4, 1460 >> 8, 1460 & 255, 4, 2]
    options[is_syn, 6:16] = stamps[is_syn]
    options[is_syn, 16:] = [1, 3, 3, 7]
    return options
