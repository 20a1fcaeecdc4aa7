"""TLS connections between two ends of OpenSSL, by Python's ssl, without a network."""

from __future__ import annotations

import contextlib
import ssl
import subprocess
from pathlib import Path

Turns = list[tuple[int, bytes]]
"""(side, bytes): what the client (0) and the server (1) sent, in order."""


def contexts(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return contexts of a client and a server, with a certificate made by openssl."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    if not key.exists():
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-subj", "/CN=peer.example"]
        command += ["-days", "2", "-nodes", "-keyout", str(key), "-out", str(certificate)]
        subprocess.run(command, check=True, capture_output=True)
    client, server = (
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER),
    )
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE
    server.load_cert_chain(certificate, key)
    return client, server


def talk(
    client: ssl.SSLContext,
    server: ssl.SSLContext,
    *,
    session: ssl.SSLSession | None = None,
    exchanges: int = 3,
) -> tuple[Turns, ssl.SSLObject]:
    """Shake hands and exchange some lines; return the turns and the client's end."""
    pipes = [(ssl.MemoryBIO(), ssl.MemoryBIO()) for _ in range(2)]
    ends = [
        client.wrap_bio(*pipes[0], server_hostname="peer.example", session=session),
        server.wrap_bio(*pipes[1], server_side=True),
    ]
    turns: Turns = []

    def carry() -> None:
        for side in (0, 1):
            if data := pipes[side][1].read():
                turns.append((side, data))
                pipes[1 - side][0].write(data)

    for _ in range(5):
        for end in ends:
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()
            carry()
    for number in range(exchanges):
        for side, end in enumerate(ends):
            end.write(b"line %d" % number)
            carry()
            ends[1 - side].read(65536)
    return turns, ends[0]
