"""Rows out: the current packet, and the rows of CHUNK that it gives.

Knows their layout. Must not know why a row is written. The second of the kernels that
make the assembly (see _state).
"""

from __future__ import annotations

from typing import Any

import cython
import numpy as np

from analyzer.columns import Rows

if cython.compiled:
    from cython.cimports.analyzer.tcp._state import AssemblerState
else:
    from analyzer.tcp._state import AssemblerState


@cython.cclass
class RowWriter(AssemblerState):
    """Writes rows of the current packet."""

    def _save(self) -> Any:
        """Return the current packet, for `_load`."""
        return (
            self.packet,
            self.time,
            self.row_acked,
            self.row_flags,
            self.header,
            self.payload,
            self.wire,
            self.link,
            self.ip,
            self.window,
        )

    def _load(self, packet: Any) -> None:
        """Make a saved or held packet the one whose rows are written."""
        (
            self.packet,
            self.time,
            self.row_acked,
            self.row_flags,
            self.header,
            self.payload,
            self.wire,
            self.link,
            self.ip,
            self.window,
        ) = packet

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _row(
        self,
        kind: cython.int,
        d: cython.Py_ssize_t,
        place: cython.longlong,
        length: cython.longlong,
        into: cython.longlong,
        start: cython.longlong,
        ready: cython.longlong,
    ) -> cython.int:
        """Write a row of the current packet; the first one takes its wire bytes."""
        n: cython.Py_ssize_t = self.row_count
        if n >= self.capacity:
            self._grow_rows()
        self.chunks[n].packet = self.packet
        self.chunks[n].time = self.time
        self.chunks[n].ready = ready
        self.chunks[n].offset = place
        self.chunks[n].acked = self.row_acked
        self.chunks[n].start = start
        self.chunks[n].direction = d
        self.chunks[n].length = length
        self.chunks[n].payload = self.payload
        self.chunks[n].into = into
        self.chunks[n].header_bytes = self.header
        self.chunks[n].wire = self.wire
        self.chunks[n].kind = kind
        self.chunks[n].flags = self.row_flags
        self.chunks[n].span = length
        self.chunks[n].done_packet = self.chunks[n].done_time = 0
        self.chunks[n].tls = 0
        self.chunks[n].link = self.link if self.header else 0
        self.chunks[n].ip = self.ip if self.header else 0
        self.chunks[n].window = self.window
        self.wire = 0
        self.row_count = n + 1
        return 0

    def _grow_rows(self) -> None:
        old: Rows = self.arrays["chunks"]
        bigger = np.empty(2 * len(old) + 16, old.dtype)
        bigger[: len(old)] = old
        self.arrays["chunks"] = bigger
        self._bind()
