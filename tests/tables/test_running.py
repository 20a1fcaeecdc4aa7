"""Counts so far: what the ledger will say, before connections end."""

from __future__ import annotations

import pytest
from oracle.live import Recorder, replay

from analyzer.tables.schema import LEDGER_PARTS

NAMES = ["npm-ws-basic.pcap", "npm-ws-many.pcap", "python-websockets-ipv6.pcap", "lossy.pcap"]


@pytest.mark.parametrize("name", NAMES)
def test_counts_of_open_connections_are_the_ledger_that_will_be(name):
    recorder = Recorder()
    pipeline = replay(name, [recorder], ticks=False)
    before = pipeline.snapshot()
    pipeline.finish()
    after = pipeline.snapshot()
    assert after.connections == 0
    for side, direction in enumerate(("client", "server")):
        rows = [
            row
            for row in recorder.rows_of("ledger")
            if row["connection"] is not None and row["direction"] == direction
        ]
        for part in (*LEDGER_PARTS, "wire_bytes", "packets"):
            assert after.ledger[side][part] == sum(row[part] for row in rows), part
            if name != "lossy.pcap":  # what waits for its turn counts when it comes
                assert before.ledger[side][part] == after.ledger[side][part], part
        assert before.ledger[side]["wire_bytes"] > 0


def test_open_connections_and_memory():
    recorder = Recorder()
    pipeline = replay("npm-ws-many.pcap", [recorder], ticks=False)
    shot = pipeline.snapshot()
    final = len({row["connection"] for row in recorder.news_of("connections")})
    ended = len(recorder.rows_of("connections"))
    assert shot.connections == final - ended > 0
    assert shot.tcp_connections >= shot.connections
    assert set(shot.held_bytes) == {"packets", "tcp", "tls", "http", "websocket", "inside"}
    assert shot.held_bytes["tcp"] > 0
    assert shot.poll_heads is not None
    assert all(30 < head < 2000 for head in shot.poll_heads)


def test_before_any_packet():
    from analyzer.options import Options
    from analyzer.pipeline import Pipeline

    pipeline = Pipeline(Options(), [])
    pipeline.tick()
    shot = pipeline.snapshot()
    assert (shot.connections, shot.tcp_connections, shot.poll_heads) == (0, 0, None)
    assert shot.ledger[0]["wire_bytes"] == 0


def test_time_passes_without_packets(monkeypatch):
    """The clock of the capture goes on with that of the machine, however old the capture is."""
    import time

    recorder = Recorder()
    pipeline = replay("npm-ws-basic.pcap", [recorder], ticks=False)
    pipeline.tick()
    open_before = pipeline.snapshot().tcp_connections
    ended_before = len(recorder.rows_of("connections"))
    assert open_before
    now = time.monotonic_ns()
    monkeypatch.setattr(time, "monotonic_ns", lambda: now + 3600 * 10**9)
    pipeline.tick()
    assert pipeline.snapshot().tcp_connections == 0
    assert len(recorder.rows_of("connections")) > ended_before
    rows = recorder.rows_of("messages")
    pipeline.finish()
    assert recorder.rows_of("messages") == rows
