"""Pings and pongs, paired by payload (RFC 6455 5.5.2, 5.5.3)."""

from oracle.stages import CLIENT, SERVER

from analyzer.columns import NULL
from analyzer.options import Options
from analyzer.websocket.connection import WebSocketConnection
from analyzer.websocket.negotiation import Negotiation
from analyzer.websocket.pings import Pings


class Wire:
    """Sends pings and pongs over one connection, 10 ns apart; frames count from 0."""

    def __init__(self, limit=64, pings=None, number=0):
        self.pings = pings or Pings(Options(max_pending_pings=limit))
        self.connection = WebSocketConnection(number, number, 0, None, Negotiation())
        self.found = []
        self.frame = -1
        self.rows = []

    def _row(self, sender, payload):
        self.frame += 1
        time = 10 * self.frame
        times = {"time_first": time, "time_last": time + 1, "packet_last": self.frame + 100}
        return {"sender": sender, "frame": self.frame, "payload_bytes": len(payload), **times}

    def ping(self, sender, payload=b""):
        row = self._row(sender, payload)
        self.rows += self.pings.ping(self.connection, row, payload, self.found)

    def pong(self, sender, payload=b""):
        self.rows += self.pings.pong(self.connection, self._row(sender, payload), payload)

    def end(self):
        self.rows += self.pings.end(self.connection)
        return [(ping.sender, ping.ping_frame, ping.pong_frame) for ping in self.rows]


def test_pong_answers_the_ping_of_the_same_payload_and_tells_the_time():
    wire = Wire()
    wire.ping(SERVER, b"abc")
    wire.pong(CLIENT, b"abc")
    (ping,) = wire.rows
    assert (ping.connection, ping.sender, ping.ping_frame, ping.pong_frame) == (0, SERVER, 0, 1)
    # Sent with its last byte, answered with the pong's first.
    assert (ping.payload_bytes, ping.sent, ping.answered) == (3, 1, 10)
    assert wire.end() == [(SERVER, 0, 1)]


def test_both_directions_are_apart():
    wire = Wire()
    wire.ping(SERVER, b"x")
    wire.ping(CLIENT, b"x")
    wire.pong(SERVER, b"x")
    wire.pong(CLIENT, b"x")
    assert wire.end() == [(CLIENT, 1, 2), (SERVER, 0, 3)]


def test_of_equal_payloads_the_oldest_is_answered_first():
    wire = Wire()
    wire.ping(SERVER)
    wire.ping(SERVER)
    wire.pong(CLIENT)
    wire.pong(CLIENT)
    assert wire.end() == [(SERVER, 0, 2), (SERVER, 1, 3)]


def test_answer_to_the_latest_leaves_earlier_ones_unanswered():
    wire = Wire()
    for payload in (b"1", b"2", b"3", b"4"):
        wire.ping(SERVER, payload)
    wire.pong(CLIENT, b"3")
    assert [ping.pong_frame for ping in wire.rows] == [None, None, 4]
    assert [ping.answered for ping in wire.rows] == [NULL, NULL, 40]
    assert wire.end()[-1] == (SERVER, 3, None)


def test_pong_that_nobody_asked_for_pairs_with_nothing():
    wire = Wire()
    wire.pong(CLIENT, b"heartbeat")
    wire.ping(SERVER, b"1")
    wire.pong(CLIENT, b"heartbeat")
    wire.pong(SERVER, b"1")
    assert wire.end() == [(SERVER, 1, None)]


def test_pong_answers_once():
    wire = Wire()
    wire.ping(SERVER, b"1")
    wire.pong(CLIENT, b"1")
    wire.pong(CLIENT, b"1")
    assert wire.end() == [(SERVER, 0, 1)]


def test_pong_that_began_before_the_ping_was_whole_is_no_answer():
    wire = Wire()
    wire.ping(SERVER, b"1")
    row = {"sender": CLIENT, "frame": 1, "time_first": 0, "time_last": 0}
    assert wire.pings.pong(wire.connection, row, b"1") == []


def test_limit_gives_up_the_oldest_and_says_so():
    wire = Wire(limit=2)
    for payload in (b"1", b"2", b"3"):
        wire.ping(SERVER, payload)
    assert [(ping.ping_frame, ping.pong_frame) for ping in wire.rows] == [(0, None)]
    assert [(each.kind.id, each.packet, each.frame) for each in wire.found] == [
        ("websocket-pings-limit", 102, 2)
    ]
    wire.pong(CLIENT, b"2")
    assert wire.end() == [(SERVER, 0, None), (SERVER, 1, 3), (SERVER, 2, None)]


def test_connections_are_apart_and_forgotten():
    one = Wire()
    two = Wire(pings=one.pings, number=1)
    one.ping(SERVER, b"x")
    two.pong(CLIENT, b"x")
    assert two.end() == []
    assert one.end() == [(SERVER, 0, None)]
    assert one.pings.end(one.connection) == []


def test_pong_read_before_its_ping_pairs_by_time():
    """The ping's direction waited for a hole, so that its frame is read later."""
    wire = Wire()
    pong = {"sender": CLIENT, "frame": 0, "time_first": 50, "time_last": 51, "payload_bytes": 1}
    wire.rows += wire.pings.pong(wire.connection, pong, b"a")
    wire.frame = 0
    wire.ping(SERVER, b"b")
    wire.ping(SERVER, b"a")
    wire.ping(SERVER, b"a")
    assert wire.end() == [(SERVER, 2, 0), (SERVER, 1, None), (SERVER, 3, None)]


def test_pong_sent_before_the_ping_is_no_answer():
    wire = Wire()
    wire.pong(CLIENT, b"a")
    wire.ping(SERVER, b"a")
    assert wire.end() == [(SERVER, 1, None)]
