"""How series deliver: what is a poll, a long poll, a stream, and what looks like one."""

from __future__ import annotations

import random

import pytest
from oracle.polls import answer, chunk, chunked, get, kinds, lead, polls

from analyzer.http.delivery.polling import client_trip, is_held, round_trip, server_trip

SECOND = 1000


def every(interval, count, start=0.0):
    return [start + number * interval for number in range(count)]


def held(waits, gap=2, target="/wait?after=*", body=b'[{"a":1}]', slot=0, **fields):
    """Long polls: each answered after its wait, the next asked after the gap."""
    events, at = [], 0
    for number, wait in enumerate(waits):
        events += polls([at], target.replace("*", str(number)), wait=wait, slot=slot, body=body)
        at += wait + gap
    return events


# --- polls


def test_regular_requests_are_polls():
    assert kinds(polls(every(SECOND, 3))) == ["poll"] * 3


def test_cursor_jitter_and_a_poll_left_out_change_nothing():
    jitter = random.Random(5)
    times = [at + jitter.uniform(0, 40) for at in every(250, 30) if at != 2500]
    assert set(kinds(polls(times, "/news?after=*"))) == {"poll"}


def test_polls_that_bring_the_same_are_unchanged():
    out = lead(polls(every(500, 4), body=b'{"state": 1}')).exchanges
    assert [each.unchanged for each in out] == [False, True, True, True]
    assert [each.messages for each in out] == [1, 0, 0, 0]
    assert not any(each.empty for each in out)
    out = lead(polls(every(500, 4), "/news?after=*", body=b'{"state": 1}')).exchanges
    assert not any(each.unchanged for each in out)


@pytest.mark.parametrize(
    "times",
    [
        [0, 1000],
        [0, 1000, 2700],
        [0, 900, 2100, 2500, 5000, 5400, 9000, 9100],
        [0, 2000, 3500],
        every(10, 50),
    ],
)
def test_irregular_few_or_hasty_requests_are_plain(times):
    assert set(kinds(polls(times))) == {"plain"}


def test_a_loop_as_fast_as_possible_is_no_poll():
    events, at = [], 0
    for number in range(20):
        events += polls([at], f"/list?cursor={number}", wait=60, body=b'[{"a":1}]')
        at += 62
    assert set(kinds(events)) == {"plain"}


def test_errors_and_parts_of_files_are_no_polls():
    for status in ("503 Busy", "206 Partial Content"):
        events = []
        for at in every(SECOND, 6):
            events += [(at, 0, 0, get("/a")), (at + 2, 0, 1, answer(b"x", status=status))]
        assert set(kinds(events)) == {"plain"}


def test_posts_at_an_interval_are_plain():
    events = []
    for at in every(SECOND, 6):
        events += [(at, 0, 0, get("/a").replace(b"GET", b"POST")), (at + 2, 0, 1, answer(b"[]"))]
    assert set(kinds(events)) == {"plain"}


# --- long polls


def test_held_answers_with_the_next_request_at_once_are_long_polls():
    assert kinds(held([900, 40, 300])) == ["long-poll"] * 3
    assert kinds(held([30_000, 30_000], body=b"[]")) == ["long-poll"] * 2


def test_fast_answers_in_between_are_allowed():
    assert set(kinds(held([900, 2, 2, 700, 2, 1200]))) == {"long-poll"}


@pytest.mark.parametrize(
    ("waits", "gap", "target"),
    [
        ([2900, 800, 1500, 600], 2000, "/wait"),  # a person reloads a slow page
        ([120, 130, 110, 125], 2, "/wait"),  # a loop over a slow service
        ([900, 700, 800, 600], 2, "/list?page=*"),  # pages of a slow service
        ([900, 700, 800, 600], 2, "/item?id=*"),  # other things of a slow service
        ([900], 2, "/wait"),
    ],
)
def test_slow_services_are_no_long_polls(waits, gap, target):
    assert set(kinds(held(waits, gap, target))) == {"plain"}


def test_slow_pages_are_no_long_polls():
    events, at = [], 0
    for wait in (900, 600, 1200):
        page = answer(b"<p>", "text/html; charset=utf-8")
        events += [(at, 0, 0, get("/page")), (at + wait, 0, 1, page)]
        at += wait + 2
    assert set(kinds(events)) == {"plain"}


def test_round_trips_make_no_long_polls():
    # 300 ms to the server and back: a loop, not held answers.
    events = held([310, 305, 320, 330], 1)
    assert set(kinds(events, round_trip_ms=300)) == {"plain"}
    assert set(kinds(held([2000, 310, 1800], 1), round_trip_ms=300)) == {"long-poll"}
    # The connection's begin was not captured.
    assert set(kinds(held([150, 155, 160, 140], 1), round_trip_ms=None)) == {"plain"}


def test_held_is_far_more_than_the_way_to_the_server():
    (short, long) = lead(held([130, 500]), round_trip_ms=60).exchanges
    assert round_trip(short) == server_trip(short) == 60_000_000
    assert client_trip(short) == 0
    assert (is_held(short), is_held(long)) == (False, True)
    (short, long) = lead(held([40, 60]), round_trip_ms=60, near_server=True).exchanges
    assert (server_trip(short), client_trip(short)) == (0, 60_000_000)
    assert (is_held(short), is_held(long)) == (False, True)


def test_long_polls_over_a_long_way():
    # 80 ms there and back; what comes up while no request is open is answered at once.
    waits = [400, 1, 90, 1, 1, 200, 130, 1, 70, 300]
    near_server = held(waits, 81)
    assert set(kinds(near_server, round_trip_ms=80, near_server=True)) == {"long-poll"}
    near_client = held([wait + 80 for wait in waits], 1)
    assert set(kinds(near_client, round_trip_ms=80)) == {"long-poll"}


# --- streams


def pieces(count, pause, kind="text/plain", size=20, start=0.0, path="/s", end=True):
    events = [(start, 0, 0, get(path)), (start + 1, 0, 1, chunked(kind))]
    at = start + 1
    for number in range(count):
        at += pause if number else 1
        events.append((at, 0, 1, chunk(b"x" * (size - 1) + b"\n")))
    return [*events, (at + 1, 0, 1, chunk(b""))] if end else events


@pytest.mark.parametrize("kind", ["text/plain", "application/json", "application/x-protobuf", None])
def test_pieces_with_pauses_are_a_stream(kind):
    (exchange,) = lead(pieces(6, 100, kind)).exchanges
    assert (exchange.kind, exchange.messages, exchange.pauses) == ("stream", 6, 5)


def test_a_stream_that_the_capture_cuts_is_one():
    (exchange,) = lead(pieces(6, 100, end=False)).exchanges
    assert (exchange.kind, exchange.messages, exchange.complete) == ("stream", 6, False)


def test_two_pieces_are_a_stream_if_far_apart():
    assert kinds(pieces(2, 5000)) == ["stream"]
    assert kinds(pieces(2, 300)) == ["plain"]


@pytest.mark.parametrize(
    ("kind", "size", "pause"),
    [
        ("text/html", 200, 100),  # a page that is made piece by piece
        ("text/plain", 60_000, 100),  # a download that is slowed down
        ("text/plain", 200, 20),
        ("image/png", 200, 100),
    ],
)
def test_slow_answers_are_no_streams(kind, size, pause):
    assert kinds(pieces(8, pause, kind, size)) == ["plain"]


def test_stalls_within_a_chunk_are_no_pieces():
    body = chunk(b"x" * 4000)
    events = [(0, 0, 0, get("/s")), (1, 0, 1, chunked("text/plain") + body[:100])]
    events += [
        (400 * number, 0, 1, body[1000 * number - 900 : 1000 * number + 100])
        for number in range(1, 4)
    ]
    events += [(1601, 0, 1, body[3100:] + chunk(b""))]
    (exchange,) = lead(events).exchanges
    assert (exchange.kind, exchange.pauses) == ("plain", 0)


def test_pauses_of_a_far_server_are_longer():
    # Slow start: a window each round trip.
    assert kinds(pieces(6, 100), round_trip_ms=100) == ["plain"]
    assert kinds(pieces(6, 160), round_trip_ms=100) == ["stream"]


def test_events_are_sse_however_fast():
    events = [
        (0, 0, 0, get("/e")),
        (1, 0, 1, chunked("text/event-stream") + chunk(b"data: a\n\n")),
    ]
    (exchange,) = lead(events).exchanges
    assert (exchange.kind, exchange.group, exchange.messages) == ("sse", 0, 1)
