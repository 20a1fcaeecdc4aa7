"""Intervals of pings and of unsolicited pongs (RFC 6455 5.5.2, 5.5.3)."""

from analyzer.columns import NULL
from analyzer.websocket.keepalive import PING, UNSOLICITED_PONG, Keepalive


def interval(beats, limit=256):
    made = Keepalive(limit)
    for kind, sender, time in beats:
        made.beat(kind, sender, time)
    return made.interval


def test_one_ping_has_no_interval():
    assert interval([(PING, 0, 5)]) == NULL
    assert interval([(PING, 0, 5), (PING, 1, 9)]) == NULL  # one of each side


def test_sides_have_intervals_of_their_own():
    beats = [(PING, side, 15 * step) for step in range(6) for side in [step % 2]]
    assert interval(beats) == 30


def test_the_median_ignores_what_one_late_ping_does():
    assert interval([(PING, 0, time) for time in (0, 20, 40, 65, 80, 100)]) == 20


def test_pongs_count_only_without_pings():
    pongs = [(UNSOLICITED_PONG, 0, time) for time in (0, 7, 14)]
    assert interval(pongs) == 7
    assert interval([*pongs, (PING, 1, 0), (PING, 1, 50)]) == 50
    assert interval([*pongs, (PING, 1, 0)]) == 7


def test_packets_without_time_have_no_interval():
    assert interval([(PING, 0, NULL), (PING, 0, 9), (PING, 0, 20)]) == 11


def test_the_first_intervals_are_kept():
    assert interval([(PING, 0, time) for time in (0, 1, 2, 100, 200, 300)], limit=2) == 1
