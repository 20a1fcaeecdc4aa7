"""Network namespaces, and a forwarder between two of them that delays, drops and swaps.

The forwarder carries packets between a TUN device in each of two namespaces, so that both
ends are the kernel's TCP: it really waits, and really sends again. It stands in for netem,
which not every kernel has.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import heapq
import os
import random
import select
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

A, B, BRIDGE = "wsacap-a", "wsacap-b", "wsacap-br"
ADDRESS_A, ADDRESS_B = "10.20.0.1", "10.20.0.2"


def ip(*arguments: str, namespace: str = "") -> None:
    subprocess.run(["ip", *(["-n", namespace] if namespace else []), *arguments], check=True)


def inside(namespace: str) -> list[str]:
    """What stands before a command that runs in a namespace."""
    return ["ip", "netns", "exec", namespace]


def remove() -> None:
    for name in (A, B, BRIDGE):
        subprocess.run(["ip", "netns", "del", name], check=False, capture_output=True)


def add() -> None:
    remove()
    for name in (A, B, BRIDGE):
        ip("netns", "add", name)
        ip("link", "set", "lo", "up", namespace=name)


def veth(left: str, left_name: str, right: str, right_name: str) -> None:
    ip("link", "add", "name", left_name, "netns", left, "type", "veth",
       "peer", "name", right_name, "netns", right)  # fmt: skip
    ip("link", "set", left_name, "up", namespace=left)
    ip("link", "set", right_name, "up", namespace=right)


def address(namespace: str, device: str, value: str) -> None:
    options = ["nodad"] if ":" in value else []
    ip("addr", "add", value, "dev", device, *options, namespace=namespace)


# --- the forwarder ----------------


def open_tun(namespace: str, name: str) -> int:
    """A TUN device in a namespace; the calling process stays in it."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open(f"/run/netns/{namespace}") as handle:
        if libc.setns(handle.fileno(), 0x40000000):
            raise OSError(ctypes.get_errno(), "setns")
    tun = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tun, 0x400454CA, struct.pack("16sH", name.encode(), 0x0001 | 0x1000))
    return tun


def forward(loss: float, swap: float, delay: float, halt: float, seed: int) -> None:
    """Carry packets between tun0 of A and tun0 of B until killed."""
    randomness = random.Random(seed)
    ends = [open_tun(A, "tun0"), open_tun(B, "tun0")]
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    waiting: list[tuple[float, int, int, bytes]] = []
    count = 0
    while True:
        pause = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
        for end in select.select(ends, [], [], pause)[0]:
            packet = os.read(end, 65536)
            if packet[0] >> 4 != 4:
                continue  # Neighbour discovery; the namespaces speak IPv4.
            count += 1
            # The handshakes of TCP and WebSocket pass, so that every run has them.
            chance = randomness.random()
            if count > 8 and chance < loss:
                continue
            late = delay + (0.012 if count > 8 and chance > 1 - swap else 0)
            other = ends[1] if end == ends[0] else ends[0]
            now = time.monotonic()
            # Those that a halt kept back leave together, in order.
            since = now // 1 + halt if count > 8 and now % 1 < halt else now
            heapq.heappush(waiting, (since + late, count, other, packet))
        while waiting and waiting[0][0] <= time.monotonic():
            _, _, target, packet = heapq.heappop(waiting)
            with contextlib.suppress(OSError):  # A device that is not up yet.
                os.write(target, packet)


@contextlib.contextmanager
def forwarded(
    *, delay: float, loss: float = 0, swap: float = 0, halt: float = 0, seed: int = 0
) -> Iterator[None]:
    """Join A (ADDRESS_A) and B (ADDRESS_B), MTU 1500, while the body runs.

    Args:
        delay: seconds each way.
        loss: share of packets that are dropped.
        swap: share of packets that come 12 ms later than others.
        halt: seconds for which the path stands still at the beginning of each second.
        seed: of loss and swap.
    """
    add()
    command = [sys.executable, str(Path(__file__)), *map(str, (loss, swap, delay, halt, seed))]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as forwarder:
        try:
            assert forwarder.stdout is not None
            forwarder.stdout.readline()
            for namespace, value in ((A, ADDRESS_A), (B, ADDRESS_B)):
                address(namespace, "tun0", f"{value}/24")
                ip("link", "set", "tun0", "up", namespace=namespace)
            yield
        finally:
            forwarder.send_signal(signal.SIGKILL)
            forwarder.wait()
            remove()


if __name__ == "__main__":
    forward(*map(float, sys.argv[1:5]), seed=int(sys.argv[5]))
