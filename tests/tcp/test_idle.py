"""Connections that fall silent, gaps of time, and clocks that are set back."""

from __future__ import annotations

import random

from oracle.streams import ACK, FIN, SYN, Outcome, make_batch, segment

from analyzer.options import Options
from analyzer.tcp import bytestream as bs
from analyzer.tcp.reassembly import Reassembler

S = 1_000_000_000
BEGIN = 1_700_000_000 * S


def data(port, seconds, payload=b"x", seq=1):
    return segment(0, seq, payload, ack=1, port=port, time=BEGIN + round(seconds * S))


def closed(port, seconds):
    at = BEGIN + round(seconds * S)
    return [
        segment(0, 10, flags=SYN, port=port, time=at),
        segment(1, 20, ack=11, flags=SYN | ACK, port=port, time=at),
        segment(0, 11, ack=21, flags=FIN | ACK, port=port, time=at),
        segment(1, 21, ack=12, flags=FIN | ACK, port=port, time=at),
        segment(0, 12, ack=22, port=port, time=at),
    ]


def busy(seconds, port=9, step=1.0):
    """A connection that sends all the time."""
    count = round(seconds / step)
    return [data(port, step * turn, seq=1 + turn) for turn in range(count)]


def in_time(segments):
    return sorted(segments, key=lambda each: each["time"])


def test_idle_connection_goes_and_busy_one_stays():
    out = Outcome(in_time([*busy(100), data(1, 5), data(2, 7)]), max_idle_s=16)
    out.check()
    idle = [found for found in out.findings if found[0] == "tcp-idle"]
    assert [found[1] for found in idle] == [1, 2], "the oldest first"
    assert out.connections[1]["end"] == out.connections[2]["end"] == bs.END_EVICTED
    assert out.connections[0]["end"] == bs.END_CAPTURE


def test_without_the_option_nothing_goes():
    out = Outcome(in_time([*busy(1000, step=10), data(1, 5)]))
    assert "tcp-idle" not in out.ids()
    assert out.connections[1]["end"] == bs.END_CAPTURE


def test_batches_do_not_matter():
    chance = random.Random(5)
    segments = in_time(
        [*busy(300), *(data(chance.randrange(20, 60), chance.random() * 300) for _ in range(200))]
    )
    whole = Outcome(segments, max_idle_s=20)
    cut = Outcome(segments, [chance.randrange(1, 9) for _ in range(150)], max_idle_s=20)
    assert len(whole.ended) == len(whole.opened)
    assert whole.ended == cut.ended
    assert whole.findings == cut.findings
    assert "tcp-idle" in whole.ids()


def test_a_jump_of_the_clock_proves_nothing():
    # All are silent for an hour: the capture or its clock, not they.
    after = [data(port, 3600 + turn, seq=2 + turn) for turn in range(60) for port in (1, 2, 9)]
    out = Outcome(in_time([*busy(5), data(1, 1), data(2, 2), *after]), max_idle_s=30)
    assert "tcp-idle" not in out.ids()
    assert len(out.opened) == 3


def test_who_stays_silent_after_a_jump_goes():
    after = [data(9, 3600 + turn, seq=6 + turn) for turn in range(60)]
    out = Outcome(in_time([*busy(5), data(1, 1), *after]), max_idle_s=30)
    assert [found[:2] for found in out.findings] == [("tcp-idle", 1)]


def test_closed_ones_do_not_wait_for_a_clock_that_was_set_back():
    segments = [*closed(1, 0), *closed(2, 1), *(data(9, turn - 86_400) for turn in range(3))]
    stage = Reassembler(Options())
    ended = []
    for number, each in enumerate(segments, 1):
        batch = stage.push(make_batch([(number, each)]))
        ended += [int(batch.connections["tcp_stream"][slot]) for slot in batch.ended]
    assert ended == [0, 1]


def test_swapped_packets_are_no_clock_set_back():
    segments = [*closed(1, 5), data(9, 4.2), data(9, 5.1, seq=2)]
    stage = Reassembler(Options())
    ended = [
        slot
        for number, each in enumerate(segments, 1)
        for slot in stage.push(make_batch([(number, each)])).ended
    ]
    assert ended == []


def test_idle_ones_go_though_the_clock_was_set_back():
    segments = [data(1, 0), *(data(9, turn - 86_400, seq=1 + turn) for turn in range(80))]
    out = Outcome(segments, max_idle_s=16)
    assert [found[:2] for found in out.findings if found[0] == "tcp-idle"] == [("tcp-idle", 0)]


def test_a_tick_lets_time_pass_without_packets():
    stage = Reassembler(Options(max_idle_s=60, closed_linger_s=10))
    assert not stage.tick(BEGIN).ended, "before the first packet there is no time"
    for number, each in enumerate([*closed(1, 0), data(2, 0)], 1):
        stage.push(make_batch([(number, each)]))
    assert stage.tracked == 2
    assert not stage.tick(BEGIN + 9 * S).ended
    assert len(stage.tick(BEGIN + 10 * S).ended) == 1
    assert not stage.tick(BEGIN - S).ended, "an earlier time does nothing"
    ended = [stage.tick(BEGIN + seconds * S).ended for seconds in range(11, 80)]
    assert sum(map(len, ended)) == 1
    assert stage.tracked == 0
    assert stage.let_go == {"idle": 1, "limit": 0}


def test_connections_that_made_room_are_counted():
    stage = Reassembler(Options(max_connections=2))
    for number in range(5):
        stage.push(make_batch([(number + 1, data(number, number))]))
    assert stage.let_go == {"idle": 0, "limit": 3}


def test_hostile_times_are_survived():
    chance = random.Random(8)
    low, high = -(2**63) + 1, 2**63 - 1
    times = [low, high, low, 0, high, -1, high - 5, low + 5]
    times += [chance.randrange(low, high) for _ in range(300)]
    segments = []
    for place, time in enumerate(times):
        port = 1 + place % 40
        segments += [{**each, "time": time} for each in [*closed(port, 0), data(50, 0)]]
    for idle in (0.0, 1e-9, 10.0, 3e8):
        out = Outcome(segments, max_idle_s=idle)
        assert sorted(out.opened) == sorted(out.ended)


def test_counts_and_memory_so_far():
    import numpy as np

    stage = Reassembler(Options())
    before = stage.held_bytes
    batch = stage.push(make_batch([(1, data(1, 0, b"hello")), (2, data(1, 0, b"you", seq=6))]))
    both = np.array([2 * batch.opened[0], 2 * batch.opened[0] + 1])
    assert stage.counts_so_far("stream_bytes", both).tolist() == [8, 0]
    assert stage.counts_so_far("packets", both).tolist() == [2, 0]
    assert stage.counts_so_far("retransmitted_bytes", both).tolist() == [0, 0]
    assert stage.held_bytes >= before > 0
