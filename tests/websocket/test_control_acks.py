"""When TCP acknowledged a control frame."""

from analyzer.columns import NULL
from analyzer.websocket.control_acks import ControlAcks


def test_a_frame_is_acknowledged_by_the_first_ack_of_its_last_byte():
    acks = ControlAcks(4)
    acks.sent(2, frame=7, end=100)
    acks.acked(2, 99, 10)
    assert acks.take(2, 7) == NULL
    acks.acked(2, 100, 20)
    acks.acked(2, 150, 30)
    assert acks.take(2, 7) == 20
    assert acks.take(2, 7) == NULL  # once


def test_one_ack_serves_several_frames_of_its_direction():
    acks = ControlAcks(4)
    acks.sent(2, frame=1, end=10)
    acks.sent(2, frame=3, end=20)
    acks.sent(3, frame=2, end=10)
    acks.acked(2, 25, 5)
    assert [acks.take(*each) for each in ((2, 1), (2, 3), (3, 2))] == [5, 5, NULL]


def test_of_too_many_the_oldest_is_given_up():
    acks = ControlAcks(2)
    for frame in range(3):
        acks.sent(0, frame, frame + 1)
    acks.acked(0, 3, 9)
    assert [acks.take(0, frame) for frame in range(3)] == [NULL, 9, 9]


def test_a_slot_is_used_again():
    acks = ControlAcks(2)
    acks.sent(0, 0, 1)
    acks.acked(0, 1, 9)
    acks.sent(0, 1, 2)
    acks.forget(0)
    acks.acked(0, 2, 9)
    assert [acks.take(0, frame) for frame in (0, 1)] == [NULL, NULL]
