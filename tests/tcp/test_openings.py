"""Which SYN-ACK, FIN and RST to believe (RFC 9293 3.10.7, RFC 5961 3.2)."""

from __future__ import annotations

from itertools import permutations

import pytest
from oracle.streams import ACK, FIN, RST, SYN, Outcome, make_batch, segment

from analyzer.options import Options
from analyzer.tcp.bytestream import END_CLOSED, GOES_ON
from analyzer.tcp.reassembly import Reassembler

A, B = 1000, 5000
OTHER = 900_000
SYN_0 = segment(0, A, flags=SYN)
SYN_ACK = segment(1, B, ack=A + 1, flags=SYN | ACK)
WRONG = segment(1, OTHER, ack=A + 1, flags=SYN | ACK)
DONE = segment(0, A + 1, ack=B + 1)
TALK = [
    segment(0, A + 1, b"ask", ack=B + 1),
    segment(1, B + 1, b"answer", ack=A + 4),
    segment(0, A + 4, ack=B + 7),
    segment(0, A + 4, ack=B + 7, flags=FIN | ACK),
    segment(1, B + 7, ack=A + 5, flags=FIN | ACK),
    segment(0, A + 5, ack=B + 8),
]


def assert_talk(out):
    out.check()
    assert bytes(out.stream(0)) == b"ask"
    assert bytes(out.stream(1)) == b"answer"
    assert out.connections[0]["reset_side"] == -1
    assert out.connections[0]["fin_side"] == 0
    assert [each for each in out.ids() if each != "tcp-reset-ignored"] == []


NOISE = [
    segment(1, 0, ack=A + 1, flags=RST | ACK),
    segment(1, 0, ack=A + 1, flags=FIN | ACK),
    segment(0, A + 1, flags=RST),
]


@pytest.mark.parametrize("noise", list(permutations(NOISE)))
def test_what_came_before_the_syn_ack_changes_nothing(noise):
    assert_talk(Outcome([SYN_0, *noise, SYN_ACK, DONE, *TALK], [1] * 5))


@pytest.mark.parametrize(
    "opening",
    [
        [WRONG, SYN_ACK, DONE],
        [SYN_ACK, WRONG, DONE],
        [SYN_ACK, WRONG, SYN_ACK, DONE],
        [SYN_ACK, DONE, WRONG],
        [WRONG, DONE],
        [WRONG, segment(1, OTHER + 1, ack=A + 1, flags=FIN | ACK), SYN_ACK, DONE],
    ],
)
def test_the_syn_ack_counts_that_is_acknowledged(opening):
    assert_talk(Outcome([SYN_0, *opening, *TALK]))


@pytest.mark.parametrize("place", [3, 4, 5, 6])
def test_a_second_syn_ack_in_an_open_connection_changes_nothing(place):
    packets = [SYN_0, SYN_ACK, DONE, *TALK]
    packets.insert(place, WRONG)
    assert_talk(Outcome(packets))


@pytest.mark.parametrize("seq", [B + 7 + 1000 + 2, B + 7 - 2, 0x70000000, B + 7 - 2**31 + 10])
def test_a_rst_outside_the_window_is_ignored(seq):
    # The client's window is 1,000 bytes and has no scale.
    out = Outcome([SYN_0, SYN_ACK, DONE, *TALK[:3], segment(1, seq, flags=RST), *TALK[3:]])
    assert_talk(out)
    assert out.ids() == ["tcp-reset-ignored"]
    assert out.findings[0][2] == 7


@pytest.mark.parametrize("seq", [B + 7, B + 8, B + 7 + 1000])
def test_a_rst_within_the_window_resets(seq):
    out = Outcome([SYN_0, SYN_ACK, DONE, *TALK[:3], segment(1, seq, flags=RST)])
    out.check()
    assert out.connections[0]["reset_side"] == 1
    assert out.ids() == []


def test_a_rst_of_a_direction_not_heard_of_is_believed():
    out = Outcome([segment(0, A, b"ab", ack=B), segment(1, B, flags=RST)])
    assert out.connections[0]["reset_side"] == 1


def test_a_refusal_must_acknowledge_the_syn():
    refused = Outcome([SYN_0, segment(1, 0, ack=A + 1, flags=RST | ACK)])
    assert refused.connections[0]["reset_side"] == 1
    for wrong in (segment(1, 0, ack=A + 9, flags=RST | ACK), segment(1, 0, flags=RST)):
        out = Outcome([SYN_0, wrong])
        assert out.connections[0]["reset_side"] == -1
        assert out.ids() == ["tcp-reset-ignored"]


def hops(packets, ttls):
    """Return the findings of packets that came with these TTLs."""
    batch = make_batch(list(enumerate(packets, 1)))
    batch.rows["ttl"] = ttls
    stage = Reassembler(Options())
    found = [*stage.push(batch).findings, *stage.finish().findings]
    return [(each.kind.id, each.packet) for each in found]


def test_a_rst_from_elsewhere_is_told_by_its_ttl():
    packets = [SYN_0, SYN_ACK, DONE, *TALK[:3], segment(1, B + 7, ack=A + 4, flags=RST | ACK)]
    foreign = [("tcp-reset-foreign", 7)]
    assert hops(packets, [64, 57, 64, 64, 57, 64, 250]) == foreign
    assert hops(packets, [64, 57, 64, 64, 57, 64, 57]) == []
    assert hops(packets, [64, 57, 64, 64, 57, 64, 56]) == []  # routes change


def test_a_rst_behind_which_data_goes_on_is_foreign():
    rst = segment(1, B + 7, ack=A + 4, flags=RST | ACK)
    more = segment(1, B + 7, b"more", ack=A + 4)
    out = Outcome([SYN_0, SYN_ACK, DONE, *TALK[:3], rst, more, more | {"identity": 99}])
    assert ("tcp-reset-foreign", 0, 7) in [found[:3] for found in out.findings]
    assert out.ids().count("tcp-reset-foreign") == 1
    # Data from before the RST that comes late proves nothing.
    late = Outcome([SYN_0, SYN_ACK, DONE, TALK[0], segment(1, B + 7, flags=RST), TALK[1]])
    assert "tcp-reset-foreign" not in late.ids()


def test_a_rst_ahead_of_the_data_is_foreign_where_its_sender_reads_on():
    # RFC 5961 3.2: within the window, but not where it begins: its receiver acknowledges, and both
    # go on. Who sent a RST acknowledges nothing that came later.
    rst = segment(1, B + 50, flags=RST)
    more = segment(0, A + 4, b"more", ack=B + 7)
    answer = segment(1, B + 7, b"fine", ack=A + 8)
    out = Outcome([SYN_0, SYN_ACK, DONE, *TALK[:3], rst, more, answer])
    assert ("tcp-reset-foreign", 0, 7) in [found[:3] for found in out.findings]
    # Data that was sent before, and captured behind it, acknowledges only what came before.
    late = segment(1, B + 7, b"fine", ack=A + 4)
    assert "tcp-reset-foreign" not in Outcome([SYN_0, SYN_ACK, DONE, *TALK[:3], rst, late]).ids()


def test_nothing_captured_of_a_direction():
    out = Outcome(
        [
            SYN_0,
            DONE,
            segment(0, A + 1, b"ask", ack=B + 1),
            segment(0, A + 4, ack=B + 101),
            segment(0, A + 4, ack=B + 102),
            segment(0, A + 4, ack=B + 102, flags=FIN | ACK),
        ]
    )
    assert out.directions[0, 1]["lost_bytes"] == 100  # its FIN is no byte
    assert out.ids() == ["tcp-one-direction", "tcp-lost"]
    alone = Outcome([SYN_0, SYN_0])
    assert alone.ids() == []


def test_one_packet_of_a_direction_is_enough():
    out = Outcome([segment(0, A, b"ask", ack=B), segment(0, A + 3, ack=B + 9)])
    assert out.ids() == ["tcp-one-direction", "tcp-lost"]
    heard = Outcome([segment(0, A, b"ask", ack=B), segment(1, B, b"r", ack=A + 3)])
    assert heard.ids() == []


def test_a_foreign_rst_that_both_sides_outlive_is_no_end():
    rst = segment(1, B + 50, flags=RST)
    more = segment(0, A + 4, b"more", ack=B + 7)
    answer = segment(1, B + 7, b"fine", ack=A + 8)
    done = segment(0, A + 8, ack=B + 11)
    ends = [
        segment(0, A + 8, ack=B + 11, flags=FIN | ACK),
        segment(1, B + 11, ack=A + 9, flags=FIN | ACK),
        segment(0, A + 9, ack=B + 12),
    ]
    before = [SYN_0, SYN_ACK, DONE, *TALK[:3], rst, more, answer]
    out = Outcome([*before, done, *ends], sizes=[1] * 13)
    out.check()
    assert out.ids().count("tcp-reset-foreign") == 1
    assert (out.connections[0]["reset_side"], out.connections[0]["fin_side"]) == (-1, 0)
    assert out.connections[0]["end"] == END_CLOSED
    assert [row["kind"] for row in out.rows].count(GOES_ON) == 1
    # Its receiver answers with a RST of its own, or with nothing: it took it for the end.
    refused = segment(0, A + 8, flags=RST)
    for last in ([refused], [segment(0, A + 8, ack=B + 7)], []):
        ended = Outcome([*before, *last])
        assert ended.connections[0]["reset_side"] == 1
        assert GOES_ON not in [row["kind"] for row in ended.rows]
