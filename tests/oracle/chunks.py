"""Stream rows (dtype CHUNK) made by hand: what the tcp stage would hand on.

Every packet has 66 bytes of headers (Ethernet, IPv4, TCP with timestamps).
"""

import numpy as np

from analyzer.capture.records import RecordBatch
from analyzer.tcp.bytestream import CHUNK, DATA, GAP_CUT, GAP_LOST, PURE, RETRANSMISSION

HEADER = 66


class Stream:
    """Builds rows of several directions over one buffer, one packet per call."""

    def __init__(self) -> None:
        self.rows: list[tuple[dict[str, int], bytes]] = []
        self.offsets: dict[int, int] = {}
        self.packet = 0

    def _row(self, direction: int, kind: int, content: bytes = b"", **fields: int) -> None:
        time = 1_000_000 * self.packet
        row = {
            "packet": self.packet,
            "time": time,
            "ready": time,
            "offset": self.offsets.get(direction, 0),
            "acked": -1,
            "direction": direction,
            "length": len(content),
            "payload": len(content),
            "header_bytes": HEADER,
            "wire": HEADER + len(content),
            "kind": kind,
        }
        row |= fields
        self.rows.append(({"span": row["length"]} | row, content))

    def put(self, direction: int, kind: int, content: bytes = b"", **fields: int) -> None:
        """A row of any kind, of the next packet unless told."""
        self.packet += 1
        self._row(direction, kind, content, **fields)
        if kind == DATA:
            self.offsets[direction] = self.offsets.get(direction, 0) + len(content)

    def data(self, direction: int, payload: bytes, **fields: int) -> None:
        self.packet += 1
        self._row(direction, DATA, payload, **fields)
        self.offsets[direction] = self.offsets.get(direction, 0) + len(payload)

    def ack(self, direction: int, acked: int | None = None) -> None:
        """A pure ACK sent in `direction`, of all that the other sent unless told."""
        self.packet += 1
        other = self.offsets.get(direction ^ 1, 0)
        self._row(direction, PURE, acked=other if acked is None else acked)

    def lost(self, direction: int, length: int) -> None:
        self.packet += 1
        self._row(direction, GAP_LOST, length=length, payload=0, header_bytes=0, wire=0)
        self.offsets[direction] = self.offsets.get(direction, 0) + length

    def cut(self, direction: int, payload: bytes, missing: int) -> None:
        """A packet whose payload the snap length cut."""
        self.packet += 1
        whole = len(payload) + missing
        self._row(direction, DATA, payload, payload=whole, wire=HEADER + whole)
        self.offsets[direction] = self.offsets.get(direction, 0) + len(payload)
        fields = {"length": missing, "payload": whole, "into": len(payload), "wire": 0}
        self._row(direction, GAP_CUT, **fields)
        self.offsets[direction] += missing

    def again(self, direction: int, offset: int, length: int) -> None:
        """A retransmission of stream bytes."""
        self.packet += 1
        fields = {"offset": offset, "length": length, "payload": length}
        self._row(direction, RETRANSMISSION, wire=HEADER + length, **fields)

    def batches(self, size: int | None = None) -> list[tuple[np.ndarray, RecordBatch]]:
        """Return (rows, records) per batch of `size` rows."""
        size = size or max(1, len(self.rows))
        made = []
        for begin in range(0, len(self.rows), size):
            records = RecordBatch()
            part = self.rows[begin : begin + size]
            rows = np.zeros(len(part), CHUNK)
            for place, (row, payload) in enumerate(part):
                for name, value in row.items():
                    rows[place][name] = value
                rows[place]["start"] = records.append(payload)
            made.append((rows, records))
        return made
