"""Captures of wss: Python websockets over TLS 1.3 and 1.2, each with its key log.

The certificate is signed by itself and made anew by openssl for each run.
"""

from __future__ import annotations

import asyncio
import random
import ssl
import subprocess
import sys
import tempfile
from pathlib import Path

import recording
from asked import asked
from ends import Log, prose
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

PORT = 9443
NAME = "feed.example.test"
# name: TLS version, a cipher list (of OpenSSL) for each connection, what it shows
SCENARIOS = {
    "wss-tls13": (
        ssl.TLSVersion.TLSv1_3,
        ("DEFAULT", "DEFAULT"),
        "wss over TLS 1.3 (AES-256-GCM); key log in wss-tls13.keys",
    ),
    "wss-tls12": (
        ssl.TLSVersion.TLSv1_2,
        (
            "ECDHE-RSA-AES128-GCM-SHA256",
            "ECDHE-RSA-CHACHA20-POLY1305",
            "ECDHE-RSA-AES256-SHA384",
        ),
        "wss over TLS 1.2 with AES-128-GCM, ChaCha20 and AES-256-CBC; key log in wss-tls12.keys",
    ),
}


def certificate(folder: Path) -> Path:
    path = folder / "both.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30"]
    command += ["-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}"]
    command += ["-keyout", str(folder / "key.pem"), "-out", str(folder / "certificate.pem")]
    subprocess.run(command, check=True, capture_output=True)
    parts = [(folder / f"{name}.pem").read_text() for name in ("key", "certificate")]
    path.write_text("".join(parts))
    return path


class Feed:
    def __init__(self, log: Log) -> None:
        self.log = log

    async def answer(self, end: ServerConnection) -> None:
        port = end.remote_address[1]
        async for payload in end:
            self.log.data(port, "server", "received", payload)
            answer = payload.upper() if isinstance(payload, str) else payload[::-1]
            self.log.data(port, "server", "sent", answer)
            await end.send(answer)
        self.log.add(port, "server", "closed", code=end.close_code)


async def talk(log: Log, context: ssl.SSLContext, seed: int) -> None:
    randomness = random.Random(seed)
    async with connect(
        f"wss://{NAME}:{PORT}/feed?token=s3cret",
        host="127.0.0.1",
        ssl=context,
        proxy=None,
        ping_interval=None,
        compression="deflate" if seed % 2 else None,
    ) as end:
        port = end.local_address[1]
        log.add(port, "client", "open", path="/feed", subprotocol=end.subprotocol)
        sizes = (12, 300, 2000)
        payloads = [prose(randomness, size) for size in sizes] + [randomness.randbytes(20_000)]
        for payload in payloads:
            log.data(port, "client", "sent", payload)
            await end.send(payload)
            log.data(port, "client", "received", await end.recv())
        log.add(port, "client", "ping", size=4)
        await (await end.ping(b"beat"))
        log.add(port, "client", "closing", how="close", code=1000, reason="done")
        await end.close(1000, "done")


async def scenario(
    log: Log, pem: Path, keys: Path, version: ssl.TLSVersion, ciphers: tuple[str, ...]
) -> None:
    inside = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    inside.load_cert_chain(pem)
    inside.set_alpn_protocols(["http/1.1"])
    async with serve(Feed(log).answer, "127.0.0.1", PORT, ssl=inside, ping_interval=None):
        for seed, cipher in enumerate(ciphers):
            context = ssl.create_default_context(cafile=str(pem))
            context.minimum_version = context.maximum_version = version
            context.set_ciphers(cipher)
            context.set_alpn_protocols(["http/1.1"])
            context.keylog_filename = str(keys)
            await talk(log, context, seed)


def main() -> None:
    asked(__doc__)
    recording.isolate()
    programs = [
        *recording.python_versions("websockets"),
        f"Python {sys.version.split()[0]}",
        " ".join(ssl.OPENSSL_VERSION.split()[:2]),
    ]
    with tempfile.TemporaryDirectory() as folder:
        pem = certificate(Path(folder))
        for name, (version, ciphers, text) in SCENARIOS.items():
            path, keys = Path(folder) / f"{name}.pcap", Path(folder) / f"{name}.keys"
            log = Log()
            with recording.capture(path):
                asyncio.run(scenario(log, pem, keys, version, ciphers))
            recording.publish(
                path,
                path.name,
                description=text,
                generator="python_wss.py",
                programs=programs,
                events=log.events,
                keys=keys,
            )


if __name__ == "__main__":
    main()
