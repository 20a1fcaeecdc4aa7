"""Lines of connections: counters, rates by hand, ends, and bounds."""

from __future__ import annotations

import numpy as np
import pytest
from oracle.sample import START, connection

from analyzer.options import Options
from analyzer.report.screen.lines import Lines, line_of

S = 1_000_000_000


def opened(count, **options):
    lines = Lines(Options(**options))
    for number in range(count):
        lines.opens(connection(number, **LATE), START)
    return lines


LATE = {"http2_stream": None, "subprotocol": None, "extensions": None, "inner": None}
LATE |= {"client_logs": None, "server_logs": None}


def count(lines, now, *messages):
    numbers, sides, sizes = (np.array(each) for each in zip(*messages, strict=True))
    lines.count(numbers, sides, sizes, now)


def test_messages_are_counted():
    lines = opened(3)
    count(lines, START + S, (1, 0, 10), (1, 1, 5), (1, 0, 7), (99, 0, 1))
    line = lines.find(1)
    assert (line.messages, line.payload, line.last) == ([2, 1], [17, 5], START + S)
    assert lines.find(0).messages == [0, 0]
    assert lines.find(99) is None


def test_rates_go_over_whole_seconds():
    line = line_of(connection(0, **LATE))
    second = START // S
    for at, many in enumerate([5, 1, 2, 3, 4, 5]):
        line.count(second + at, 0, many)
    # The second that is not over does not count, and of those before, the last five do.
    assert line.rate(second + 5, 0, 5) == (5 + 1 + 2 + 3 + 4) / 5
    assert line.rate(second + 6, 0, 5) == (1 + 2 + 3 + 4 + 5) / 5
    assert line.rate(second + 6, 0, 2) == (4 + 5) / 2
    assert line.rate(second + 6, 1, 5) == 0
    assert line.rate(second + 8, 0, 5) == (3 + 4 + 5) / 5
    assert line.rate(second + 100, 0, 5) == 0


def test_a_clock_that_is_set_back():
    line = line_of(connection(0, **LATE))
    line.count(10_000, 0, 7)
    line.count(100, 0, 3)
    assert line.rate(101, 0, 1) == 3
    assert line.rate(10_001, 0, 1) == 0


def test_an_end_keeps_the_line_with_final_figures():
    lines = opened(2)
    count(lines, START, (0, 0, 10))
    lines.ends(connection(0, **LATE, client_messages=9, close_code=4001, close_reason="a\x1bb"))
    line = lines.find(0)
    assert list(lines.open) == [1]
    assert line.messages == [9, 2]
    assert line.end.reason == "a\\x1bb"
    assert (line.end.code, line.end.by, line.state) == (4001, "client", "4001")
    assert line.columns()["code"].startswith("4001")


@pytest.mark.parametrize("kind", ["fin", "reset", "timeout"])
def test_an_end_without_a_code_says_what_ended_it(kind):
    lines = opened(1)
    lines.ends(connection(0, **LATE, close_kind=kind, close_code=None))
    assert lines.find(0).state == kind


def test_a_connection_whose_opening_was_not_told_has_a_line_when_it_ends():
    lines = Lines(Options())
    lines.ends(connection(5, **LATE))
    assert lines.find(5).last == connection(5)["closed_at"]


def test_handshakes_are_told_before_connections():
    lines = Lines(Options(max_screen_ended=2))
    for number in range(5):
        lines.took(number, 7 + number)
    assert lines.opens(connection(4, **LATE), START).handshake == 11
    assert lines.opens(connection(0, **LATE), START).handshake is None
    lines.took(4, 3)
    assert lines.find(4).handshake == 3


def test_lines_are_bounded():
    lines = opened(50, max_screen_connections=10, max_screen_ended=5)
    assert list(lines.open) == list(range(40, 50))
    for number in range(40, 50):
        lines.ends(connection(number, **LATE))
    assert list(lines.ended) == list(range(45, 50))
    assert lines.ended_count == 10
    assert not lines.open


def test_hostile_names_are_harmless_and_bounded():
    line = line_of(connection(0, **{**LATE, "host": "\x1b[2J", "path": "/" + "x\u202e" * 10_000}))
    assert "\x1b" not in line.target
    assert "\u202e" not in line.target
    assert len(line.target) < 20_000
