"""A thread that takes packets over from an interface while the analysis is busy.

The kernel's ring hands over a block every live_block_ms, however little is in it: so a stall costs
blocks, not bytes, and a quiet link would fill the ring as fast as a busy one. The thread copies
what is ready into a queue that is bounded by bytes. When that is full, the ring fills up behind it,
and the kernel drops and counts.

While the analysis keeps up, it reads the interface itself and the thread sleeps: to wake it for
each block took a tenth of the time of a run with 1,000 messages a second.

Knows threads and open interfaces. Must not know what packets mean. Used by live.
"""

from __future__ import annotations

import select
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from analyzer.capture.interfaces import Interface
from analyzer.capture.records import RECORD, RecordBatch

_BUSY_S = 0.25
"""An analysis that has not read for so long is busy. One that is not reads at least every 0.1 s
(live.run.TICK_S); a ring of 64 MiB holds this time of 2 Gbit/s."""
_LOOK_MS = 200
"""How often the thread looks whether it is to end, or the analysis reads again."""


class Handle(Protocol):
    """One open interface, by any backend (ring.Ring, sockets)."""

    interface: Interface

    @property
    def up(self) -> bool:
        """Whether packets can come."""

    @property
    def more(self) -> bool:
        """Whether the last `read` left packets."""

    def fileno(self) -> int:
        """Return what to poll."""

    def read(self, packets: int) -> RecordBatch:
        """Return what has come, numbered from `packets` + 1; never wait."""

    def counters(self) -> tuple[int, int]:
        """Return packets that passed the filter so far, and how many of them were dropped."""

    def failed(self) -> None:
        """Check whether the interface is down, after poll reported an error."""

    def retry(self) -> bool:
        """Capture again if the interface is back; return whether it is."""

    def silence(self) -> None:
        """Let no further packet in."""

    def close(self) -> None:
        """Release the interface."""


class Drained:
    """A handle with a queue behind it.

    The thread starts with the first `read`, when rights are given up: capabilities belong to
    threads, and one that ran before would keep them.

    Args:
        handle: used by one thread at a time.
        most_bytes: what the queue holds; with a batch above it.
        batch_bytes: what one `read` returns; with a batch above it.
    """

    def __init__(self, handle: Handle, most_bytes: int, batch_bytes: int) -> None:
        self.interface = handle.interface
        self._handle = handle
        self._most, self._limit = most_bytes, batch_bytes
        self._queue: deque[RecordBatch] = deque()
        self._held = 0
        self._lock = threading.Condition()  # of the queue and the handle
        self._thread: threading.Thread | None = None
        self._closed = False
        self._read_at = time.monotonic()
        self._failure: Exception | None = None

    @property
    def up(self) -> bool:
        """Whether packets can come."""
        return self._handle.up

    @property
    def more(self) -> bool:
        """Whether the last `read` left packets."""
        return bool(self._queue) or self._handle.more

    def fileno(self) -> int:
        """Return what to poll, where there is no more."""
        return self._handle.fileno()

    def read(self, packets: int) -> RecordBatch:
        """Return what has come, up to a batch, numbered from `packets` + 1; never wait."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._drain, name="capture", daemon=True)
            self._thread.start()
        made: list[RecordBatch] = []
        total = 0
        if self._failure is not None:
            raise self._failure
        with self._lock:
            self._read_at = time.monotonic()
            if not self._queue:
                self._take()
            while self._queue and total < self._limit:
                made.append(self._queue.popleft())
                total += made[-1].used
            self._held -= total
            if self.more:
                self._lock.notify_all()
        batch = joined(made)
        batch.rows["packet"] = np.arange(packets + 1, packets + 1 + len(batch.rows))
        return batch

    def counters(self) -> tuple[int, int]:
        """Return packets that passed the filter so far, and how many of them were dropped."""
        with self._lock:
            return self._handle.counters()

    def failed(self) -> None:
        """Check whether the interface is down."""
        with self._lock:
            self._handle.failed()

    def retry(self) -> bool:
        """Capture again if the interface is back; return whether it is."""
        with self._lock:
            is_back = self._handle.retry()
            self._lock.notify_all()
        return is_back

    def silence(self) -> None:
        """Let no further packet in."""
        with self._lock:
            self._handle.silence()

    def close(self) -> None:
        """Release the interface."""
        with self._lock:
            self._closed = True
            self._lock.notify_all()
        if self._thread is not None:
            self._thread.join()
        self._handle.close()

    def _drain(self) -> None:
        """Be the thread."""
        try:
            poll = select.poll()
            poll.register(self._handle.fileno(), select.POLLIN)
            while self._may_take():
                self._look(poll.poll(_LOOK_MS))
        except Exception as error:
            self._failure = error

    def _may_take(self) -> bool:
        """Wait until somebody must take what comes; return False at the end.

        That is while the analysis is busy or behind, there is room, and the interface is there.
        """
        with self._lock:
            while not self._closed:
                quiet = time.monotonic() - self._read_at
                is_wanted = quiet >= _BUSY_S or self.more
                if is_wanted and self._held < self._most and self._handle.up:
                    return True
                self._lock.wait(_BUSY_S if is_wanted else _BUSY_S - quiet)
            return False

    def _look(self, events: Sequence[tuple[int, int]]) -> None:
        """Take what is ready."""
        with self._lock:
            if self._closed:
                return
            if any(each & ~select.POLLIN for _, each in events):
                self._handle.failed()
            if self._held < self._most:
                self._take()

    def _take(self) -> None:
        batch = self._handle.read(0)
        if len(batch.rows):
            self._queue.append(batch)
            self._held += batch.used


def joined(made: Sequence[RecordBatch]) -> RecordBatch:
    """Return batches as one with a buffer of its own; their order stays."""
    if len(made) == 1:
        return made[0]
    used = sum(each.used for each in made)
    # A quarter more, in which later stages put what they keep between batches.
    data = np.empty(used + used // 4 + 4096, np.uint8)
    rows = np.empty(sum(len(each.rows) for each in made), RECORD)
    to = row = 0
    for each in made:
        data[to : to + each.used] = each.data[: each.used]
        part = rows[row : row + len(each.rows)]
        part[:] = each.rows
        part["start"] += to
        to, row = to + each.used, row + len(part)
    return RecordBatch(rows=rows, data=data, used=used)
