"""What polling would cost at a rate: arithmetic that can be done by hand."""

from __future__ import annotations

import pytest
from oracle.live import Recorder, replay

from analyzer.alternatives.polls import PollHeads, poll_cost
from analyzer.options import Options


def test_cost_by_hand():
    cost = poll_cost(
        connections=100,
        client_messages=50,
        payload=1000,
        heads=(400, 200),
        packet_header=66,
        interval_s=2,
    )
    assert cost.requests == 100 / 2 + 50
    assert cost.packets == 300
    assert cost.wire_bytes == 100 * 600 + 300 * 66 + 1000


def test_heads_are_those_of_the_handshake_without_its_upgrade():
    recorder = Recorder()
    pipeline = replay("npm-ws-basic.pcap", [recorder])
    heads = pipeline.snapshot().poll_heads
    row = recorder.news_of("handshakes")[0]
    assert heads is not None
    # Connection, Upgrade, Sec-WebSocket-Key, -Version and -Extensions are left out.
    assert 30 < heads[0] < row["request_bytes"]
    assert heads[1] > 30


def test_mean_forgets_slowly_and_needs_a_handshake():
    heads = PollHeads(Options())
    assert heads.means is None
    heads.push([])
    assert heads.means is None


@pytest.mark.parametrize("interval", [0.1, 1.0, 60.0])
def test_longer_intervals_cost_less(interval):
    def wire(seconds):
        return poll_cost(
            connections=9,
            client_messages=1,
            payload=10,
            heads=(300, 150),
            packet_header=54,
            interval_s=seconds,
        ).wire_bytes

    assert wire(interval) > wire(2 * interval)
