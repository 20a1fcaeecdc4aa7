"""The tcp stage: segments to connections and byte streams.

Knows RFC 9293: connections, order, loss, acknowledgement. Must not know what the
bytes mean. Called by the pipeline with what the packets stage made; its batches go to
tls, http and websocket. The work is done in tcp._assembly, one pass over the rows.
"""

from __future__ import annotations

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
            lost_after_segments, overlap_policy, duplicate_window_s, closed_linger_s.
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
