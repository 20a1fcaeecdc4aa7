"""What ended a connection, and when each side was last heard before: steps are 1 ms apart."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oracle.chunks import Stream
from oracle.stages import CLOSE, PING, TEXT, at, client, close, handshake, server, talk
from oracle.walks import CLIENT, SERVER, opened, run
from oracle.websocket import frame

from analyzer.columns import NULL
from analyzer.tcp.bytestream import FIN, PURE, RESET
from analyzer.websocket.frames import Ending

CONVERSATION = [
    *handshake(),  # 1, 2
    client(TEXT, b"one"),  # 3
    server(TEXT, b"two"),  # 4
    (CLIENT, "ack"),  # 5
    (SERVER, "ack"),  # 6
]


def ended(conversation, **fields):
    return talk(conversation, **fields).only().ending


def test_fin_ends_the_silence_of_both_sides():
    end = ended([*CONVERSATION, (SERVER, "fin"), (CLIENT, "fin")])
    assert (end.packet, end.time, end.is_close) == (7, at(7), False)
    assert end.last == (at(3), at(4))
    assert end.life == (at(8), at(7))


def test_before_any_frame_the_handshake_is_the_last_byte():
    end = ended([*handshake(), (SERVER, "ack"), (SERVER, "rst")])
    assert (end.packet, end.last) == (4, (at(1), at(2)))


def test_a_close_counts_from_what_its_sender_sent_before():
    end = ended([*CONVERSATION, server(CLOSE, close(1001)), client(CLOSE, close(1001))])
    assert (end.packet, end.time, end.is_close) == (7, at(7), True)
    assert end.last == (at(3), at(4))


def test_a_close_in_the_packet_of_a_message_had_no_silence_before():
    both = server(TEXT, b"bye")[1] + server(CLOSE, close(1000))[1]
    assert ended([*CONVERSATION, (SERVER, both)]).last == (at(3), at(7))


def test_a_close_in_pieces_began_with_its_first_byte():
    whole = server(CLOSE, close(1000, "over"))[1]
    pieces = [(SERVER, whole[:1]), (SERVER, whole[1:5]), (CLIENT, "ack"), (SERVER, whole[5:])]
    end = ended([*CONVERSATION, *pieces])
    assert (end.packet, end.last) == (10, (at(3), at(4)))


def test_what_comes_behind_the_end_changes_nothing():
    late = [(SERVER, "fin"), client(TEXT, b"late"), client(CLOSE), (CLIENT, "rst")]
    end = ended([*CONVERSATION, *late])
    assert (end.packet, end.last) == (7, (at(3), at(4)))
    assert end.life == (at(10), at(7))


def test_no_end_was_seen():
    end = ended(CONVERSATION)
    assert (end.packet, end.time, end.last) == (0, NULL, (NULL, NULL))
    assert end.life == (at(5), at(6))


@pytest.mark.parametrize("places", [(4,), (6,), range(1, 9)])
def test_batches_change_nothing(places):
    conversation = [*CONVERSATION, (SERVER, "fin"), (CLIENT, "fin")]
    assert ended(conversation, places=places) == ended(conversation)


def test_behind_lost_bytes_a_silence_is_not_known_until_the_next_byte():
    lost = [*CONVERSATION, (SERVER, 9)]
    assert ended([*lost, (SERVER, "fin")]).last == (at(3), NULL)
    again = [*lost, server(TEXT, b"three"), (SERVER, "fin")]
    assert ended(again).last == (at(3), at(8))


# --- rows that had to wait: packets decide, not the order of rows


def ending(walk, direction):
    return Ending(*walk.ending(direction))


def walked(stream, size=None):
    walk = opened()
    run(walk, stream, size, end=False)
    return ending(walk, CLIENT), ending(walk, SERVER)


def row(stream, direction, kind, payload=b"", *, packet, time, ready=None):
    fields = {"packet": packet, "time": time, "ready": time if ready is None else ready}
    stream.put(direction, kind, payload, **fields)


def test_a_fin_that_waited_for_a_hole_is_as_old_as_its_packet():
    stream = Stream()
    row(stream, SERVER, 0, frame(TEXT, b"a"), packet=1, time=10)
    row(stream, CLIENT, 0, frame(TEXT, b"b", mask=b"abcd"), packet=2, time=20)
    # The server's FIN, packet 3, waits for packet 5, which brings what was before it.
    row(stream, CLIENT, PURE, packet=4, time=40)
    row(stream, SERVER, 0, frame(TEXT, b"c"), packet=5, time=50)
    row(stream, SERVER, FIN, packet=3, time=30, ready=50)
    for size in (None, 1):
        one, other = walked(stream, size)
        assert (one.end_packet, one.end_time) == (3, 30)
        assert one.quiet_time == 20
        # Of the server's bytes only packet 5 is left: what came before it is forgotten.
        assert other.quiet_time == NULL


def test_an_older_row_that_comes_behind_the_end_still_counts():
    stream = Stream()
    row(stream, SERVER, 0, frame(TEXT, b"a"), packet=1, time=10)
    row(stream, CLIENT, RESET, packet=9, time=90)
    row(stream, SERVER, 0, frame(TEXT, b"b"), packet=5, time=50, ready=95)
    row(stream, SERVER, 0, frame(TEXT, b"c"), packet=10, time=100)
    for size in (None, 1):
        _, other = walked(stream, size)
        assert (other.end_packet, other.quiet_time) == (9, 50)


def test_an_earlier_end_replaces_a_later_one():
    stream = Stream()
    row(stream, SERVER, 0, frame(TEXT, b"a"), packet=1, time=10)
    row(stream, CLIENT, RESET, packet=9, time=90)
    row(stream, SERVER, FIN, packet=4, time=40, ready=95)
    one, other = walked(stream)
    assert (one.end_packet, one.end_time, other.quiet_time) == (4, 40, 10)


# --- ACKs of control frames


def acks(walk):
    return [(int(each["acked"]), int(each["time"])) for each in walk.rows("acks")]


def test_acks_are_told_of_where_a_ping_or_close_waits_for_one():
    stream = Stream()
    stream.data(SERVER, frame(TEXT, b"no ping"))
    stream.ack(CLIENT, 9)
    stream.data(SERVER, frame(PING, b"p"))
    stream.data(SERVER, frame(TEXT, b"behind it"))
    stream.ack(CLIENT, 12)
    stream.ack(CLIENT, 20)
    stream.ack(CLIENT, 23)
    walk = opened()
    run(walk, stream, end=False)
    assert [acked for acked, _ in acks(walk)] == [12]


def test_the_ack_of_a_reset_proves_nothing():
    stream = Stream()
    stream.data(SERVER, frame(PING, b"p"))
    stream.put(CLIENT, RESET, b"", acked=3)
    walk = opened()
    run(walk, stream, end=False)
    assert acks(walk) == []


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from(["client", "server", "ack", "lost", "fin", "close"]), max_size=12))
def test_the_silence_is_that_of_the_plain_reckoning(words):
    """Steps in any order: the last byte of each side before the first end, found by hand."""
    steps, last, end, time = [*handshake()], {CLIENT: at(1), SERVER: at(2)}, None, 2
    for word in words:
        time += 1
        step = {
            "client": client(TEXT, b"c"),
            "server": server(TEXT, b"s"),
            "ack": (CLIENT, "ack"),
            "lost": (SERVER, 5),
            "fin": (SERVER, "fin"),
            "close": client(CLOSE, close(1000)),
        }[word]
        steps.append(step)
        if end is None and word in ("fin", "close"):
            end = at(time), dict(last)
        if word in ("client", "server"):
            last[CLIENT if word == "client" else SERVER] = at(time)
        if word == "lost":
            last[SERVER] = NULL
            if end is not None:
                end[1][SERVER] = NULL
    found = ended(steps)
    if end is None:
        assert found.packet == 0
    else:
        assert (found.time, found.last) == (end[0], (end[1][CLIENT], end[1][SERVER]))
