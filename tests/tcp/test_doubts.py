"""Other connections on the same ports, with and without a SYN."""

from __future__ import annotations

import pytest
from oracle.streams import ACK, FIN, RST, SYN, Outcome, segment

A, B = 1000, 5000
C, D = 700_000_000, 3_000_000_000
OPEN = [
    segment(0, A, flags=SYN),
    segment(1, B, ack=A + 1, flags=SYN | ACK),
    segment(0, A + 1, ack=B + 1),
    segment(0, A + 1, b"old ask", ack=B + 1),
    segment(1, B + 1, b"old answer", ack=A + 8),
    segment(0, A + 8, ack=B + 11),
]
NEW_SYN = segment(0, C, flags=SYN)
NEW_SYN_ACK = segment(1, D, ack=C + 1, flags=SYN | ACK)
NEW = [
    segment(0, C + 1, ack=D + 1),
    segment(0, C + 1, b"new ask", ack=D + 1),
    segment(1, D + 1, b"new answer", ack=C + 8),
]


def streams(out):
    out.check()
    return [bytes(out.stream(side, n)) for n in sorted(out.connections) for side in (0, 1)]


BOTH = [b"old ask", b"old answer", b"new ask", b"new answer"]


@pytest.mark.parametrize("sizes", [[], [1] * 12, [7, 1]])
def test_a_syn_that_is_answered_opens_another_connection(sizes):
    out = Outcome([*OPEN, NEW_SYN, NEW_SYN_ACK, *NEW], sizes)
    assert streams(out) == BOTH
    assert out.connections[1]["first_packet"] == 7
    assert out.ids() == []


def test_repeated_syns_count_as_retries_of_the_new_one():
    out = Outcome([*OPEN, NEW_SYN, NEW_SYN, NEW_SYN, NEW_SYN_ACK, *NEW])
    assert streams(out) == BOTH
    assert out.connections[1]["syn_retries"] == 2


def test_a_syn_that_is_not_answered_changes_nothing():
    more = [segment(0, A + 8, b"!", ack=B + 11), segment(1, B + 11, b"?", ack=A + 9)]
    for noise in ([NEW_SYN], [NEW_SYN, segment(1, B + 11, ack=A + 8)], [NEW_SYN, NEW_SYN]):
        out = Outcome([*OPEN, *noise, *more])
        assert streams(out) == [b"old ask!", b"old answer?"]
        assert out.connections[0]["syn_retries"] == 0
        assert out.directions[0, 0]["packets"] == 5 + noise.count(NEW_SYN)


def test_a_syn_ack_for_another_number_does_not_open():
    wrong = segment(1, D, ack=C + 5, flags=SYN | ACK)
    out = Outcome([*OPEN, NEW_SYN, wrong])
    assert streams(out) == [b"old ask", b"old answer"]


def test_a_peer_that_crashed_and_uses_its_port_again():
    # RFC 9293 3.5.1: challenge ACK, RST, and the SYN once more.
    out = Outcome(
        [
            *OPEN,
            NEW_SYN,
            segment(1, B + 11, ack=A + 8),
            segment(0, A + 8, flags=RST),
            NEW_SYN,
            NEW_SYN_ACK,
            *NEW,
        ]
    )
    assert streams(out) == BOTH
    assert out.connections[0]["reset_side"] == 0
    assert out.connections[1]["syn_retries"] == 1


def test_a_syn_after_the_end_opens_at_once():
    fins = [
        segment(0, A + 8, ack=B + 11, flags=FIN | ACK),
        segment(1, B + 11, ack=A + 9, flags=FIN | ACK),
    ]
    out = Outcome([*OPEN, *fins, NEW_SYN])
    assert len(out.connections) == 2


def test_a_refused_syn_is_a_connection_of_its_own():
    out = Outcome([*OPEN, NEW_SYN, segment(1, 0, ack=C + 1, flags=RST | ACK)])
    assert len(out.connections) == 2
    assert out.connections[1]["reset_side"] == 1
    assert out.connections[0]["reset_side"] == -1


class Split(Outcome):
    """Numbers connections one by one: parts of a port pair share their tcp_stream."""

    def __init__(self, segments, sizes=()):
        self.parts = []
        super().__init__(segments, sizes)

    def _take(self, batch):
        for slot in batch.ended:
            self.parts.append((int(batch.connections[slot]["tcp_stream"]), slot))
        super()._take(batch)


def data(out):
    return b"|".join(row["data"] for row in out.rows if "data" in row)


@pytest.mark.parametrize("sizes", [[], [1] * 12])
@pytest.mark.parametrize("order", [NEW, NEW[1:], NEW[2:]])
def test_numbers_that_jump_both_ways_are_another_connection(order, sizes):
    after = [segment(0, C + 8, b".", ack=D + 11), segment(1, D + 11, b",", ack=C + 9)]
    out = Split([*OPEN, *order, *after], sizes)
    assert [stream for stream, _ in out.parts] == [0, 0]
    assert data(out).startswith(b"old ask|old answer|new")
    assert data(out).endswith(b".|,")
    assert out.ids() == []
    assert all(total["lost_bytes"] == 0 for total in out.directions.values())


def test_one_packet_that_jumps_changes_nothing():
    forged = segment(1, D, b"forged", ack=C)
    more = [segment(0, A + 8, b"!", ack=B + 11), segment(1, B + 11, b"?", ack=A + 9)]
    out = Outcome([*OPEN, forged, *more])
    assert streams(out) == [b"old ask!", b"old answer?"]
    assert out.directions[0, 0]["lost_bytes"] == 0
    last = Outcome([*OPEN, forged])
    assert streams(last) == [b"old ask", b"old answer"]


def test_a_jump_of_one_direction_is_a_hole_in_the_capture():
    # A download, of which the capture missed 20 MB: the other number stays.
    far = B + 11 + 20_000_000
    tail = [segment(1, far + 7 * i, b"further", ack=A + 8) for i in range(80)]
    out = Split([*OPEN, *tail])
    assert len(out.parts) == 1


def test_jumps_within_what_was_carried_are_holes():
    # Both sides had carried 512 kB, and the capture missed 17 MB both ways.
    block = bytes(65_536)
    busy = [segment(0, A + 1 + i * 65_536, block, ack=B + 1 + i * 65_536) for i in range(8)]
    busy += [segment(1, B + 1 + i * 65_536, block, ack=A + 1 + 8 * 65_536) for i in range(8)]
    jump = 17_000_000
    after = [
        segment(0, A + 1 + jump, b"x", ack=B + 1 + jump),
        segment(1, B + 1 + jump, b"y", ack=A + 2 + jump),
    ]
    out = Split([*OPEN[:3], *busy, *after])
    assert len(out.parts) == 1
