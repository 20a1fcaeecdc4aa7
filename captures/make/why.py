"""Captures of real programs, each with one cause that diagnosis must say, or a control near it.

Each scenario runs in a network namespace of its own: nginx before a server that falls silent, or
without the fields of the upgrade; a server whose event loop is blocked, or whose calls take long;
a client that does not read; small writes against delayed ACKs over 20 ms; a peer whose link goes
away; a client that is thrown out again and again, or comes back with work; proxies in a row, and
one that collects. What each capture must say stands in the manifest as `cause`, with what the
programs were told to do.

    python captures/make/why.py [NAME ...]
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import netns
import recording
import why_hops  # noqa: F401  enters its scenarios
import why_probes  # noqa: F401
from asked import asked
from namespaces import bridged
from why_programs import (
    BACK,
    FRONT,
    HOP,
    HOST,
    MIDDLE,
    SCENARIOS,
    UPGRADES,
    answer_upgrade,
    ask_upgrade,
    connect,
    echo,
    frame,
    nginx,
    recorded_apart,
    run,
    scenario,
    serve,
)

# --- ends


@scenario("why-nginx-timeout.pcap", ["idle-timeout"], T_s=3.0, ended_by="server", connections=3)
def nginx_timeout(path: Path) -> None:
    """nginx with proxy_read_timeout 3 s ends three silent connections; a busy one goes on"""

    async def silent(number: int) -> None:
        await asyncio.sleep(0.4 * number)
        async with connect(FRONT) as end:
            for _ in range(number + 1):
                await end.send("hello")
                await end.recv()
                await asyncio.sleep(0.3)
            await end.wait_closed()

    async def busy() -> None:
        async with connect(FRONT) as end:
            for _ in range(7):
                await end.send("still here")
                await end.recv()
                await asyncio.sleep(0.9)

    async def work() -> None:
        async with serve(echo):
            await asyncio.gather(*(silent(number) for number in range(3)), busy())

    front = HOP % (FRONT, BACK, UPGRADES + "proxy_read_timeout 3s;")
    with nginx(front), recording.capture(path, pattern=f"tcp port {FRONT}"):
        run(work)


@scenario("why-lifetime-busy.pcap", [])
def lifetime_busy(path: Path) -> None:
    """Control: connections of 4 s that talk all the time and whose client is done with them"""

    async def busy(number: int) -> None:
        await asyncio.sleep(0.7 * number)
        async with connect(BACK) as end:
            for _ in range(8):
                await end.send("work")
                await end.recv()
                await asyncio.sleep(0.5)

    async def work() -> None:
        async with serve(echo):
            await asyncio.gather(*(busy(number) for number in range(3)))

    with recording.capture(path):
        run(work)


@scenario("why-reconnect.pcap", ["reconnect-storm"], times=8, code=1008)
def reconnect(path: Path) -> None:
    """A client that comes again 0.2 s after it was thrown out, eight times"""

    async def throw_out(end: Any) -> None:
        await end.recv()
        await end.close(1008, "token expired")

    async def work() -> None:
        async with serve(throw_out):
            for _ in range(8):
                async with connect(BACK) as end:
                    await end.send("my old token")
                    await end.wait_closed()
                await asyncio.sleep(0.2)

    with recording.capture(path):
        run(work)


@scenario("why-jobs.pcap", [])
def jobs(path: Path) -> None:
    """Control: a client that comes eight times with work, and leaves when it is done"""

    async def work() -> None:
        async with serve(echo):
            for number in range(8):
                async with connect(BACK) as end:
                    await end.send(f"job {number}")
                    await end.recv()
                await asyncio.sleep(0.2)

    with recording.capture(path):
        run(work)


# --- servers that are late


async def clients(port: int, count: int, rounds: int, every: float, *, apart: float) -> None:
    async def one(number: int) -> None:
        draw = random.Random(number)
        await asyncio.sleep(apart * number)
        async with connect(port) as end:
            for turn in range(rounds):
                await end.send(f"client {number}, question {turn}")
                await end.recv()
                await asyncio.sleep(every * draw.uniform(0.6, 1.4) if apart > 0.01 else every)

    await asyncio.gather(*(one(number) for number in range(count)))


def served_apart(handler: Any) -> Callable[[], None]:
    """Serve in a thread with a loop of its own; return what stops it."""
    loop = asyncio.new_event_loop()
    ready, stop = threading.Event(), asyncio.Event()

    async def body() -> None:
        async with serve(handler):
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(body(),))
    thread.start()
    ready.wait()

    def end() -> None:
        loop.call_soon_threadsafe(stop.set)
        thread.join()

    return end


@scenario("why-blocked-loop.pcap", ["server-stall"], blocked_s=0.4, times=2)
def blocked_loop(path: Path) -> None:
    """An event loop that is blocked for 0.4 s, twice, while five clients ask every 90 ms"""
    asked = 0

    async def handler(end: Any) -> None:
        nonlocal asked
        async for data in end:
            asked += 1
            if asked in (25, 60):
                time.sleep(0.4)
            await end.send(data)

    with recording.capture(path):
        stop = served_apart(handler)
        run(lambda: clients(BACK, 5, 18, 0.09, apart=0.017))
        stop()


@scenario("why-slow-calls.pcap", [])
def slow_calls(path: Path) -> None:
    """Control: calls of 0.4 s that five clients begin together, among quick ones"""

    async def handler(end: Any) -> None:
        turn = 0
        async for data in end:
            turn += 1
            if turn in (5, 12):
                await asyncio.sleep(0.4)
            await end.send(data)

    with recording.capture(path):
        stop = served_apart(handler)
        run(lambda: clients(BACK, 5, 18, 0.09, apart=0.001))
        stop()


# --- readers, and small writes


def pushed(path: Path, pause: float, rounds: int) -> None:
    """A server that pushes 1 kB every 20 ms; its client reads, pauses once, and reads again."""
    listener = socket.create_server((HOST, BACK))

    def push() -> None:
        end, _ = listener.accept()
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        answer_upgrade(end)
        for _ in range(rounds):
            end.sendall(frame(b"x" * 1000))
            time.sleep(0.02)
        end.close()

    with recording.capture(path):
        thread = threading.Thread(target=push)
        thread.start()
        reader = socket.socket()
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 6000)
        reader.connect((HOST, BACK))
        ask_upgrade(reader)
        for _ in range(5):
            reader.recv(4096)
        time.sleep(pause)
        while reader.recv(65536):
            pass
        reader.close()
        thread.join()
    listener.close()


@scenario("why-slow-reader.pcap", ["slow-reader"], side="client", pause_s=2.0)
def slow_reader(path: Path) -> None:
    """A client that does not read for 2 s while its server pushes"""
    pushed(path, 2.0, 60)


@scenario("why-short-pause.pcap", [])
def short_pause(path: Path) -> None:
    """Control: a client that does not read for 60 ms, and whose window stays open"""
    pushed(path, 0.06, 30)


def two_writes(path: Path, *, nodelay: bool, wait: float) -> None:
    """A server that writes header and payload apart, over 10 ms each way; seen at the server."""
    side = [sys.executable, str(Path(__file__)), "--end"]
    options = [str(int(nodelay)), str(wait)]
    recorded_apart(path, [*side, "serve", *options], [*side, "ask"], delay=0.01)


def end_of_two_writes(what: str, *options: str) -> None:
    """Be one of the two programs."""
    if what == "serve":
        listener = socket.create_server((netns.ADDRESS_B, BACK))
        end, _ = listener.accept()
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, int(options[0]))
        answer_upgrade(end)
        data = frame(b"the answer, in a write of its own")
        while end.recv(4096):
            end.sendall(data[:2])
            time.sleep(float(options[1]))
            end.sendall(data[2:])
        return
    end = socket.create_connection((netns.ADDRESS_B, BACK))
    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    ask_upgrade(end)
    for number in range(15):
        end.sendall(frame(b"question %d" % number, b"\x01\x02\x03\x04"))
        left = 35
        while left:
            left -= len(end.recv(left))
    end.close()


@scenario("why-nagle.pcap", ["nagle-delayed-ack"], side="server", answers=15)
def nagle(path: Path) -> None:
    """TCP_NODELAY off, header and payload in two writes, over a path of 20 ms"""
    two_writes(path, nodelay=False, wait=0)


@scenario("why-nagle-control.pcap", [])
def nagle_control(path: Path) -> None:
    """Control: TCP_NODELAY on, and a program that itself waits 40 ms between the two writes"""
    two_writes(path, nodelay=True, wait=0.04)


# --- a peer that is gone


def gone(path: Path, *options: str, hangs: bool = False) -> None:
    """A server that talks to a client whose link goes away without a word, or that hangs."""
    side = [sys.executable, str(Path(__file__)), "--gone"]
    bridged()
    try:
        with recording.capture(path, interface="eth0", prefix=netns.inside(netns.B)):
            server = subprocess.Popen([*netns.inside(netns.B), *side, "serve", *options])
            time.sleep(1.5)
            client = subprocess.Popen([*netns.inside(netns.A), *side, "talk"])
            time.sleep(2.5)
            if hangs:
                client.send_signal(signal.SIGSTOP)
            else:
                # Behind a bridge the server's own link stays up, so that it sends on.
                netns.ip("link", "set", "port1", "down", namespace=netns.BRIDGE)
            time.sleep(7)
            for process in (client, server):
                process.send_signal(signal.SIGKILL)
                process.wait()
    finally:
        netns.remove()


async def end_of_gone(what: str, ping: str = "") -> None:
    """Be one of the two programs."""
    from websockets.asyncio.client import connect
    from websockets.asyncio.server import serve

    if what == "talk":
        url = f"ws://{netns.ADDRESS_B}:{BACK}/ws"
        async with connect(url, ping_interval=None, compression=None, proxy=None) as end:
            async for _ in end:
                await end.send("got it")

    async def push(end: Any) -> None:
        for number in range(4 if ping else 6):
            await end.send(f"news {number}")
            await asyncio.sleep(0.5)
        await asyncio.sleep(60)

    times = {"ping_interval": 1.0, "ping_timeout": 2.0} if ping else {"ping_interval": None}
    async with serve(push, netns.ADDRESS_B, BACK, compression=None, **times):
        await asyncio.sleep(60)


@scenario("why-killed-peer.pcap", ["peer-vanished"], side="client")
def killed_peer(path: Path) -> None:
    """A client whose link goes away: the server's data is never acknowledged"""
    gone(path)


@scenario("why-killed-peer-ping.pcap", ["peer-vanished"], side="client")
def killed_peer_ping(path: Path) -> None:
    """The same, before a server that pings: its Close waits behind a Ping that is sent again"""
    gone(path, "ping")


@scenario("why-hung-peer.pcap", ["ping-unanswered"], side="client", acknowledged=True)
def hung_peer(path: Path) -> None:
    """A client that is stopped: its kernel acknowledges the Ping, nobody answers for 2 s"""
    gone(path, "ping", hangs=True)


# --- proxies


@scenario("why-no-upgrade.pcap", ["proxy-stripped", "refused-why"], legs=2)
def no_upgrade(path: Path) -> None:
    """nginx without the fields of the upgrade, as it comes: both legs, twice"""

    async def work() -> None:
        async with serve(echo):
            for _ in range(2):
                with contextlib.suppress(Exception):
                    async with connect(FRONT):
                        pass

    with nginx(HOP % (FRONT, BACK, "")), recording.capture(path):
        run(work)


@scenario("why-two-hops.pcap", ["two-legs"], hops=2, conversations=2)
def two_hops(path: Path) -> None:
    """Two nginx in a row, with the fields of the upgrade: three legs of each conversation"""

    async def work() -> None:
        async with serve(echo):
            await clients(FRONT, 2, 6, 0.03, apart=0.2)

    first, second = HOP % (FRONT, MIDDLE, UPGRADES), HOP % (MIDDLE, BACK, UPGRADES)
    with nginx(first, second), recording.capture(path):
        run(work)


def main() -> None:
    if sys.argv[1:2] == ["--end"]:
        end_of_two_writes(*sys.argv[2:])
        return
    if sys.argv[1:2] == ["--gone"]:
        asyncio.run(end_of_gone(*sys.argv[2:]))
        return
    chosen = asked(__doc__, SCENARIOS)
    recording.isolate()
    version = recording.program_version("nginx", "-v").removeprefix("nginx version: ")
    for name in chosen:
        make, text, right, facts = SCENARIOS[name]
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            make(path)
            cause = {"source": "what the programs were told to do", "right": right, **facts}
            programs = recording.python_versions("websockets")
            recording.publish(
                path,
                name,
                description=text,
                generator="why.py",
                programs=[*programs, version] if "nginx" in text else programs,
                more={"cause": cause},
            )


if __name__ == "__main__":
    main()
