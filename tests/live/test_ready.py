"""Readiness: what a service manager is told, over a socket as systemd makes it."""

import os
import socket

import pytest
from oracle.live import STATS

from analyzer.live.ready import Readiness


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_ready_alive_and_stopping(tmp_path, kind):
    name = str(tmp_path / "notify") if kind == "path" else f"@wsanalyze-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + name[1:] if kind == "abstract" else name)
        manager.setblocking(False)
        ready = Readiness("capturing on lo", {"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "2000000"})
        assert (
            manager.recv(999) == f"READY=1\nSTATUS=capturing on lo\nMAINPID={os.getpid()}".encode()
        )
        told = 0
        for tenth in range(30):
            ready.tick(10**15 + tenth * 10**8, STATS)
            try:
                assert manager.recv(999) == b"WATCHDOG=1"
                told += 1
            except BlockingIOError:
                pass
        assert told == 3
        ready.stopping()
        assert manager.recv(999) == b"STOPPING=1"


def test_without_a_manager_nothing_happens(tmp_path):
    for environment in ({}, {"NOTIFY_SOCKET": str(tmp_path / "gone"), "WATCHDOG_USEC": "x"}):
        ready = Readiness("x", environment)
        ready.tick(1, STATS)
        ready.close()
