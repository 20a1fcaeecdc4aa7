"""A capture of wss for the benchmarks: sessions of OpenSSL, one record in a packet.

Sessions are made in memory by Python's ssl (TLS 1.3, AES-128-GCM), with a key log. A client's
and a server's message take turns on a connection; every third packet is answered by a pure
ACK. Keys are new in each run: the file is kept between runs, as those of workloads are.
"""

from __future__ import annotations

import contextlib
import os
import random
import ssl
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

CLIENT, SERVER = 0, 1
PCAP_HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, 1)
UPGRADE = (
    b"GET /chat HTTP/1.1\r\nHost: bench.example.test\r\nUpgrade: websocket\r\n"
    b"Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Sec-WebSocket-Version: 13\r\n\r\n"
)
SWITCH = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)
_SETTINGS = """
openssl_conf = settings
[settings]
ssl_conf = ssl
[ssl]
system_default = defaults
[defaults]
Ciphersuites = TLS_AES_128_GCM_SHA256
[req]
distinguished_name = name
[name]
"""


def make(folder: Path, messages: int, connections: int) -> tuple[Path, Path]:
    """Return the capture and its key log, made unless they are there."""
    path = folder / f"wss-{messages}-{connections}.pcap"
    keys = path.with_suffix(".keys")
    if path.exists() and keys.exists():
        return path, keys
    keys.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        # Python has no way to choose a suite of TLS 1.3 before 3.15; OpenSSL reads it here.
        settings = Path(temporary) / "openssl.cnf"
        settings.write_text(_SETTINGS)
        command = [sys.executable, "-m", "benchmarks.tls_traffic", str(path), str(keys)]
        command += [str(messages), str(connections)]
        subprocess.run(command, check=True, env=os.environ | {"OPENSSL_CONF": str(settings)})
    return path, keys


def _write(path: Path, keys: Path, messages: int, connections: int) -> None:
    unfinished = path.with_suffix(".part")
    with tempfile.TemporaryDirectory() as temporary, unfinished.open("wb") as stream:
        contexts = _contexts(Path(temporary), keys)
        stream.write(PCAP_HEADER)
        ends = [_Connection(stream, number, contexts) for number in range(connections)]
        for _ in range(messages // connections // 2):
            for end in ends:
                end.turn()
        for end in ends:
            end.close()
    unfinished.rename(path)


def _contexts(folder: Path, keys: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    pem = folder / "both.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "30", "-subj", "/CN=bench.example.test"]
    command += ["-keyout", str(pem), "-out", str(folder / "certificate.pem")]
    subprocess.run(command, check=True, capture_output=True)
    with pem.open("ab") as both:
        both.write((folder / "certificate.pem").read_bytes())
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    client.minimum_version = ssl.TLSVersion.TLSv1_3
    client.keylog_filename = str(keys)
    return client, server


class _Connection:
    """One TCP connection with a session over it."""

    clock = 1_700_000_000_000_000

    def __init__(
        self, stream: BinaryIO, number: int, contexts: tuple[ssl.SSLContext, ssl.SSLContext]
    ) -> None:
        self.stream = stream
        self.random = random.Random(number)
        self.ports = 20_000 + number, 443
        self.sent = [1000 + number, 7000 + number]
        self.packets = 0
        self.bios = [(ssl.MemoryBIO(), ssl.MemoryBIO()) for _ in contexts]
        client, server = contexts
        self.ends = [
            client.wrap_bio(*self.bios[CLIENT], server_hostname="bench.example.test"),
            server.wrap_bio(*self.bios[SERVER], server_side=True),
        ]
        self.packet(CLIENT, b"", 0x02)
        self.packet(SERVER, b"", 0x12)
        self.packet(CLIENT, b"", 0x10)
        for side in (CLIENT, SERVER, CLIENT, SERVER):
            with contextlib.suppress(ssl.SSLWantReadError):
                self.ends[side].do_handshake()
            self.flush(side)
        self.send(CLIENT, UPGRADE)
        self.send(SERVER, SWITCH)

    def flush(self, side: int) -> None:
        """Send what a side has written, in segments."""
        data = self.bios[side][1].read()
        for begin in range(0, len(data), 1448):
            self.packet(side, data[begin : begin + 1448], 0x18)
        self.bios[1 - side][0].write(data)
        self.packets += 1
        if data and self.packets % 3 == 0:
            self.packet(1 - side, b"", 0x10)

    def send(self, side: int, data: bytes) -> None:
        """Send application data as one record, and have it read."""
        self.ends[side].write(data)
        self.flush(side)
        self.ends[1 - side].read(65_536)

    def turn(self) -> None:
        """Send a message each way."""
        for side in (CLIENT, SERVER):
            size = self.random.randrange(20, 121)
            text = (b'{"seq":%d,"px":"' % self.packets).ljust(size - 2, b"7") + b'"}'
            self.send(side, _frame(text, self.random if side == CLIENT else None))

    def close(self) -> None:
        """Close both ways, and end TCP."""
        self.send(CLIENT, _frame(b"\x03\xe8", self.random, 0x88))
        self.send(SERVER, _frame(b"\x03\xe8", None, 0x88))
        self.packet(SERVER, b"", 0x11)
        self.packet(CLIENT, b"", 0x11)
        self.packet(SERVER, b"", 0x10)

    def packet(self, side: int, data: bytes, flags: int) -> None:
        """Write a packet (Ethernet, IPv4, TCP with time stamps)."""
        _Connection.clock += 3
        now = _Connection.clock
        addresses = b"\x0a\x00\x00\x01", b"\xc6\x33\x64\x64"
        ip = struct.pack(
            ">BBHHHBBH", 0x45, 0, 52 + len(data), self.packets & 0xFFFF, 0x4000, 64, 6, 0
        )
        ack = self.sent[1 - side] if flags & 0x10 else 0
        tcp = struct.pack(
            ">HHIIBBHHH", self.ports[side], self.ports[1 - side], self.sent[side], ack,
            0x80, flags, 502, 0, 0,
        ) + struct.pack(">BBBBII", 1, 1, 8, 10, now // 1000 & 0xFFFFFFFF, 0)  # fmt: skip
        frame = bytes(12) + b"\x08\x00" + ip + addresses[side] + addresses[1 - side] + tcp + data
        head = struct.pack("<IIII", now // 1_000_000, now % 1_000_000, len(frame), len(frame))
        self.stream.write(head + frame)
        self.sent[side] = self.sent[side] + len(data) + (1 if flags & 0x03 else 0) & 0xFFFFFFFF


def _frame(payload: bytes, keys: random.Random | None, first: int = 0x81) -> bytes:
    if keys is None:
        return bytes((first, len(payload))) + payload
    key = keys.randbytes(4)
    masked = bytes(_masked(payload, key))
    return bytes((first, 0x80 | len(payload))) + key + masked


def _masked(payload: bytes, key: bytes) -> Iterator[int]:
    return (byte ^ key[place & 3] for place, byte in enumerate(payload))


if __name__ == "__main__":
    _write(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
