"""Topics: publications and their deliveries, paired."""

import numpy as np
import pytest

from analyzer.inside.fanout import Spreading, Topic
from analyzer.inside.protocol import DELIVER, DELIVER_MAYBE, PUBLISH, PUBLISH_MAYBE, SUBSCRIBE
from analyzer.options import Options

SECOND = 10**9


def spread(*steps, options=None):
    """Take (spread, connection, message, topic, body, time in s[, since in s])."""
    spreading = Spreading(options or Options())
    for kind, connection, message, topic, body, time, *since in steps:
        begun = round(since[0] * SECOND) if since else 0
        where = (("server",), "stomp", connection, begun)
        spreading.take(kind, where, (where[2], message), topic, body, round(time * SECOND))
    return spreading


def found(spreading):
    rows = spreading.take_deliveries().rows.tolist()
    return [(*each[1:5], each[5] / SECOND) for each in rows]


def test_a_room():
    spreading = spread(
        (SUBSCRIBE, 1, 0, "room", None, 0),
        (SUBSCRIBE, 2, 0, "room", None, 0),
        (PUBLISH, 0, 4, "room", b"hi", 1),
        (DELIVER, 1, 5, "room", b"hi", 1.25),
        (DELIVER, 2, 6, "room", b"hi", 1.5),
        (DELIVER, 2, 7, "room", b"from elsewhere", 2),
    )
    assert found(spreading) == [(0, 4, 1, 5, 0.25), (0, 4, 2, 6, 0.5)]
    (topic,) = spreading.finish()
    assert (len(topic.publishers), len(topic.subscribers)) == (1, 2)
    assert (topic.messages, topic.deliveries) == (1, 3)
    assert topic.quantile(0.5) == 0.375 * SECOND


def test_equal_texts_in_turn():
    steps = [(PUBLISH, 0, n, "t", b"hi", n) for n in (1, 2, 3)]
    steps += [(DELIVER, 1, 10 + n, "t", b"hi", 3 + n / 10) for n in (1, 2, 3)]
    assert [each[1] for each in found(spread(*steps))] == [1, 2, 3]


def test_equal_texts_that_were_seen_out_of_order():
    """What came first is delivered first, also where it was read later."""
    steps = [(PUBLISH, 0, 1, "t", b"hi", 2), (PUBLISH, 3, 1, "t", b"hi", 1)]
    steps += [(DELIVER, 1, n, "t", b"hi", 3) for n in (1, 2, 3)]
    assert [each[0] for each in found(spread(*steps))] == [3, 0]


def test_a_delivery_after_a_minute_is_that_of_a_queue():
    steps = [(PUBLISH, 0, n, "t", b"hi", 10 * n) for n in range(3)]
    made = spread(*steps, (DELIVER, 1, 0, "t", b"hi", 60), (DELIVER, 2, 0, "t", b"hi", 60.5))
    assert [each[1] for each in found(made)] == [0, 1]


def test_a_publisher_that_repeats_itself():
    steps = [(PUBLISH, 0, n, "t", b"hi", 1 + n / 1000) for n in range(500)]
    steps += [(DELIVER, member, n, "t", b"hi", 2) for n in range(500) for member in (1, 2)]
    pairs = [(row[1], row[3]) for row in found(spread(*steps))]
    assert pairs == [(n, n) for n in range(500) for _ in (1, 2)]


@pytest.mark.parametrize("counts", [[30_000], [1, 4095, 1, 1, 5000, 0, 4096, 12_287], [7] * 3000])
def test_times_that_are_kept(counts):
    """Of more than 4,096 every second, fourth, ..., however they come."""
    topic, number = Topic("stomp", "t", 0), 0
    for count in counts:
        topic.add_times(np.arange(number, number + count))
        number += count
        step = 1
        while (number - 1) // step + 1 > 4096:
            step *= 2
        assert topic.times == list(range(0, number, step))


def test_what_came_before_the_receiver_was_there_is_not_delivered_to_it():
    spreading = spread(
        (PUBLISH, 0, 1, "t", b"hi", 1),
        (PUBLISH, 0, 2, "t", b"hi", 60),
        (DELIVER, 1, 0, "t", b"hi", 60.5, 50),
    )
    assert found(spreading) == [(0, 2, 1, 0, 0.5)]


def test_topics_apart_and_servers_apart():
    spreading = spread((PUBLISH, 0, 1, "t", b"hi", 1), (DELIVER, 1, 0, "u", b"hi", 2))
    assert found(spreading) == []
    spreading.take(DELIVER, (("other",), "stomp", 2, 0), (2, 0), "t", b"hi", 2 * SECOND)
    assert found(spreading) == []


def test_events_are_a_topic_only_if_they_are_delivered():
    spreading = spread(
        (PUBLISH_MAYBE, 0, 1, "say", b"hi", 1),
        (PUBLISH_MAYBE, 0, 2, "ask", b"x", 1),
        (DELIVER_MAYBE, 1, 0, "say", b"hi", 2),
        (DELIVER_MAYBE, 2, 0, "say", b"hi", 2),
        (DELIVER_MAYBE, 1, 1, "news", b"y", 2),
    )
    assert len(found(spreading)) == 2
    (topic,) = spreading.finish()
    assert (topic.topic, topic.messages, topic.deliveries) == ("say", 1, 2)


def test_limits():
    options = Options(max_inside_topics=2, max_inside_publications=2)
    steps = [(PUBLISH, 0, n, f"t{n}", b"x", n) for n in range(4)]
    spreading = spread(*steps, (DELIVER, 1, 0, "t0", b"x", 5), options=options)
    assert spreading.limited == "max_inside_topics"
    assert len(spreading.finish()) == 2
    assert found(spreading) == []  # forgotten
    assert spread(*steps, options=Options(max_inside_subscriptions=1)).limited
