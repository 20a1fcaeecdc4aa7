"""Rows that outlive their batch."""

from __future__ import annotations

import numpy as np

from analyzer.capture.records import RecordBatch
from analyzer.columns import empty
from analyzer.tcp.bytestream import CHUNK, DATA, GAP_LOST
from analyzer.websocket.kept_rows import ROW_BYTES, gap, keep, replayed, trimmed


def batch(payload: bytes = b"abcdefgh", span: int | None = None):
    rows = empty(CHUNK, 1)
    row = rows[0]
    row["start"], row["length"], row["offset"], row["into"] = 2, len(payload), 100, 10
    row["span"] = len(payload) if span is None else span
    row["wire"], row["acked"] = 80, 7
    data = np.frombuffer(b"__" + payload + b"__", np.uint8).copy()
    return row, RecordBatch(data=data, used=len(data))


def test_a_row_keeps_its_bytes_from_a_place_on() -> None:
    row, records = batch()
    kept = keep(row, 5, records)
    assert kept.payload == b"defgh"
    assert (kept.row["offset"], kept.row["into"], kept.row["length"]) == (103, 13, 5)
    # What it acknowledges and costs was counted when it was first walked.
    assert (kept.row["acked"], kept.row["wire"]) == (-1, 0)
    assert kept.cost == 5 + ROW_BYTES
    assert row["length"] == 8


def test_a_row_that_stands_for_more_than_its_bytes_is_cut_in_proportion() -> None:
    row, records = batch(b"abcd", span=12)
    kept = trimmed(keep(row, 2, records), 1)
    assert (kept.row["offset"], kept.row["span"], kept.row["length"]) == (103, 9, 3)


def test_replayed_rows_have_their_bytes_in_the_new_batch() -> None:
    row, records = batch()
    kept = [keep(row, 2, records), gap(row)]
    rows = replayed(kept, records)
    start = int(rows[0]["start"])
    assert bytes(records.data[start : start + 8]) == b"abcdefgh"
    assert list(rows["kind"]) == [DATA, GAP_LOST]
