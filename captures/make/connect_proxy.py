"""Capture of an upgrade inside a CONNECT tunnel through tinyproxy: both legs in one file."""

from __future__ import annotations

import asyncio
import random
import subprocess
import tempfile
import time
from pathlib import Path

import recording
from asked import asked
from ends import Log, prose
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

PROXY, PORT = 9011, 8080
CONFIGURATION = f"""
Port {PROXY}
Listen 127.0.0.1
Allow 127.0.0.1
ConnectPort {PORT}
Timeout 60
MaxClients 20
LogLevel Critical
"""


def answering(log: Log):  # type: ignore[no-untyped-def]
    async def answer(end: ServerConnection) -> None:
        # The leg from the proxy to the server: the proxy is its client.
        port = end.remote_address[1]
        log.add(port, "server", "open", path="/echo")
        async for payload in end:
            log.data(port, "server", "received", payload)
            log.data(port, "server", "sent", payload)
            await end.send(payload)
        received = end.protocol.close_rcvd
        assert received is not None
        log.add(port, "client", "closing", how="close", code=received.code, reason=received.reason)

    return answer


async def talk(log: Log, randomness: random.Random) -> None:
    uri = f"ws://127.0.0.1:{PORT}/echo"
    async with connect(uri, proxy=f"http://127.0.0.1:{PROXY}", ping_interval=None) as end:
        port = end.local_address[1]
        log.add(port, "client", "open", path="/echo")
        for payload in (prose(randomness, 40), randomness.randbytes(400), prose(randomness, 5000)):
            log.data(port, "client", "sent", payload)
            await end.send(payload)
            log.data(port, "client", "received", await end.recv())
        log.add(port, "client", "closing", how="close", code=1000, reason="through")
        await end.close(1000, "through")


async def scenario(log: Log) -> None:
    randomness = random.Random(PROXY)
    async with serve(answering(log), "127.0.0.1", PORT, ping_interval=None):
        await talk(log, randomness)
        await talk(log, randomness)


def main() -> None:
    asked(__doc__)
    recording.isolate()
    with tempfile.TemporaryDirectory() as folder:
        configuration = Path(folder) / "tinyproxy.conf"
        configuration.write_text(CONFIGURATION)
        proxy = subprocess.Popen(["tinyproxy", "-d", "-c", str(configuration)])
        time.sleep(0.7)
        path = Path(folder) / "connect-proxy.pcap"
        log = Log()
        try:
            with recording.capture(path):
                asyncio.run(scenario(log))
        finally:
            proxy.terminate()
            proxy.wait()
        recording.publish(
            path,
            path.name,
            description="upgrades inside CONNECT tunnels of an HTTP proxy; both legs",
            generator="connect_proxy.py",
            programs=[
                recording.program_version("tinyproxy", "-v"),
                *recording.python_versions("websockets"),
            ],
            events=log.events,
            tshark_differs=True,
            tshark_notes="tshark 4.0.17 sees the request inside the tunnel, but neither its"
            " 101 nor the frames after it: it has only those of the leg from the proxy to the"
            " server",
        )


if __name__ == "__main__":
    main()
