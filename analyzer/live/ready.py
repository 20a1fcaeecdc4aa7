"""Tells a service manager that a run captures, that it is alive, and that it ends.

Knows the protocol of sd_notify(3): datagrams to the socket that NOTIFY_SOCKET names. Must not know
captures. An observer of analyzer.live.run, made by cli.live; without that variable it does nothing.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping

from analyzer.capture.stats import CaptureStats
from analyzer.tables.schema import TableRows

_NS_OF_US = 1000


class Readiness:
    """Sends READY=1 at once, WATCHDOG=1 where the manager asks for it, STOPPING=1 at the end.

    Args:
        status: one line, for `systemctl status`.
        environment: of the process.
    """

    def __init__(self, status: str, environment: Mapping[str, str] = os.environ) -> None:
        name = environment.get("NOTIFY_SOCKET", "")
        # An abstract name begins with @ there, and with a null byte in the address.
        self._address = "\0" + name[1:] if name.startswith("@") else name
        asked = environment.get("WATCHDOG_USEC", "")
        self._period_ns = int(asked) * _NS_OF_US // 2 if asked.isdigit() else 0
        self._told_ns = 0
        self._send(f"READY=1\nSTATUS={status}\nMAINPID={os.getpid()}")

    def tick(self, now_ns: int, stats: CaptureStats) -> None:
        """Say that the run is alive, twice as often as the manager wants to hear it."""
        if self._period_ns and not self._told_ns <= now_ns < self._told_ns + self._period_ns:
            self._told_ns = now_ns
            self._send("WATCHDOG=1")

    def write(self, rows: TableRows) -> None:
        """Do nothing (Writer)."""

    def close(self) -> None:
        """Do nothing: what is left to do at the end was said by `stopping`."""

    def abort(self) -> None:
        """Do nothing (Writer)."""

    def stopping(self) -> None:
        """Say that the run ends: from then on the manager awaits no further sign of life.

        What is open at the end may take longer than the manager's patience with a run at work.
        """
        self._send("STOPPING=1")

    def _send(self, text: str) -> None:
        if not self._address:
            return
        with contextlib.suppress(OSError), socket.socket(
            socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC
        ) as sock:  # fmt: skip
            sock.sendto(text.encode(), self._address)
