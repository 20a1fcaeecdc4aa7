"""Legs of one conversation: matched by key and nested handshakes, with transit times."""

from __future__ import annotations

import numpy as np
import pytest

from analyzer.capture.records import RecordBatch
from analyzer.columns import NULL, empty
from analyzer.http.exchanges import Handshake, HttpBatch
from analyzer.options import Options
from analyzer.tables.legs import Legs
from analyzer.tcp.bytestream import CONNECTION, StreamBatch
from analyzer.websocket._payload import digest_of
from analyzer.websocket.connection import WebSocketConnection
from analyzer.websocket.frames import MESSAGE
from analyzer.websocket.negotiation import Negotiation
from analyzer.websocket.stage import WebSocketBatch

CLIENT, SERVER = 0, 1
KEY = "dGhlIHNhbXBsZSBub25jZQ=="


def connection(number, asked, answered, key=KEY):
    """A connection whose head was sent and answered at these times."""
    shake = Handshake(slot=number, client_side=0, key=key)
    shake.request_first_time = shake.request_last_time = asked
    shake.response_first_time = shake.response_last_time = answered
    return WebSocketConnection(number, number, 0, shake, Negotiation(), answered)


class Capture:
    """Connections by number; the server's address and port of each is its own, unless told."""

    def __init__(self, **options):
        self.legs = Legs(Options(**options))
        self.table = empty(CONNECTION, 8)
        for slot in range(8):
            self.table[slot]["low1"], self.table[slot]["port1"] = 100 + slot, 80

    def push(self, opened=(), messages=(), ended=(), hindered=""):
        stream = StreamBatch(RecordBatch(), connections=self.table)
        batch = WebSocketBatch(HttpBatch(stream), opened=list(opened), ended=list(ended))
        rows = empty(MESSAGE, len(messages))
        for place, (number, sender, text, time) in enumerate(messages):
            rows[place]["connection"], rows[place]["sender"] = number, sender
            rows[place]["payload_bytes"], rows[place]["time_last"] = len(text), time
            rows[place]["digest"] = digest_of(text)
        if hindered:
            rows[hindered] = 1
        batch.messages = rows
        self.legs.push(batch)
        return [
            {name: np.asarray(table.values[name])[row] for name in table.values}
            for table in self.legs.hops(batch.ended)
            for row in range(table.count)
        ]


def far_and_near(**fields):
    # The leg behind the proxy is asked later and answered earlier.
    return connection(0, 20, 30), connection(1, 10, 40)


def test_two_legs_of_one_conversation():
    capture = Capture()
    far, near = far_and_near()
    capture.push(opened=[far])
    capture.push(opened=[near])
    assert (capture.legs.leg(0), capture.legs.leg(1)) == (0, 0)
    assert capture.legs.left_out == {1}  # the leg that opened first counts


def test_transit_times_by_direction():
    capture = Capture()
    far, near = far_and_near()
    capture.push(opened=[far, near])
    capture.push(messages=[(1, CLIENT, b"one", 100), (0, CLIENT, b"one", 104)])
    capture.push(messages=[(0, SERVER, b"two", 200)])
    capture.push(messages=[(1, SERVER, b"two", 201)])
    assert capture.push(ended=[far]) == []
    one, other = capture.push(ended=[near])
    names = ("hop", "connection_a", "connection_b", "messages", "transit_us_median")
    assert [one[name] for name in names] == [0, 1, 0, 1, 4]
    assert [other[name] for name in names] == [0, 1, 0, 1, 1]
    assert (one["direction"], other["direction"]) == (CLIENT, SERVER)


def test_what_did_not_come_through_is_passed_over():
    capture = Capture()
    far, near = far_and_near()
    capture.push(opened=[far, near])
    sent = [(1, CLIENT, text, 100 + place) for place, text in enumerate((b"a", b"lost", b"b"))]
    came = [(0, CLIENT, b"a", 110), (0, CLIENT, b"b", 113)]
    capture.push(messages=[*sent, *came])
    one, _ = capture.push(ended=[far, near])
    assert (one["messages"], one["transit_us_max"]) == (2, 11)


def test_messages_alike_are_matched_in_order():
    capture = Capture()
    far, near = far_and_near()
    capture.push(opened=[far, near])
    pairs = [(1, 100), (1, 200), (0, 107), (0, 205)]
    capture.push(messages=[(leg, CLIENT, b"same", time) for leg, time in pairs])
    one, _ = capture.push(ended=[far, near])
    assert (one["messages"], one["transit_us_max"], one["transit_us_median"]) == (2, 7, 6)


def test_no_message_came_through():
    capture = Capture()
    capture.push(opened=far_and_near())
    one, _ = capture.push(ended=far_and_near())
    assert one["transit_us_median"] == NULL or one["messages"] == 0


def test_three_legs_are_two_hops():
    capture = Capture()
    app, proxy, edge = connection(0, 30, 40), connection(1, 20, 50), connection(2, 10, 60)
    capture.push(opened=[app, proxy, edge])
    assert {capture.legs.leg(number) for number in range(3)} == {0}
    assert capture.legs.left_out == {1, 2}
    found = capture.push(ended=[app, proxy, edge])
    assert [(row["connection_a"], row["connection_b"]) for row in found[::2]] == [(1, 0), (2, 1)]


@pytest.mark.parametrize(
    "near",
    [
        connection(1, 10, 40, key="AQIDBAUGBwgJCgsMDQ4PEA=="),  # another key
        connection(1, 10, 25),  # answered before the other was
        connection(1, 25, 40),  # asked behind it
        connection(1, 10, 40, key=None),
    ],
)
def test_other_connections_are_no_legs(near):
    capture = Capture()
    capture.push(opened=[connection(0, 20, 30), near])
    assert (capture.legs.leg(0), capture.legs.leg(1)) == (NULL, NULL)
    assert capture.legs.left_out == set()


def test_a_client_that_uses_one_key_again_is_no_hop():
    capture = Capture()
    capture.table[1] = capture.table[0]
    capture.push(opened=far_and_near())
    assert capture.legs.leg(1) == NULL


def test_what_ended_is_forgotten():
    capture = Capture()
    far, near = far_and_near()
    capture.push(opened=[far, near])
    capture.push(ended=[far, near])
    capture.push()
    assert (capture.legs.left_out, capture.legs.leg(0)) == (set(), NULL)
    capture.push(opened=[connection(2, 20, 30)])
    assert capture.legs.leg(2) == NULL


@pytest.mark.parametrize(("between", "is_leg"), [(3, True), (4, False)])
def test_of_one_key_the_last_connections_are_looked_at(between, is_leg):
    # Else a client with one key for all its connections has each compared with all.
    capture = Capture(max_handshakes_per_key=4)
    far, near = connection(0, 20, 30), connection(7, 10, 40)
    others = [connection(n, 100 * n, 100 * n + 5) for n in range(1, 1 + between)]
    capture.push(opened=[far, *others, near])
    assert (capture.legs.leg(7) == 0) == is_leg
    details = [finding.detail for finding in capture.legs.finish()]
    assert any("handshakes beyond max_handshakes_per_key" in text for text in details)


def held(arrivals, departures, **fields):
    """Messages of the server that reach the hop and leave it at these times, in ms."""
    capture = Capture()
    far, near = far_and_near()
    capture.push(opened=[far, near])
    messages = [(0, SERVER, b"%d" % n, int(at * 1e6)) for n, at in enumerate(arrivals)]
    messages += [(1, SERVER, b"%d" % n, int(at * 1e6)) for n, at in enumerate(departures)]
    messages.sort(key=lambda each: each[3])
    capture.push(messages=messages, **fields)
    _, way = capture.push(ended=[far, near])
    return way["held_messages"], way["held_us_max"]


def test_messages_that_a_hop_collects():
    # 0, 30 and 60 ms wait for 90, 150 for 190: six came through, four for later ones.
    came, left = (0, 30, 60, 90, 150, 190), (100, 100.2, 100.4, 100.5, 200, 200.1)
    assert held(came, left) == (4, 90_000_000)


def test_messages_that_came_together_were_not_collected():
    assert held((0, 10, 19, 19.5), (100, 100.1, 100.2, 100.3)) == (0, NULL)
    # Each leaves by itself.
    assert held((0, 30, 60), (50, 80, 110)) == (0, NULL)


@pytest.mark.parametrize("name", ["stall", "window", "nagle", "resent"])
def test_what_held_both_up_is_no_collecting(name):
    assert held((0, 30, 60), (100, 100.1, 100.2), hindered=name) == (0, NULL)
