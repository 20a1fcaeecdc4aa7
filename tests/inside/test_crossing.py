"""What is sent to one topic and delivered under another: only where payloads prove it."""

from __future__ import annotations

import random

import pytest

from analyzer.inside.fanout import Spreading
from analyzer.inside.protocol import DELIVER, PUBLISH, SUBSCRIBE
from analyzer.options import Options

SECOND = 10**9
APP, ROOM = "/app/chat", "/topic/public"
ONE, TWO, THREE = b'{"text":"number one"}', b'{"text":"number two"}', b'{"text":"number three"}'


def spread(*steps, options=None):
    """Take (spread, connection, message, topic, body, time in s)."""
    spreading = Spreading(options or Options())
    for kind, connection, message, topic, body, time in steps:
        where = (("server",), "stomp", connection, 0)
        spreading.take(kind, where, (connection, message), topic, body, round(time * SECOND))
    return spreading


def found(spreading):
    """Topic, publish_connection, publish_message, connection, message, s of each delivery."""
    topics, rows = spreading.take_deliveries()
    return [(topics[row[0]], *row[1:5], row[5] / SECOND) for row in rows.tolist()]


def chat(bodies, begin=1.0, source=APP, to=ROOM):
    """Each body is sent by connection 0 and delivered to 1 and 2."""
    for number, body in enumerate(bodies):
        at = begin + number
        yield PUBLISH, 0, number, source, body, at
        yield DELIVER, 1, number, to, body, at + 0.25
        yield DELIVER, 2, number, to, body, at + 0.5


def test_two_bodies_show_the_way():
    spreading = spread(
        (SUBSCRIBE, 1, 9, ROOM, None, 0),
        (SUBSCRIBE, 2, 9, ROOM, None, 0),
        *chat([ONE, TWO, b"short"]),
    )
    expected = [(ROOM, 0, n, reader, n, reader / 4) for n in range(3) for reader in (1, 2)]
    assert found(spreading) == expected
    app, room = sorted(spreading.finish(), key=lambda topic: topic.topic)
    assert (app.messages, app.deliveries) == (3, 0)
    assert (room.messages, room.publishers, room.subscribers) == (3, {0}, {1, 2})
    assert (room.deliveries, len(room.times)) == (6, 6)


@pytest.mark.parametrize(
    "steps",
    [
        # One body, however often.
        list(chat([ONE, ONE, ONE])),
        # What is equal by chance: short bodies.
        list(chat([b"on", b"off", b"yes", b"no"])),
        # The topic had them before they were sent elsewhere.
        [
            *((DELIVER, 1, n, ROOM, body, n) for n, body in enumerate([ONE, TWO])),
            *chat([ONE, TWO], begin=20),
        ],
        # Two topics had the same.
        [
            step
            for n, body in enumerate([ONE, TWO, THREE])
            for step in (
                (PUBLISH, 3, n, "/app/other", body, 10 * n),
                *chat([body], begin=10 * n + 1),
            )
        ],
        # Delivered before it is sent; and more than a minute after it.
        [(DELIVER, 1, n, ROOM, body, n) for n, body in enumerate([ONE, TWO])]
        + [(PUBLISH, 0, n, APP, body, n + 1) for n, body in enumerate([ONE, TWO])],
        [(PUBLISH, 0, n, APP, body, n) for n, body in enumerate([ONE, TWO])]
        + [(DELIVER, 1, n, ROOM, body, n + 61) for n, body in enumerate([ONE, TWO])],
    ],
    ids=["one body", "short", "not new", "two topics", "before", "late"],
)
def test_what_proves_nothing(steps):
    assert found(spread(*steps)) == []


def test_who_reads_both_topics_has_it_twice():
    steps = [
        step
        for n, body in enumerate([ONE, TWO])
        for step in (
            (PUBLISH, 0, n, APP, body, n),
            (DELIVER, 1, 2 * n, APP, body, n + 0.1),
            (DELIVER, 1, 2 * n + 1, ROOM, body, n + 0.2),
        )
    ]
    rows = found(spread(*steps))
    assert sorted(row[0] for row in rows) == [APP, APP, ROOM, ROOM]


def test_what_is_published_under_its_own_topic_belongs_to_that():
    steps = [*chat([ONE, TWO]), (PUBLISH, 5, 0, ROOM, THREE, 10), (PUBLISH, 0, 9, APP, THREE, 10)]
    rows = found(spread(*steps, (DELIVER, 1, 9, ROOM, THREE, 11)))
    assert rows[-1] == (ROOM, 5, 0, 1, 9, 1.0)


def test_servers_and_protocols_apart():
    spreading = spread()
    for kind, connection, message, topic, body, time in chat([ONE, TWO, THREE]):
        server = ("a",) if kind == PUBLISH else ("b",)
        where = (server, "stomp", connection, 0)
        spreading.take(kind, where, (connection, message), topic, body, round(time * SECOND))
    assert found(spreading) == []


def test_no_pair_is_wrong_in_a_crowd():
    """Rooms that the server feeds from one destination each, and texts that come again."""
    pick = random.Random(5)
    steps, truth, time = [], {}, 0.0
    for number in range(600):
        room = pick.randrange(6)
        unique = pick.random() < 0.5
        body = b'{"room":%d,"text":"%d"}' % (room, number if unique else pick.randrange(4))
        time += 0.5
        steps.append((PUBLISH, 100 + room, number, f"/app/{room}", body, time))
        steps += [
            (DELIVER, 10 * room + reader, number, f"/topic/{room}", body, time + 0.1)
            for reader in range(3)
        ]
        truth[number] = (100 + room, f"/topic/{room}")
        # What the server says by itself.
        steps.append(
            (DELIVER, 10 * room, 10_000 + number, f"/topic/{room}", b"news %d" % number, time)
        )
    rows = found(spread(*steps))
    assert len(rows) == 600 * 3
    for topic, publisher, number, _, message, seconds in rows:
        assert message == number
        assert (publisher, topic) == truth[number]
        assert round(seconds, 6) == 0.1


def test_limits():
    few = Options(max_inside_topics=2, max_inside_publications=4)
    ways = [step for n in range(5) for step in chat([ONE, TWO], 10 * n, f"/app/{n}", f"/topic/{n}")]
    spreading = spread(*ways, options=few)
    assert {row[0] for row in found(spreading)} == {"/topic/0"}
    assert spreading.limited == "max_inside_topics"
