"""The front by itself: what it hands on of a capture, and of pieces that bring nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzer.capture.records import BlankBatches
from analyzer.capture.source import open_capture
from analyzer.columns import NULL
from analyzer.front import Front, Seen
from analyzer.options import Options
from analyzer.packets.decode import PacketDecoder

CAPTURE = Path(__file__).parents[1] / "captures" / "npm-ws-basic.pcap"


@pytest.mark.parametrize("inside", [True, False])
def test_all_that_the_back_needs_is_in_its_batches(inside: bool) -> None:
    front, blank = Front(Options(inside=inside)), BlankBatches()
    decoder = PacketDecoder(Options())
    opened = messages = packets = 0
    latest = NULL
    for records in open_capture(CAPTURE):
        if blank.has(records):
            continue
        segments = decoder.push(records)
        seen, batch = Seen.of(segments), front.follow(segments)
        packets += seen.packets
        assert seen.segments == len(segments.rows)
        opened += batch.opened
        messages += len(batch.websocket.messages)
        latest = max(latest, batch.latest)
        assert (batch.inside is not None) == inside
    last = front.end()
    messages += len(last.websocket.messages)
    assert packets
    assert opened
    assert messages
    assert last.websocket.http.ended
    assert latest == seen.last_time
    assert front.finish().findings == []


def test_there_is_a_sampler_where_there_is_a_comparison() -> None:
    assert Front(Options()).sampler is not None
    assert Front(Options(alternatives=False)).sampler is None
