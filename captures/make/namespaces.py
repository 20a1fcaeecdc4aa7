"""Captures between network namespaces: cooked, bridged, tunnelled and lossy ways.

Makes namespaces of its own and removes them. An echo server (Python websockets) runs in
one, its client in another. The lossy way is the forwarder of netns.py, with a fixed seed.
"""

from __future__ import annotations

import asyncio
import json
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import recording
from asked import asked
from ends import Log, prose
from netns import ADDRESS_B, BRIDGE, A, B, add, address, forwarded, inside, ip, remove, veth

PORT = 9010
HERE = Path(__file__)


# --- the two programs ----------------


async def serve_echo(host: str) -> None:
    from websockets.asyncio.server import serve

    async def handler(connection: object) -> None:
        async for data in connection:  # type: ignore[attr-defined]
            await connection.send(data)  # type: ignore[attr-defined]

    async with serve(handler, host, PORT, ping_interval=None, max_size=None):
        await asyncio.get_running_loop().create_future()


async def talk(host: str, rounds: int, size: int, compression: str | None) -> Log:
    from websockets.asyncio.client import connect

    log, randomness = Log(), random.Random(rounds)
    name = f"[{host}]" if ":" in host else host
    url = f"ws://{name}:{PORT}/echo"
    options = {"compression": compression, "ping_interval": None, "max_size": None, "proxy": None}
    async with connect(url, **options) as client:  # type: ignore[arg-type]
        port = client.local_address[1]
        log.add(port, "client", "open", path="/echo")
        for number in range(rounds):
            payload: str | bytes = prose(randomness, size + number)
            payload = payload if number % 3 else randomness.randbytes(size)
            log.data(port, "client", "sent", payload)
            await client.send(payload)
            log.data(port, "client", "received", await client.recv())
        log.add(port, "client", "ping", size=4)
        await (await client.ping())
        log.add(port, "client", "closing", how="close", code=1000, reason="")
        await client.close()
    return log


def scenario(
    path: Path,
    host: str,
    *,
    rounds: int,
    size: int,
    namespace: str,
    interface: str,
    options: tuple[str, ...] = (),
    pattern: str = "",
    compression: str = "none",
) -> list[recording.Event]:
    run = [sys.executable, str(HERE)]
    server = subprocess.Popen([*inside(B), *run, "serve", host])
    try:
        time.sleep(2)
        with recording.capture(
            path,
            interface=interface,
            pattern=pattern or f"tcp port {PORT}",
            options=options,
            prefix=inside(namespace),
        ):
            done = subprocess.run(
                [*inside(A), *run, "talk", host, str(rounds), str(size), compression],
                stdout=subprocess.PIPE,
                check=True,
                timeout=90,
            )
    finally:
        server.send_signal(signal.SIGKILL)
        server.wait()
    return [json.loads(line) for line in done.stdout.splitlines()]


# --- the ways ----------------


def lossy(path: Path) -> list[recording.Event]:
    with forwarded(loss=0.04, swap=0.05, delay=0.004, seed=11):
        return scenario(path, ADDRESS_B, rounds=30, size=6000, namespace=B, interface="tun0")


def between(host: str = "10.20.0.2") -> None:
    add()
    veth(A, "eth0", B, "eth0")
    width = "64" if ":" in host else "24"
    address(A, "eth0", f"{host[:-1]}1/{width}")
    address(B, "eth0", f"{host}/{width}")


def bridged() -> None:
    add()
    veth(A, "eth0", BRIDGE, "port1")
    veth(B, "eth0", BRIDGE, "port2")
    ip("link", "add", "name", "bridge0", "type", "bridge", namespace=BRIDGE)
    for port in ("port1", "port2"):
        ip("link", "set", port, "master", "bridge0", namespace=BRIDGE)
    ip("link", "set", "bridge0", "up", namespace=BRIDGE)
    address(A, "eth0", "10.20.0.1/24")
    address(B, "eth0", "10.20.0.2/24")


def tunnelled() -> None:
    between()
    for namespace, other, own in ((A, "10.20.0.2", "10.30.0.1"), (B, "10.20.0.1", "10.30.0.2")):
        ip("link", "add", "name", "vx0", "type", "vxlan", "id", "42", "remote", other,
           "dstport", "4789", "dev", "eth0", namespace=namespace)  # fmt: skip
        ip("link", "set", "vx0", "up", namespace=namespace)
        address(namespace, "vx0", f"{own}/24")


def record(name: str, path: Path) -> tuple[str, list[recording.Event]]:
    if name == "lossy.pcap":
        return (
            "TUN devices (raw IP) with loss, reordering and 4 ms delay; really retransmitted",
            lossy(path),
        )
    if name == "bridge-any.pcap":
        bridged()
        events = scenario(
            path, "10.20.0.2", rounds=8, size=900, namespace=BRIDGE, interface="any",
            options=("-y", "LINUX_SLL2"),
        )  # fmt: skip
        return "-i any on a bridge (SLL2): each packet is seen at both ports", events
    if name == "vxlan.pcap":
        tunnelled()
        events = scenario(
            path, "10.30.0.2", rounds=8, size=900, namespace=B, interface="eth0",
            pattern="udp port 4789", compression="deflate",
        )  # fmt: skip
        return "inside a VXLAN tunnel, captured below it", events
    if name == "veth-ipv6.pcap":
        between("fd00:20::2")
        events = scenario(path, "fd00:20::2", rounds=10, size=2500, namespace=B, interface="eth0")
        return "IPv6 over Ethernet, MTU 1500", events
    link = "LINUX_SLL2" if "sll2" in name else "LINUX_SLL"
    between()
    events = scenario(
        path, "10.20.0.2", rounds=8, size=700, namespace=B, interface="any", options=("-y", link)
    )
    return f"Linux cooked capture ({link}) of -i any", events


def main() -> None:
    if sys.argv[1:2] == ["serve"]:
        asyncio.run(serve_echo(sys.argv[2]))
    elif sys.argv[1:2] == ["talk"]:
        host, rounds, size, compression = sys.argv[2:]
        method = None if compression == "none" else compression
        log = asyncio.run(talk(host, int(rounds), int(size), method))
        sys.stdout.write("".join(json.dumps(event) + "\n" for event in log.events))
    else:
        names = ["cooked-sll.pcap", "cooked-sll2.pcap", "bridge-any.pcap", "vxlan.pcap",
                 "veth-ipv6.pcap", "lossy.pcap"]  # fmt: skip
        chosen = asked(__doc__, names)
        programs = [
            *recording.python_versions("websockets"),
            recording.program_version("tcpdump", "--version"),
        ]
        with tempfile.TemporaryDirectory() as folder:
            for name in chosen:
                path = Path(folder) / name
                try:
                    text, events = record(name, path)
                finally:
                    remove()
                twice = name == "bridge-any.pcap"
                recording.publish(
                    path,
                    name,
                    description=text,
                    generator="namespaces.py",
                    programs=programs,
                    events=events,
                    tshark_differs=twice,
                    tshark_notes="tshark decodes some of the copies again: its counts are too high"
                    if twice
                    else "",
                )


if __name__ == "__main__":
    main()
