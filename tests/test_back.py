"""The back by itself: it needs no more than what the front hands on."""

from __future__ import annotations

from pathlib import Path

import pytest
from conversation import START_NS, Conversation, request, response
from oracle.chats import captured
from oracle.whole import tables_of

from analyzer import pipeline
from analyzer.analysis import Collector
from analyzer.back import Back
from analyzer.capture.source import open_capture
from analyzer.front import Front, Seen
from analyzer.options import Options
from analyzer.packets.decode import PacketDecoder
from analyzer.tables.schema import TABLES

CAPTURES = Path(__file__).parents[1] / "captures"


def by_hand(path: Path, options: Options, collector: Collector) -> int:
    """Run a capture through front and back; return how many packets were counted."""
    front, decoder = Front(options), PacketDecoder(options)
    back = Back(options, [collector], sampler=front.sampler)
    for records in open_capture(path, options):
        back.original.push(records)
        segments = decoder.push(records)
        back.count(Seen.of(segments))
        back.push(front.follow(segments))
    segments = decoder.finish()
    back.count(Seen.of(segments))
    back.push(front.follow(segments))
    back.push(front.end())
    back.finish(front.finish())
    back.deliver(back.compared())
    back.diagnose()
    return back.summary.capture.packets


@pytest.mark.parametrize("name", ["npm-ws-basic.pcap", "chat-long-poll.pcap", "connect-proxy.pcap"])
def test_rows_are_those_of_the_pipeline(name: str) -> None:
    options = Options()
    mine, its = Collector(), Collector()
    packets = by_hand(CAPTURES / name, options, mine)
    summary = pipeline.run(CAPTURES / name, options, [its])
    assert packets == summary.capture.packets > 0
    for table in TABLES:
        assert mine.rows(table).count == its.rows(table).count, table.name
    assert sum(its.rows(table).count for table in TABLES) > 10


def test_without_samples_there_is_no_comparison() -> None:
    front = Front(Options(alternatives=False))
    assert Back(Options(alternatives=False), [], sampler=front.sampler).compared() == []


def test_rows_of_what_is_open_at_the_end_are_in_the_order_of_their_numbers() -> None:
    # More of them than any block or portion, opened in another order than their TCP connections.
    count = 1_100
    talks = [Conversation(client_port=10_000 + number) for number in range(count)]
    for number, talk in enumerate(talks):
        talk.now = START_NS + number * 1_000_000
        talk.open()
    for number, talk in enumerate(reversed(talks)):
        talk.now = START_NS + (2 * count + number) * 1_000_000
        talk.client(request())
        talk.server(response())
    connections = tables_of(captured(*talks)).rows("connections")
    assert [row[0] for row in connections] == list(range(count))
    streams = [row[1] for row in connections]
    assert streams == list(reversed(range(count)))
