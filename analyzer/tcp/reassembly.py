"""The tcp stage: segments to connections and byte streams.

Knows RFC 9293: connections, order, loss, acknowledgement. Must not know what the
bytes mean. Called by the pipeline with what the packets stage made; its batches go to
tls, http and websocket. The work is done in tcp._assembly, one pass over the rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from analyzer.capture.records import RecordBatch
from analyzer.columns import empty
from analyzer.options import Options
from analyzer.packets.segments import SEGMENT, SegmentBatch
from analyzer.tcp._assembly import Assembler
from analyzer.tcp.bytestream import StreamBatch


class Reassembler:
    """Puts the payload of TCP connections in order; the only holder of their state.

    Args:
        options: max_connections, max_held_bytes, max_held_bytes_total,
            lost_after_segments, overlap_policy, duplicate_window_s, closed_linger_s, max_idle_s.
    """

    def __init__(self, options: Options) -> None:
        self._assembler = Assembler(options)

    def push(self, batch: SegmentBatch) -> StreamBatch:
        """Take a batch of segments; return what became readable with it.

        Appends to the batch's buffer what was held and now has its turn.
        """
        self._assembler.begin(batch.rows, batch.records)
        self._assembler.run()
        return self._batch(batch.records)

    def tick(self, now: int) -> StreamBatch:
        """Let time pass without packets; return what that ends.

        Args:
            now: ns since 1970 by the clock of the capture; earlier than the last packet,
                or before the first, it does nothing.
        """
        records = RecordBatch()
        self._assembler.begin(empty(SEGMENT), records)
        self._assembler.advance(now)
        return self._batch(records)

    def counts_so_far(self, name: str, directions: npt.NDArray[np.int64]) -> Any:
        """Return a column of bytestream.DIRECTION of open connections, as far as it is known.

        wire_bytes is reckoned when a connection ends; the parts that it sums up are there.
        """
        return self._assembler.counts_so_far(name, directions)

    @property
    def tracked(self) -> int:
        """Connections that have not ended."""
        return int(self._assembler.tracked()[0])

    @property
    def let_go(self) -> dict[str, int]:
        """Connections let go before they ended: by "idle" (max_idle_s) or "limit"."""
        return dict(self._assembler.let_go())

    @property
    def held_bytes(self) -> int:
        """Bytes of segments that wait for their turn, and of the state of connections."""
        return int(sum(self._assembler.tracked()[1:]))

    def finish(self) -> StreamBatch:
        """End all connections; return what was still held. Call it once, at the end."""
        records = RecordBatch()
        self._assembler.begin(empty(SEGMENT), records)
        self._assembler.end_all()
        return self._batch(records)

    def _batch(self, records: RecordBatch) -> StreamBatch:
        assembler = self._assembler
        return StreamBatch(
            records=records,
            rows=assembler.rows("chunks"),
            connections=assembler.rows("links"),
            directions=assembler.rows("sums"),
            opened=assembler.opened_slots(),
            ended=assembler.ended_slots(),
            findings=assembler.findings(),
            lender=assembler,
        )
