"""Windows, delayed ACKs and repetitions, as rows tell of them: packets of known times."""

from __future__ import annotations

import pytest
from oracle.chunks import Stream
from oracle.walks import CLIENT, SERVER, opened, run
from oracle.websocket import frame

from analyzer.columns import NULL
from analyzer.tcp.bytestream import (
    DATA,
    PURE,
    RETRANSMISSION,
    TWICE,
    WINDOW_CLOSED,
    WINDOW_OPEN,
)
from analyzer.websocket.frames import NOT_OVER, Ending

MS = 1_000_000
TEXT = frame(1, b"0123456789")
"""12 bytes: a header of 2, and the payload."""


class Wire(Stream):
    """Packets at times in ms; the server sends, the client answers."""

    def at(self, time, direction, kind=DATA, content=b"", **fields):
        time = int(time * MS)
        self.put(direction, kind, content, time=time, ready=time, **fields)

    def ack(self, time, acked, window=WINDOW_OPEN):
        self.at(time, CLIENT, PURE, acked=acked, window=window)


def walked(wire, size=None, **fields):
    walk = opened(**{"round_trip": NULL} | fields)
    found = run(walk, wire, size)
    return found.messages, [Ending(*walk.ending(d)) for d in (CLIENT, SERVER)]


def only(wire, **fields):
    """Return the one message, the same however the rows are cut into batches."""
    (message,), _ = walked(wire, **fields)
    (again,), _ = walked(wire, size=1, **fields)
    for name in ("window", "nagle", "resent", "before"):
        assert message[name] == again[name]
    return message


# --- gaps


def test_the_gap_is_counted_from_the_end_of_the_message_before_of_either_side():
    wire = Wire()
    wire.at(0, SERVER, content=TEXT)
    wire.at(30, CLIENT, content=frame(1, b"answer", mask=b"abcd"))
    wire.at(50, SERVER, content=TEXT)
    befores = {int(each["message"]): int(each["before"]) for each in walked(wire)[0]}
    assert befores == {0: NULL, 1: 0, 2: 30 * MS}


def test_a_message_that_is_not_over_leaves_no_gap():
    wire = Wire()
    wire.at(0, SERVER, content=TEXT[:5])
    wire.at(30, CLIENT, content=frame(1, b"between", mask=b"abcd"))
    wire.at(50, SERVER, content=TEXT[5:])
    wire.at(70, SERVER, content=TEXT)
    befores = {int(each["message"]): int(each["before"]) for each in walked(wire)[0]}
    assert befores == {0: NULL, 1: NOT_OVER, 2: 30 * MS}


# --- windows


def test_a_window_closed_in_the_middle_of_a_message():
    wire = Wire()
    wire.at(0, SERVER, content=TEXT[:5])
    wire.ack(10, 5, WINDOW_CLOSED)
    wire.ack(200, 5, WINDOW_CLOSED)  # an answer to a probe
    wire.ack(310, 5)
    wire.at(312, SERVER, content=TEXT[5:])
    assert only(wire)["window"] == 300 * MS


def test_what_leaves_as_soon_as_the_window_opens_had_waited_for_that():
    wire = Wire()
    wire.ack(0, 0, WINDOW_CLOSED)
    wire.ack(300, 0)
    wire.at(301, SERVER, content=TEXT)
    assert only(wire)["window"] == 300 * MS
    _, (client, server) = walked(wire)
    assert (client.shut_total, client.shut_since) == (300 * MS, NULL)
    assert (server.shut_total, server.shut_since) == (0, NULL)


def test_what_begins_later_had_not_waited_for_the_window():
    wire = Wire()
    wire.ack(0, 0, WINDOW_CLOSED)
    wire.ack(300, 0)
    wire.at(303, SERVER, content=TEXT)
    assert only(wire)["window"] == 0
    # Where the way to the sender and back takes 4 ms, it is at once.
    walk = opened(round_trip=NULL)
    walk.rows("walks")[CLIENT]["round_trip"] = 4 * MS
    (message,) = run(walk, wire).messages
    assert message["window"] == 300 * MS


@pytest.mark.parametrize(("asked", "waited"), [(200, 100), (300, 0)])
def test_an_answer_waited_at_most_since_it_was_asked_for(asked, waited):
    wire = Wire()
    wire.ack(0, 0, WINDOW_CLOSED)
    question = frame(1, b"question", mask=b"abcd")
    # At 300 ms the program had read, and asks with the packet that opens the window.
    wire.at(asked, CLIENT, content=question, window=WINDOW_OPEN if asked == 300 else WINDOW_CLOSED)
    wire.ack(300, 0)
    wire.at(301, SERVER, content=TEXT)
    assert [int(each["window"]) for each in walked(wire)[0]] == [0, waited * MS]


def test_a_window_that_never_opened_again():
    wire = Wire()
    wire.at(0, SERVER, content=TEXT)
    wire.ack(5, 12, WINDOW_CLOSED)
    _, (client, _) = walked(wire)
    assert (client.shut_total, client.shut_since) == (0, 5 * MS)


def test_a_row_that_had_to_wait_says_nothing_of_the_window():
    wire = Wire()
    wire.ack(0, 0, WINDOW_CLOSED)
    wire.put(CLIENT, PURE, packet=0, time=0, window=WINDOW_OPEN)  # older than the packet above
    _, (client, _) = walked(wire)
    assert client.shut_since == 0


def test_what_is_sent_on_shows_that_the_window_opened_unseen():
    """The capture misses the packet that opened the window, and all later ones of the client."""
    wire = Wire()
    wire.at(0, SERVER, content=TEXT)
    wire.ack(5, 12, WINDOW_CLOSED)
    wire.ack(400, 12, WINDOW_CLOSED)  # an answer to a probe: the last that is known
    wire.at(5000, SERVER, content=TEXT)
    wire.at(9000, SERVER, content=TEXT)
    for size in (None, 1):
        messages, (client, _) = walked(wire, size)
        assert (client.shut_total, client.shut_since) == (395 * MS, NULL)
        assert [int(each["window"]) for each in messages] == [0, 0, 0]


@pytest.mark.parametrize(
    ("at", "content"),
    [
        (5.2, TEXT),  # on its way when the window closed
        (900, TEXT[:1]),  # a probe of one byte (RFC 9293 3.8.6.1)
    ],
)
def test_what_a_closed_window_lets_through_does_not_show_that_it_opened(at, content):
    wire = Wire()
    wire.at(0, SERVER, content=TEXT)
    wire.ack(5, 12, WINDOW_CLOSED)
    wire.at(at, SERVER, content=content)
    _, (client, _) = walked(wire)
    assert (client.shut_total, client.shut_since) == (0, 5 * MS)


@pytest.mark.parametrize(("acked", "shut"), [(36, 30), (13, 3995), (12, 3995)])
def test_a_window_that_opened_while_the_capture_lost_packets(acked, shut):
    wire = Wire()
    wire.at(0, SERVER, content=TEXT)
    wire.ack(5, 12, WINDOW_CLOSED)
    wire.ack(35, 12, WINDOW_CLOSED)
    # Seconds later an ACK, maybe one that proves that more than a probe was sent meanwhile.
    wire.ack(4000, acked)
    _, (client, _) = walked(wire)
    assert (client.shut_total, client.shut_since) == (shut * MS, NULL)


# --- delayed ACKs


def held(ack=40.2, goes_on=40.8, payload=TEXT[2:], **fields):
    """A header, its ACK, and the payload behind it: times in ms."""
    wire = Wire()
    wire.at(0, SERVER, content=TEXT[:2])
    wire.ack(ack, 2)
    wire.at(goes_on, SERVER, content=payload)
    return only(wire, **{"round_trip": int(0.1 * MS), "mss": 1460} | fields)["nagle"]


def test_the_sender_waited_for_a_delayed_ack():
    assert held() == int(40.8 * MS)


def test_a_header_that_is_written_byte_by_byte():
    """Its first byte leaves at once; all that is written behind it waits for the ACK."""
    wire = Wire()
    wire.at(0, SERVER, content=TEXT[:1])
    wire.ack(40.2, 1)
    wire.at(40.8, SERVER, content=TEXT[1:])
    assert only(wire, round_trip=int(0.1 * MS), mss=1460)["nagle"] == int(40.8 * MS)


def test_a_control_frame_that_waited_leaves_it_to_no_message():
    wire, ping = Wire(), frame(9, b"alive?")
    wire.at(0, SERVER, content=ping[:1])
    wire.ack(40.2, 1)
    wire.at(40.8, SERVER, content=ping[1:])
    wire.ack(41, len(ping))
    wire.at(50, SERVER, content=TEXT)
    assert only(wire, round_trip=int(0.1 * MS), mss=1460)["nagle"] == 0


def test_seen_at_the_receiver_the_way_to_the_sender_and_back_comes_on_top():
    # The client's ACK leaves 40 ms behind the header; the payload is a round trip of 20 ms away.
    assert held(40.0, 60.3, round_trip=20 * MS) == 0  # of the receiver's side nothing is known
    wire = Wire()
    wire.at(0, SERVER, content=TEXT[:2])
    wire.ack(40, 2)
    wire.at(60.3, SERVER, content=TEXT[2:])
    walk = opened(round_trip=20 * MS, mss=1460)
    walk.rows("walks")[SERVER]["round_trip"] = 0
    (message,) = run(walk, wire).messages
    assert message["nagle"] == int(60.3 * MS)


@pytest.mark.parametrize(
    ("what", "fields"),
    [
        ("the ACK came at once, the program waited", {"ack": 0.3, "goes_on": 40.8}),
        ("the program waited for longer than the ACK took", {"goes_on": 45}),
        ("the path is that long", {"round_trip": 40 * MS}),
        ("no receiver may delay an ACK for so long", {"ack": 700, "goes_on": 700.5}),
        ("a full segment is never held back", {"payload": TEXT[2:], "mss": 50}),
    ],
)
def test_a_pause_that_is_none_of_nagles(what, fields):
    assert held(**fields) == 0, what


def test_an_ack_of_a_part_releases_nothing():
    wire = Wire()
    wire.at(0, SERVER, content=TEXT[:2])
    wire.at(1, SERVER, content=TEXT[2:4])
    wire.ack(40, 2)
    wire.at(40.5, SERVER, content=TEXT[4:])
    assert only(wire, round_trip=0, mss=1460)["nagle"] == 0


# --- sent again


def test_the_sender_waited_before_it_sent_again():
    wire = Wire()
    wire.at(0, SERVER, content=TEXT)
    for time in (200, 600):
        wire.at(time, SERVER, RETRANSMISSION, offset=0, length=12, payload=12)
    wire.ack(620, 12)
    assert only(wire)["resent"] == 600 * MS


def test_what_was_acknowledged_before_nobody_waits_for():
    wire = Wire()
    wire.at(0, SERVER, content=TEXT)
    wire.ack(1, 12)
    wire.at(200, SERVER, RETRANSMISSION, offset=0, length=12, payload=12)
    assert only(wire)["resent"] == 0


def test_a_probe_of_a_closed_window_is_no_repetition():
    wire = Wire()
    wire.ack(0, 0, WINDOW_CLOSED)
    wire.at(10, SERVER, content=TEXT)
    wire.at(200, SERVER, RETRANSMISSION, offset=11, length=1, payload=1)
    assert only(wire)["resent"] == 0


def test_the_end_of_a_message_sent_again_counts_from_its_own_first_sending():
    wire = Wire()
    wire.at(0, SERVER, content=TEXT[:6])
    wire.at(100, SERVER, content=TEXT[6:])
    wire.at(350, SERVER, RETRANSMISSION, offset=6, length=6, payload=6)
    assert only(wire)["resent"] == 250 * MS


def probed(*said, times=(200,), acked=None, more=()):
    """Return a message of 12 bytes that is sent again at some times.

    `said`: (ms, first, length) that the receiver says it had already (RFC 2883).
    """
    wire = Wire()
    wire.at(0, SERVER, content=TEXT)
    steps = [(time, "again", 0, 12) for time in times]
    steps += [(time, "twice", first, length) for time, first, length in said]
    if acked is not None:
        steps.append((acked, "ack", 12, 0))
    for time, what, first, length in sorted(steps + list(more)):
        if what == "again":
            wire.at(time, SERVER, RETRANSMISSION, offset=first, length=length, payload=length)
        elif what == "twice":
            wire.at(time, SERVER, TWICE, offset=first, length=length, payload=0, header_bytes=0)
        else:
            wire.ack(time, first)
    return only(wire)["resent"] // MS


def test_what_came_twice_nobody_waited_for():
    # The ACK of both copies says so itself, or the first ACK crosses the probe (RFC 8985 7.3).
    assert probed((210, 0, 12), acked=211) == 0
    assert probed((220, 0, 12), acked=205) == 0
    late = probed((1300, 0, 12), acked=205, more=[(1250, "ack", 12, 0)])
    assert late == 200  # no path is so long
    assert probed((210, 0, 12), acked=230, more=[(240, "again", 0, 12)]) == 0


def test_without_a_word_of_the_receiver_the_first_copy_was_lost():
    assert probed(acked=210) == 200
    assert probed((210, 12, 30), acked=210) == 200  # of other bytes
    assert probed((210, 40, 12), acked=210) == 200


def test_of_several_copies_each_one_too_many_is_said():
    assert probed((620, 0, 12), times=(200, 600), acked=620) == 200
    assert probed((620, 0, 12), (621, 0, 12), times=(200, 600), acked=619) == 0
    assert probed((620, 0, 12), (621, 0, 12), (622, 0, 12), times=(200, 600), acked=619) == 0


def test_copies_of_parts_add_up():
    assert probed((210, 0, 5), (211, 5, 7), acked=212) == 0
    assert probed((210, 0, 5), (211, 6, 6), acked=212) == 200  # a byte of it was needed
    assert probed((210, 3, 5), acked=212) == 200


def test_messages_behind_one_that_may_have_come_twice_keep_their_order():
    wire = Wire()
    wire.at(0, SERVER, content=TEXT)
    wire.at(200, SERVER, RETRANSMISSION, offset=0, length=12, payload=12)
    wire.ack(201, 12)
    wire.at(210, SERVER, content=TEXT)
    wire.ack(215, 24)
    wire.at(216, SERVER, TWICE, offset=0, length=12, payload=0, header_bytes=0)
    messages, _ = walked(wire)
    assert [(m["message"], m["resent"], m["retransmitted_bytes"]) for m in messages] == [
        (0, 0, 12),
        (1, 0, 0),
    ]


def test_an_answer_does_not_leave_before_what_it_answers():
    question = frame(1, b"question", mask=b"abcd")
    wire = Wire()
    wire.at(0, CLIENT, content=question)
    wire.at(200, CLIENT, RETRANSMISSION, offset=0, length=14, payload=14)
    wire.at(210, SERVER, content=TEXT, acked=14)
    wire.at(211, CLIENT, content=question, acked=12)
    wire.at(212, SERVER, content=TEXT, acked=28)
    wire.ack(213, 24)
    for said in (False, True):
        if said:
            wire.at(214, CLIENT, TWICE, offset=0, length=14, payload=0, header_bytes=0)
            wire.ack(215, 24)
        for size in (None, 1):
            messages, _ = walked(wire, size)
            assert [int(each["message"]) for each in messages] == [0, 1, 2, 3]
            assert messages[0]["resent"] == (0 if said else 200 * MS)


def test_too_many_messages_behind_one_that_may_have_come_twice_keep_their_order():
    wire = Wire()
    wire.at(0, CLIENT, content=frame(1, b"question", mask=b"abcd"))
    wire.at(200, CLIENT, RETRANSMISSION, offset=0, length=14, payload=14)
    for time in range(210, 216):
        wire.at(time, SERVER, content=TEXT, acked=14)
    wire.ack(216, 72)
    found = run(opened(round_trip=NULL, pending=2), wire)
    assert [int(each["message"]) for each in found.messages] == [*range(7)]
    assert found.messages[0]["resent"] == 200 * MS
