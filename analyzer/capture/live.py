"""Live capture: batches of records from network interfaces, while packets come.

Knows sources that never end: it waits, counts what the kernel dropped, and lives through
interfaces that go away and come back. Must not know what packets mean. Used by analyzer.live.run,
the run loop; sources that are files or pipes are in follow.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Sequence
from typing import Any, Literal, Protocol

import numpy as np

from analyzer.capture import interfaces
from analyzer.capture.draining import Drained, Handle
from analyzer.capture.filters import DEFAULT_FILTER
from analyzer.capture.interfaces import ANY, Interface
from analyzer.capture.merging import LiveBatch, Merger
from analyzer.capture.privileges import not_permitted
from analyzer.capture.records import RecordBatch
from analyzer.capture.stats import CaptureStats
from analyzer.columns import NULL
from analyzer.errors import CaptureAccessError, OptionError
from analyzer.findings import (
    CAPTURE_CLOCK,
    CAPTURE_DROPS,
    CAPTURE_INTERFACE_DOWN,
    CAPTURE_INTERFACE_UP,
    Finding,
)
from analyzer.lazy_dataclass import dataclass, field
from analyzer.options import Options

Backend = Literal["ring", "scapy", "pcapy"]

STEP_BACK_NS = 500_000_000
"""Packets of two processors or interfaces are out of order by milliseconds; a clock that was
set differs by more."""
_RETRY_S = 0.25
_HOLD_BLOCKS = 2
"""A block of one interface may be handed over so many of its times later than another's."""
_SETTLE_BLOCKS = 3
"""When capturing ends, blocks that the kernel still fills come within so many of its times."""


class LiveSource(Protocol):
    """Where a live analysis gets its packets from.

    Attributes:
        names: of interfaces or files.
        link_types: of the packets of each interface; empty where it is not known.
    """

    names: list[str]
    link_types: list[int]

    @property
    def more(self) -> bool:
        """Whether the last `read` left something that is there already."""

    def read(self, timeout_s: float) -> RecordBatch | None:
        """Return what has come, or wait for something at most so long.

        Returns:
            A batch, without rows where nothing came; None when nothing will come any more.
        """

    def stop(self) -> None:
        """Stop capturing; `read` gives what came before, then None."""

    def stats(self) -> CaptureStats:
        """Return the counters."""

    def last_words(self) -> list[Finding]:
        """Return what is left to say where `read` is not called any more."""

    def close(self) -> None:
        """Release interfaces and files."""


@dataclass(slots=True)
class _Drops:
    """Drops that were reported already."""

    told: int = 0

    def finding(self, dropped: int, received: int, *, last: bool) -> Finding | None:
        """Return a finding at the first drops, each time that they doubled, and at the end."""
        new = dropped - self.told
        if not new or (dropped < 2 * self.told and not last):
            return None
        self.told = dropped
        detail = f"{dropped} of {received} so far, for which the kernel's buffer had no room"
        return Finding(CAPTURE_DROPS, detail=detail, count=new)


@dataclass(slots=True)
class LiveCapture:
    """Captures on one or several interfaces (LiveSource).

    Packets of several interfaces come in the order of their times.

    Args:
        handles: open interfaces.
        options: limits.
    """

    handles: Sequence[Handle]
    options: Options
    names: list[str] = field(init=False)
    link_types: list[int] = field(init=False)
    _packets: int = 0
    _latest: int = NULL
    _poll: select.poll = field(default_factory=select.poll)
    _down: dict[int, tuple[float, float]] = field(default_factory=dict)
    _drops: _Drops = field(default_factory=_Drops)
    _findings: list[Finding] = field(default_factory=list)
    _stop_at: float | None = None
    _merger: Merger | None = None

    def __post_init__(self) -> None:
        """Listen to all handles."""
        self.names = [each.interface.name for each in self.handles]
        self.link_types = [each.interface.link_type for each in self.handles]
        if len(self.handles) > 1:
            self._merger = Merger(_HOLD_BLOCKS * self.options.live_block_ms * 1_000_000)
        for number, each in enumerate(self.handles):
            self._poll.register(each.fileno(), select.POLLIN)
            if not each.up:
                self._went_down(number)

    @property
    def more(self) -> bool:
        """Whether the last `read` left packets (LiveSource)."""
        return any(each.more for each in self.handles)

    def read(self, timeout_s: float) -> LiveBatch | None:
        """Return what has come; wait for it at most so long (LiveSource)."""
        if not self.more and not self._findings:
            self._wait(timeout_s)
        self._look_after()
        made = [(n, each.read(self._packets)) for n, each in enumerate(self.handles)]
        for number, each in enumerate(self.handles):
            if not each.up:
                self._went_down(number)
        batch = self._in_order([(n, each) for n, each in made if len(each.rows)])
        self._packets += len(batch.rows)
        if len(batch.rows):
            self._check_clock(batch)
        batch.findings, self._findings = self._findings, []
        if self._stop_at is not None and not len(batch.rows) and not batch.findings:
            return self._end()
        return batch

    def stop(self) -> None:
        """Let no further packet in (LiveSource)."""
        if self._stop_at is None:
            for each in self.handles:
                each.silence()
            settle = _SETTLE_BLOCKS * self.options.live_block_ms / 1000
            self._stop_at = time.monotonic() + settle

    def stats(self) -> CaptureStats:
        """Return the counters (LiveSource)."""
        counters = [each.counters() for each in self.handles]
        received = sum(one for one, _ in counters)
        dropped = sum(other for _, other in counters)
        finding = self._drops.finding(dropped, received, last=False)
        if finding is not None:
            self._findings.append(finding)
        return CaptureStats(received, dropped, self._packets, not self._down)

    def last_words(self) -> list[Finding]:
        """Return findings that no batch had (LiveSource)."""
        stats = self.stats()
        last = self._drops.finding(stats.dropped, stats.received, last=True)
        findings = [*self._findings, *([] if last is None else [last])]
        self._findings = []
        return findings

    def close(self) -> None:
        """Release the interfaces (LiveSource)."""
        for each in self.handles:
            each.close()

    def _in_order(self, made: list[tuple[int, RecordBatch]]) -> LiveBatch:
        if self._merger is not None:
            last = self._stop_at is not None and not made
            return self._merger.push(made, self._packets, last=last)
        if not made:
            return LiveBatch()
        ((_, one),) = made
        return LiveBatch(one.rows, one.data, one.used)

    def _wait(self, timeout_s: float) -> None:
        if self._merger is not None and self._merger.holding:
            timeout_s = min(timeout_s, self.options.live_block_ms / 1000)
        numbers = {each.fileno(): number for number, each in enumerate(self.handles)}
        for descriptor, events in self._poll.poll(max(0, round(timeout_s * 1000))):
            number = numbers[descriptor]
            if events & ~select.POLLIN:
                self.handles[number].failed()

    def _went_down(self, number: int) -> None:
        if number not in self._down:
            now = time.monotonic()
            self._down[number] = now, now
            # Otherwise poll would report its error forever.
            self._poll.unregister(self.handles[number].fileno())
            self._findings.append(Finding(CAPTURE_INTERFACE_DOWN, detail=self.names[number]))

    def _look_after(self) -> None:
        """Try interfaces that are down again, now and then."""
        now = time.monotonic()
        for number, (since, tried) in list(self._down.items()):
            if now - tried < _RETRY_S:
                continue
            self._down[number] = since, now
            if self.handles[number].retry():
                del self._down[number]
                self._poll.register(self.handles[number].fileno(), select.POLLIN)
                detail = f"{self.names[number]}, after {now - since:.1f} s"
                self._findings.append(Finding(CAPTURE_INTERFACE_UP, detail=detail))

    def _check_clock(self, batch: RecordBatch) -> None:
        """Say where times step back, once for each step."""
        times = batch.rows["time"]
        peaks = np.maximum.accumulate(np.maximum(times, self._latest))
        late = np.flatnonzero(times < peaks - STEP_BACK_NS)
        if len(late):
            row = int(late[0])
            step = (int(peaks[row]) - int(times[row])) / 1e9
            packet = int(batch.rows["packet"][row])
            self._findings.append(Finding(CAPTURE_CLOCK, packet=packet, detail=f"by {step:.1f} s"))
            # What follows is measured by the new clock.
            self._latest = int(times[row:].max())
        else:
            self._latest = int(peaks[-1])

    def _end(self) -> LiveBatch | None:
        """Return None, or what is left to say, when what came before the stop was read."""
        assert self._stop_at is not None
        if time.monotonic() < self._stop_at:
            return LiveBatch()
        findings = self.last_words()
        return LiveBatch(findings=findings) if findings else None


def open_live(
    names: Sequence[str],
    options: Options,
    *,
    expression: str = DEFAULT_FILTER,
    promiscuous: bool = False,
    backend: Backend | None = None,
) -> LiveCapture:
    """Open interfaces to capture on.

    Args:
        names: of interfaces; "any" is all of them.
        options: limits.
        expression: capture filter (pcap-filter(7)); "" is none.
        promiscuous: take packets for other hosts as well.
        backend: who captures; default the ring on Linux, else the first that is there.

    Raises:
        CaptureAccessError: There is no such interface, or no right to capture.
        OptionError: The filter cannot be compiled, or the backend is not installed.
    """
    handles: list[Handle] = []
    try:
        for name in dict.fromkeys(names):
            handle = _opened(name, options, expression, promiscuous, backend)
            handles.append(Drained(handle, options.live_queue_bytes, options.batch_bytes))
    except BaseException:
        for each in handles:
            each.close()
        raise
    return LiveCapture(handles, options)


def _opened(
    name: str, options: Options, expression: str, promiscuous: bool, backend: Backend | None
) -> Handle:
    chosen: Backend = backend or ("ring" if hasattr(socket, "AF_PACKET") else "pcapy")
    try:
        interface = interfaces.named(name) if hasattr(socket, "AF_NETLINK") else Interface(name)
        if interface is None:
            known = ", ".join([*(each.name for each in interfaces.listed()), ANY])
            raise CaptureAccessError(f"there is no interface {name}", hint=f"there are {known}")
        made: Handle = _backend(chosen)(
            interface, expression, promiscuous=promiscuous, options=options
        )
        return made
    except PermissionError as error:
        raise not_permitted(name) from error
    except OSError as error:
        reason = error.strerror or str(error)
        raise CaptureAccessError(f"{name} cannot be captured on: {reason}") from error


def _backend(name: Backend) -> type[Any]:
    if name == "ring":
        if not hasattr(socket, "AF_PACKET"):
            raise OptionError("only Linux has the ring", hint="--backend pcapy")
        from analyzer.capture.ring import Ring

        return Ring
    from analyzer.capture.sockets import PcapySocket, ScapySocket

    return ScapySocket if name == "scapy" else PcapySocket
