"""Captures of handshakes: slow in one part, stripped by a hop, refused with the reason.

Part of causes.py, which lists them. Nothing of the package under test.
"""

from __future__ import annotations

import random
import struct

from causes_talk import MS, S, Talk, Variant, chat, joined, openings
from conversation import ACK, RST, SYN, Packet, ip_packet, request, response, tcp_segment

START = 1_700_000_000 * S
HOST = "peer.example"
RESOLVER = "10.1.0.53"


# --- names (RFC 1035 4.1)


def _udp(source: tuple[str, int], target: tuple[str, int], body: bytes) -> bytes:
    data = struct.pack(">HHHH", source[1], target[1], 8 + len(body), 0) + body
    return ip_packet(source[0], target[0], 17, data)


def query(ident: int, name: str = HOST) -> bytes:
    """A query for A."""
    labels = b"".join(bytes([len(part)]) + part.encode() for part in name.split("."))
    return struct.pack(">HHHHHH", ident, 0x0100, 1, 0, 0, 0) + labels + b"\0\0\1\0\1"


def answer(asked: bytes, *addresses: bytes) -> bytes:
    """An answer to a query, with some addresses."""
    head = asked[:2] + struct.pack(">HHHHH", 0x8180, 1, len(addresses), 0, 0)
    rows = [b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + address for address in addresses]
    return head + asked[12:] + b"".join(rows)


def _asks(talk: Talk, port: int, body: bytes) -> None:
    data = _udp((talk.client_ip, port), (RESOLVER, 53), body)
    talk.packets.append(Packet(talk.now, data))


def _told(talk: Talk, port: int, body: bytes) -> None:
    data = _udp((RESOLVER, 53), (talk.client_ip, port), body)
    talk.packets.append(Packet(talk.now, data))


def _fresh(number: int, start: float) -> Talk:
    talk = Talk(client_port=40_000 + number, start_ns=START + round(start))
    talk.isn = {"client": 1000 * number + 1, "server": 7_000_000 + 1000 * number}
    talk.next = dict(talk.isn)
    return talk


# --- which part was slow


def _by_name(talk: Talk, wait: float) -> None:
    """Ask for the name; the first query is lost."""
    port, asked = talk.client_port + 10_000, query(talk.client_port & 0xFFF)
    _asks(talk, port, asked)
    talk.wait(wait)
    _asks(talk, port, asked)
    talk.wait(1 * MS)
    _told(talk, port, answer(asked, bytes((10, 1, 0, 2))))
    talk.wait(0.3 * MS).upgrade(path="/ws")


def _by_attempts(talk: Talk, wait: float) -> None:
    """Try another address of the name first, which does not answer, or says no late."""
    port, asked = talk.client_port + 10_000, query(talk.client_port & 0xFFF)
    _asks(talk, port, asked)
    talk.wait(1 * MS)
    _told(talk, port, answer(asked, bytes((10, 1, 0, 3)), bytes((10, 1, 0, 2))))
    ips, ports = (talk.client_ip, "10.1.0.3"), (talk.client_port + 500, talk.server_port)
    data = tcp_segment(*ips, ports, 9, 0, SYN)
    talk.wait(0.2 * MS).packets.append(Packet(talk.now, ip_packet(*ips, 6, data)))
    talk.wait(wait)
    if talk.client_port % 2:
        data = tcp_segment(*ips[::-1], ports[::-1], 0, 10, RST | ACK)
        talk.packets.append(Packet(talk.now, ip_packet(*ips[::-1], 6, data)))
    talk.wait(0.2 * MS).upgrade(path="/ws")


def _by_tcp(talk: Talk, wait: float) -> None:
    """Lose the SYN, or wait for a full backlog."""
    talk.segment("client", flags=SYN)
    talk.next["client"] = talk.isn["client"]
    talk.wait(wait).upgrade(path="/ws")


def _by_server(talk: Talk, wait: float) -> None:
    """Wait for the answer."""
    talk.open()
    talk.client(request(path="/ws")).wait(wait)  # type: ignore[attr-defined]
    talk.server(response())


def _by_client(talk: Talk, wait: float) -> None:
    """Connect, and ask later."""
    talk.open()
    talk.wait(wait).client(request(path="/ws"))
    talk.server(response())


PARTS = {
    "dns_us": _by_name,
    "attempts_us": _by_attempts,
    "tcp_us": _by_tcp,
    "upgrade_us": _by_server,
    "idle_us": _by_client,
}
"""Ways to be slow, by the column that has the time."""


def _handshakes(draw: random.Random, part: str, low: float, high: float) -> list[Talk]:
    talks = []
    for number, at in enumerate(openings(draw, draw.choice((1, 3, 9)))):
        talk = _fresh(number, at)
        PARTS[part](talk, draw.uniform(low, high) * S)
        chat(talk, draw)
        talk.close()
        talks.append(talk)
    return talks


def slow_handshake(draw: random.Random, seed: int) -> Variant:
    """Handshakes one part of which takes long."""
    part = tuple(PARTS)[seed % len(PARTS)]
    talks = _handshakes(draw, part, 0.55, 9)
    return joined(f"slow {part} n={len(talks)}", talks, "slow-handshake")


def quick_handshake(draw: random.Random, seed: int) -> Variant:
    """The same parts within what nobody notices."""
    part = tuple(PARTS)[seed % len(PARTS)]
    return joined(f"quick {part}", _handshakes(draw, part, 0.01, 0.4))


# --- what a hop takes away, and refusals


def _without(head: bytes, *fields: bytes) -> bytes:
    lines = head.split(b"\r\n")
    return b"\r\n".join(line for line in lines if line.partition(b":")[0] not in fields)


def _says(status: str, *fields: str, body: str = "") -> bytes:
    lines = [f"HTTP/1.1 {status}", *fields, f"Content-Length: {len(body)}"]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def _refused(draw: random.Random, asked: bytes, told: bytes) -> list[Talk]:
    talks = []
    for number, at in enumerate(openings(draw, draw.choice((1, 4)))):
        talk = _fresh(number, at)
        talk.open()
        talk.client(asked).server(told).finish("server")
        talks.append(talk)
    return talks


def stripped(draw: random.Random, seed: int) -> Variant:
    """A hop takes Upgrade or Connection, or both, and leaves the key."""
    fields = draw.choice(((b"Upgrade",), (b"Connection",), (b"Upgrade", b"Connection")))
    status = draw.choice(("400 Bad Request", "404 Not Found", "426 Upgrade Required"))
    asked = _without(request(path="/ws"), *fields)
    names = " and ".join(field.decode() for field in fields)
    return joined(f"stripped {names}", _refused(draw, asked, _says(status)), "proxy-stripped")


def not_stripped(draw: random.Random, seed: int) -> Variant:
    """No key, no client of WebSocket but a probe: 426 says so (RFC 9110 15.5.22)."""
    gone = (b"Upgrade", b"Connection", b"Sec-WebSocket-Key", b"Sec-WebSocket-Version")
    asked = _without(request(path="/ws"), *gone)
    told = _says("426 Upgrade Required", "Upgrade: websocket", "Connection: Upgrade")
    return joined("not stripped", _refused(draw, asked, told))


def refused(draw: random.Random, seed: int) -> Variant:
    """A server that refuses, and says why."""
    server, body, status = draw.choice((
        ("nginx/1.22.1", "", "502 Bad Gateway"),
        ("", "token expired", "403 Forbidden"),
        ("envoy", '{"error":"no healthy upstream"}', "503 Service Unavailable"),
        ("", '{"code":1,"message":"Session ID unknown"}', "400 Bad Request"),
    ))  # fmt: skip
    fields = [f"Server: {server}"] if server else []
    told = _says(status, *fields, body=body)
    talks = _refused(draw, request(path="/ws"), told)
    return joined(f"refused {status[:3]} {server}", talks, "refused-why")


def refused_mutely(draw: random.Random, seed: int) -> Variant:
    """A server that refuses and gives no reason: nothing to tell beyond the status."""
    status = draw.choice(("401 Unauthorized", "403 Forbidden", "404 Not Found"))
    return joined("refused mutely", _refused(draw, request(path="/ws"), _says(status)))


OPENING = (
    *(slow_handshake, quick_handshake, stripped, not_stripped, refused, refused_mutely),
)  # fmt: skip
