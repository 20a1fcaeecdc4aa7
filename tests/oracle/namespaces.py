"""Network namespaces of the tests' own, in which they may sniff and send as they like."""

import contextlib
import ctypes
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

CLONE_NEWNET = 0x40000000


def reason():
    """Why there can be no namespace here; "" if there can."""
    if not sys.platform.startswith("linux"):
        return "network namespaces are Linux's"
    if os.geteuid() != 0:
        return "needs root, to make a network namespace and capture in it"
    for program in ("unshare", "nsenter", "ip"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    done = subprocess.run(["unshare", "--net", "true"], capture_output=True, check=False)
    return "" if done.returncode == 0 else "the right to make a network namespace is missing"


needed = pytest.mark.skipif(bool(reason()), reason=reason())


def sniffs(pid):
    """Whether a process in a namespace has a packet socket that runs, as the kernel lists them."""
    folder = Path(f"/proc/{pid}")
    with contextlib.suppress(OSError):
        if (folder / "ns/net").readlink() == Path("/proc/self/ns/net").readlink():
            return False  # nsenter has not entered yet: sockets here are those of others
        _, *lines = (folder / "net/packet").read_text().splitlines()
        return any(line.split()[5] == "1" for line in lines)
    return False


class Namespace:
    def __init__(self, pid):
        self.pid = pid
        self.processes = []  # killed at the end, if a test left them

    def command(self, *arguments):
        return ["nsenter", f"--net=/proc/{self.pid}/ns/net", "--", *map(str, arguments)]

    def run(self, *arguments, **options):
        return subprocess.run(self.command(*arguments), check=True, **options)

    def ip(self, *arguments):
        self.run("ip", *arguments)

    def veth(self, *, vlan=None):
        """Add the pair out0, in0, without any traffic of its own."""
        for name in ("all", "default"):
            self.run("sh", "-c", f"echo 1 > /proc/sys/net/ipv6/conf/{name}/disable_ipv6")
        self.ip("link", "add", "out0", "type", "veth", "peer", "name", "in0")
        for name in ("out0", "in0"):
            self.ip("link", "set", name, "arp", "off", "mtu", "65535", "up")

    @contextlib.contextmanager
    def entered(self):
        """The calling thread's sockets are made in the namespace while the body runs."""
        libc = ctypes.CDLL(None, use_errno=True)

        def enter(handle):
            if libc.setns(handle.fileno(), CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")

        with open("/proc/thread-self/ns/net") as before, open(f"/proc/{self.pid}/ns/net") as own:
            enter(own)
            try:
                yield
            finally:
                enter(before)


@contextlib.contextmanager
def namespace():
    command = "ip link set lo up && echo ready && exec sleep 600"
    with subprocess.Popen(
        ["unshare", "--net", "--", "sh", "-c", command], stdout=subprocess.PIPE
    ) as holder:
        try:
            assert holder.stdout.readline() == b"ready\n"
            space = Namespace(holder.pid)
            yield space
        finally:
            for process in (*space.processes, holder):
                process.kill()
                process.wait()


def send(name, frames):
    """Send frames out of an interface of the namespace that the thread is in."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sender:
        sender.bind((name, 0))
        for frame in frames:
            sender.send(frame)


def wait_for(what, seconds=300.0):
    """Return what() as soon as it is true; on a loaded machine a process starts in seconds."""
    until = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < until, f"not true within {seconds} s"
        time.sleep(0.02)
    return found
