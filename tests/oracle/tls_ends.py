"""TLS connections between two ends of OpenSSL, by Python's ssl, without a network."""

from __future__ import annotations

import contextlib
import ssl
import subprocess
import tempfile
from functools import cache
from pathlib import Path

Turns = list[tuple[int, bytes]]
"""(side, bytes): what the client (0) and the server (1) sent, in order."""


@cache
def key_and_certificate() -> tuple[bytes, bytes]:
    """Return an RSA key and a certificate for it, as PEM: to find its primes takes long."""
    with tempfile.TemporaryDirectory() as folder:
        key, certificate = Path(folder, "key.pem"), Path(folder, "certificate.pem")
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-subj", "/CN=peer.example"]
        command += ["-days", "2", "-nodes", "-keyout", str(key), "-out", str(certificate)]
        subprocess.run(command, check=True, capture_output=True)
        return key.read_bytes(), certificate.read_bytes()


def contexts(folder: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Return contexts of a client and a server, with a certificate made by openssl."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    if not key.exists():
        for path, content in zip((key, certificate), key_and_certificate(), strict=True):
            path.write_bytes(content)
    client, server = (
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER),
    )
    client.check_hostname = False
    client.verify_mode = ssl.CERT_NONE
    server.load_cert_chain(certificate, key)
    return client, server


class Pair:
    """A client and a server in memory, shaking hands at once.

    Attributes:
        ends: the client's and the server's.
        turns: what each sent so far.
    """

    def __init__(
        self,
        client: ssl.SSLContext,
        server: ssl.SSLContext,
        session: ssl.SSLSession | None = None,
    ) -> None:
        self._pipes = [(ssl.MemoryBIO(), ssl.MemoryBIO()) for _ in range(2)]
        self.ends = [
            client.wrap_bio(*self._pipes[0], server_hostname="peer.example", session=session),
            server.wrap_bio(*self._pipes[1], server_side=True),
        ]
        self.turns: Turns = []
        for _ in range(6):
            for end in self.ends:
                with contextlib.suppress(ssl.SSLWantReadError):
                    end.do_handshake()
                self.carry()

    def carry(self) -> None:
        """Hand what each end wrote to the other."""
        for side in (0, 1):
            if data := self._pipes[side][1].read():
                self.turns.append((side, data))
                self._pipes[1 - side][0].write(data)

    def write(self, side: int, data: bytes) -> None:
        """Let an end say something, and the other one read it."""
        self.ends[side].write(data)
        self.carry()
        with contextlib.suppress(ssl.SSLWantReadError):
            while self.ends[1 - side].read(65536):
                pass


def talk(
    client: ssl.SSLContext,
    server: ssl.SSLContext,
    *,
    session: ssl.SSLSession | None = None,
    exchanges: int = 3,
) -> tuple[Turns, ssl.SSLObject]:
    """Shake hands and exchange some lines; return the turns and the client's end."""
    pair = Pair(client, server, session)
    for number in range(exchanges):
        for side in (0, 1):
            pair.write(side, b"line %d" % number)
    return pair.turns, pair.ends[0]
