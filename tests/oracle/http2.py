"""HTTP/2 as two programs would speak it (package h2), and packets that carry it."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.settings import SettingCodes, Settings
from oracle import websocket
from oracle.captures import pcap

CLIENT, SERVER = 0, 1
START = 1_700_000_000_000_000_000
MS = 1_000_000
KEY = b"\x37\xfa\x21\x3d"
HEADER = 54  # Ethernet 14, IPv4 20, TCP 20

Step = tuple[int, bytes | str]
"""(side, payload), or (side, "ack" | "fin" | "rst")."""


class Talk:
    """Both ends of a connection; `steps` is what they send, in order."""

    def __init__(self, *, enabled: bool = True, **settings: int) -> None:
        self.ends = tuple(
            H2Connection(H2Configuration(client_side=side == CLIENT, header_encoding="utf-8"))
            for side in (CLIENT, SERVER)
        )
        values = {SettingCodes[name.upper()]: value for name, value in settings.items()}
        if enabled:
            values[SettingCodes.ENABLE_CONNECT_PROTOCOL] = 1
        self.ends[SERVER].local_settings = Settings(client=False, initial_values=values)
        self.steps: list[Step] = []
        for end in self.ends:
            end.initiate_connection()
        for side in (CLIENT, SERVER, CLIENT, SERVER):
            self.flush(side)

    def flush(self, side: int) -> bytes:
        """Send what one end has to say."""
        data = self.ends[side].data_to_send()
        if data:
            self.steps.append((side, data))
            self.ends[1 - side].receive_data(data)
        return data

    def request(
        self, stream: int, method: str = "GET", path: str = "/", body: bytes = b"", **fields: str
    ) -> None:
        pseudo = [(":method", method), (":scheme", "http"), (":authority", "example.com")]
        extra = [(name.replace("_", "-"), value) for name, value in fields.items()]
        heads = [*pseudo, (":path", path), ("user-agent", "talk"), *extra]
        self.ends[CLIENT].send_headers(stream, heads, end_stream=not body)
        if body:
            self.ends[CLIENT].send_data(stream, body, end_stream=True)
        self.flush(CLIENT)

    def answer(
        self, stream: int, body: bytes = b"", status: int = 200, *, end: bool = True, **fields: str
    ) -> None:
        extra = [(name.replace("_", "-"), value) for name, value in fields.items()]
        heads = [(":status", str(status)), *extra]
        self.ends[SERVER].send_headers(stream, heads, end_stream=end and not body)
        if body:
            self.ends[SERVER].send_data(stream, body, end_stream=end)
        self.flush(SERVER)

    def connect(self, stream: int, path: str = "/chat", **fields: str) -> None:
        """Ask for a WebSocket (RFC 8441 5.1)."""
        heads = [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https")]
        heads += [(":path", path), (":authority", "server.example.com")]
        heads += [("sec-websocket-version", "13"), ("origin", "http://www.example.com")]
        heads += [(name.replace("_", "-"), value) for name, value in fields.items()]
        self.ends[CLIENT].send_headers(stream, heads)
        self.flush(CLIENT)

    def accept(self, stream: int, **fields: str) -> None:
        self.answer(stream, end=False, **fields)

    def open(self, stream: int, **fields: str) -> None:
        self.connect(stream, **fields)
        self.accept(stream)

    def send(self, side: int, stream: int, data: bytes, pad: int | None = None) -> None:
        self.ends[side].send_data(stream, data, pad_length=pad)
        self.flush(side)

    def frame(self, side: int, stream: int, opcode: int, payload: bytes = b"") -> None:
        """Send one WebSocket frame in one DATA frame."""
        mask = KEY if side == CLIENT else None
        self.send(side, stream, websocket.frame(opcode, payload, mask=mask))

    def close(self, stream: int) -> None:
        """Close a WebSocket in peace: Close both ways, END_STREAM both ways."""
        body = websocket.close_body(1000, "")
        self.frame(CLIENT, stream, 8, body)
        self.frame(SERVER, stream, 8, body)
        for side in (SERVER, CLIENT):
            self.ends[side].end_stream(stream)
            self.flush(side)

    def reset(self, side: int, stream: int, code: int) -> None:
        self.ends[side].reset_stream(stream, code)
        self.flush(side)


def segments(
    steps: Iterable[Step], mss: int = 1448, *, syn: bool = True, acks: bool = True, fin: bool = True
) -> list[tuple[int, bytes, int]]:
    """Return (time in ns, packet, original length): TCP segments, each acknowledged.

    Args:
        steps: what is said.
        mss: longest payload of a segment.
        syn: begin with the opening.
        acks: the other side sends a pure ACK behind each step.
        fin: end with FIN both ways.
    """
    sequence = [1000, 5000]
    packets: list[tuple[int, bytes, int]] = []

    def put(side: int, flags: int, payload: bytes = b"") -> None:
        packet = _packet(side, sequence[side], sequence[1 - side], flags, payload)
        packets.append((START + len(packets) * MS, packet, len(packet)))
        sequence[side] += len(payload) + (1 if flags & 3 else 0)

    if syn:
        put(CLIENT, 2)
        put(SERVER, 18)
        put(CLIENT, 16)
    for side, what in steps:
        if isinstance(what, str):
            put(side, {"ack": 16, "fin": 17, "rst": 20}[what])
            continue
        for at in range(0, len(what), mss):
            put(side, 24, what[at : at + mss])
        if acks:
            put(1 - side, 16)
    if fin:
        put(CLIENT, 17)
        put(SERVER, 17)
        put(CLIENT, 16)
    return packets


def _packet(side: int, seq: int, ack: int, flags: int, payload: bytes) -> bytes:
    macs = (b"\2\0\0\0\0\1", b"\2\0\0\0\0\2")
    ends = ((b"\x0a\0\0\1", 50000), (b"\x0a\0\0\2", 8080))
    (source, from_port), (target, to_port) = ends[side], ends[1 - side]
    ip = struct.pack(">BBHHHBBH4s4s", 69, 0, 40 + len(payload), seq & 0xFFFF, 0, 64, 6, 0, source,
                     target)  # fmt: skip
    acked = ack if flags & 16 else 0
    tcp = struct.pack(">HHIIBBHHH", from_port, to_port, seq, acked, 80, flags, 64000, 0, 0)
    return macs[1 - side] + macs[side] + b"\x08\0" + ip + tcp + payload


def capture(steps: Sequence[Step], mss: int = 1448, **how: bool) -> bytes:
    """Return a pcap file of a conversation."""
    return pcap(segments(steps, mss, **how), nanoseconds=True)
