"""Mutated captures: nothing raises, and every account still ties out.

Seeds are fixed, so a failure can be run again by its number alone.
"""

import functools
import io
import random

import peers
import pytest
from oracle.mutations import mutated, packets_of

from analyzer import pipeline
from analyzer.analysis import Collector
from analyzer.columns import NULL
from analyzer.errors import CaptureError
from analyzer.options import Options
from analyzer.report.csv import CsvWriter
from analyzer.tables.schema import LEDGER_PARTS, TABLES

COSTS = ["transfer_bytes", "ws_header_bytes", "http_bytes", "tls_bytes"]
COSTS += ["packet_header_bytes", "ack_bytes", "retransmitted_bytes"]
TIGHT = Options(
    max_connections=2,
    max_held_bytes=1000,
    max_held_bytes_total=2000,
    max_head_bytes=200,
    max_early_bytes=50,
    max_pending_messages=2,
    max_pending_pings=1,
    max_message_bytes=100,
    max_inflated_bytes=300,
    max_probe_bytes=100,
    max_probe_bytes_total=200,
    max_held_head_bytes_total=300,
)
"""Limits so small that most cases meet them."""
CHOICES = (Options(), Options(payload="full", overlap_policy="last"), TIGHT)
PER_TEST = 25


@functools.cache
def originals():
    """Return (link type, packets) of the cases that other analyzers fail on."""
    return [packets_of(case.pcap) for case in peers.cases().values()]


class Tables:
    """Columns of what was collected."""

    def __init__(self, collector):
        self._rows = {table.name: collector.rows(table).values for table in TABLES}

    def __call__(self, table, name):
        return list(self._rows[table][name])


def hold_together(tables, packets):
    """Assert what is true of any capture at all."""
    for wire, *parts in zip(
        tables("ledger", "wire_bytes"), *(tables("ledger", p) for p in LEDGER_PARTS), strict=True
    ):
        assert wire == sum(parts)
        assert min(parts) >= 0
    for wire, *parts in zip(
        tables("messages", "wire_bytes"), *(tables("messages", p) for p in COSTS), strict=True
    ):
        assert wire == sum(parts)
        assert min(parts) >= 0
    for table in ("frames", "messages"):
        for name in ("packet_first", "packet_last"):
            assert all(1 <= packet <= packets for packet in tables(table, name))
    connections = tables("connections", "connection")
    assert len(set(connections)) == len(connections)
    assert set(tables("frames", "connection")) <= set(connections)
    for table, name in (("frames", "frame"), ("messages", "message")):
        numbers = list(zip(tables(table, "connection"), tables(table, name), strict=True))
        assert len(set(numbers)) == len(numbers)
    # A cut or damaged record is named by the number that it would have had.
    assert all(packet <= packets + 1 for packet in tables("findings", "packet") if packet != NULL)


@pytest.mark.parametrize("first", range(0, 500, PER_TEST))
def test_nothing_raises_and_all_ties_out(first, tmp_path):
    for seed in range(first, first + PER_TEST):
        rng = random.Random(seed)
        file = mutated(*rng.choice(originals()), rng)
        collector = Collector()
        writers = [collector]
        if seed % PER_TEST == 0:
            writers.append(CsvWriter(tmp_path / "csv"))
        stdin = io.BytesIO(file)
        try:
            summary = pipeline.run(["-"], CHOICES[seed % 3], writers, stdin=stdin)
        except CaptureError:
            continue  # its head is no capture's any more
        hold_together(Tables(collector), summary.capture.packets)


def test_many_mutations_leave_frames_to_analyse():
    """Else the test above would hold for want of anything to hold."""
    frames = 0
    for seed in range(50):
        rng = random.Random(seed)
        collector = Collector()
        try:
            file = mutated(*rng.choice(originals()), rng)
            pipeline.run(["-"], Options(), [collector], stdin=io.BytesIO(file))
        except CaptureError:
            continue
        frames += len(Tables(collector)("frames", "frame")) > 0
    assert frames > 10
