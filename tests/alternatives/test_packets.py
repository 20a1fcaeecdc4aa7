"""Bytes as packets: by hand, and answers in size classes against each answer by itself."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle import alternatives as oracle
from oracle.compared import wire_row

from analyzer.alternatives import lanes as layout
from analyzer.alternatives.packets import Traffic, answer_segments, segments

ONE = np.ones(1)


@pytest.mark.parametrize(
    ("size", "packets"), [(0, 1), (1, 1), (1448, 1), (1449, 2), (2896, 2), (2897, 3), (1e6, 691)]
)
def test_segments(size, packets):
    assert segments(ONE * size, wire_row()) == packets


def lane_of(answers, mss):
    lane, sizes = np.zeros(1, layout.LANE), np.zeros((1, layout.SIZE_CLASSES), np.int32)
    full, sizes[0] = oracle.packets(answers, mss, layout.SIZE_CLASSES)
    lane["answers"] = len(answers)
    lane["messages"] = sum(map(len, answers))
    lane["payload_bytes"] = sum(map(sum, answers))
    lane["full_segments"] = full
    return layout.answers_of(lane[:, None], sizes[:, None], 0)


ANSWERS = st.lists(st.lists(st.integers(0, 5000), min_size=1, max_size=3), max_size=12)


@given(ANSWERS, st.integers(0, 3000), st.sampled_from([100, 536, 1448, 9000, 65_495]))
def test_answers_by_class_are_as_many_packets_to_a_sixteenth(answers, head, mss):
    """With a head before each message, no answer is off by more than one packet; and each
    stands for at least one, at most one more than a class less and a class more take."""
    counted = lane_of(answers, mss)
    beside = head + counted.mean_messages
    found = float(answer_segments(counted, beside, wire_row(mss=mss))[0])
    width = mss // layout.SIZE_CLASSES + 1
    bodies = [sum(sizes) + len(sizes) + head for sizes in answers]
    # The mean number of messages stands for that of each answer.
    spread = max((len(sizes) for sizes in answers), default=0)
    least = sum(max(1, math.ceil((body - width - spread) / mss)) for body in bodies)
    most = sum(max(1, math.ceil((body + width + spread) / mss)) for body in bodies)
    assert least <= found <= most


def test_no_answers_no_packets():
    assert answer_segments(lane_of([], 1448), 100 * ONE, wire_row()) == 0


def test_an_answer_without_a_body_is_a_packet():
    assert answer_segments(lane_of([[0]], 1448), 0 * ONE, wire_row()) == 1


def test_a_smallest_mss():
    """Nothing but oddities: an MSS of one byte."""
    assert answer_segments(lane_of([[3]], 1), 2 * ONE, wire_row(mss=1)) == 5


def test_a_request_and_its_answer():
    traffic = Traffic(wire_row())
    traffic.ask(2 * ONE, 100 * ONE)
    traffic.answer(2 * ONE, 200 * ONE)
    # Two requests, two answers, an ACK for each answer.
    assert (traffic.packets, traffic.wire_bytes) == (6, 2 * 300 + 6 * 66)
    traffic.connect(ONE)
    assert traffic.connections == 1
    assert (traffic.packets, traffic.wire_bytes) == (12, 2 * 300 + 6 * 66 + 2 * 74 + 4 * 66)


def test_long_ones():
    """2,000 bytes are two packets, of which the first costs half an ACK (RFC 5681 4.2)."""
    traffic = Traffic(wire_row())
    traffic.ask(ONE, 2000 * ONE, acked=1.0)
    traffic.answer(ONE, 2000 * ONE, acked=0.25)
    assert (traffic.client_packets, traffic.server_packets) == (2, 2)
    assert traffic.server_acks == 1.5
    assert traffic.client_acks == 0.75


def test_each_direction_has_its_own_headers():
    wire = wire_row(client_header=54, server_header=74, client_ack=60, server_ack=90)
    traffic = Traffic(wire)
    traffic.ask(ONE, 10 * ONE, acked=1.0)
    traffic.answer(ONE, 20 * ONE)
    assert traffic.wire_bytes == 10 + 54 + 90 + 20 + 74 + 60
    traffic.connect(ONE)
    # SYNs are 8 bytes longer than a header; of the four ACKs and FINs each side sends two.
    assert traffic.wire_bytes == 308 + (54 + 8) + (74 + 8) + 2 * 60 + 2 * 90


def test_tls():
    wire = wire_row(record=22, tls_client=600, tls_server=3000, tls_packets=6)
    traffic = Traffic(wire)
    traffic.connect(2 * ONE)
    traffic.ask(ONE, 10 * ONE)
    assert traffic.client_bytes == 2 * 600 + 32
    assert traffic.server_bytes == 2 * 3000
    assert traffic.packets == 2 * 6 + 2 * 6 + 1


def test_what_was_sent_again_is_a_share_of_everything():
    traffic = Traffic(wire_row(again_packets=1.5, again_bytes=1.25))
    traffic.ask(2 * ONE, 100 * ONE)
    traffic.answer(2 * ONE, 200 * ONE)
    assert traffic.packets == 6 * 1.5
    assert traffic.wire_bytes == (2 * 300 + 6 * 66) * 1.25
    # Above TCP there are no losses.
    assert traffic.client_bytes + traffic.server_bytes == 600
