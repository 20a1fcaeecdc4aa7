"""Lines of figures: bars with their scale at any width, and why polling is not modelled."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pytest
from oracle.live import STATS, snapshot
from oracle.sample import START
from oracle.screens import S, busy, console, give

from analyzer.report.screen import figures
from analyzer.report.screen.model import Model
from analyzer.report.screen.page import View
from analyzer.tables.summary import Summary


def view(model, width=80, room=21, encoding="utf-8"):
    return View(model, console(width, room + 3, encoding), width, room)


def growing(seconds=70):
    """Return a model of a client that sends N messages in second N."""
    model = Model()
    for second in range(seconds):
        model.tick(START + second * S, STATS)
        model.rates.messages(np.zeros(second, np.int64), np.ones(second, np.int64))
    model.tick(START + seconds * S, STATS)
    return model


@pytest.mark.parametrize("width", [40, 50, 60, 70, 80, 99, 100, 101, 120, 200])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_the_newest_bar_and_the_scale_are_whole_at_any_width(width, encoding):
    text = figures.direction(0, view(growing(), width, encoding=encoding))
    assert text.cell_len <= width
    if width < 55:
        return  # figures alone
    bars, count, most = re.fullmatch(r".{38} ?(\S+) (\d+) s, to (\d+)/s", text.plain).groups()
    assert len(bars) == int(count)
    assert int(most) == 69
    assert bars[-1] == ("█" if encoding == "utf-8" else "#"), "the highest is the newest"
    if int(count) > 20:
        assert bars[0] != bars[-1]


def test_bars_are_as_high_as_their_values():
    assert figures.sparks([0, 1, 4, 5, 8], console()) == " ▁▄▅█"
    assert figures.sparks([1, 10**6], console()) == "▁█"
    assert figures.sparks([0, 0], console()) == "  "
    assert figures.sparks([], console()) == ""


def test_a_course_without_messages_is_empty():
    model = Model()
    model.tick(START, STATS)
    assert figures.course(0, 40, view(model)).plain == ""
    assert figures.course(0, 3, view(growing())).plain == ""


@pytest.mark.parametrize(
    ("shot", "words"),
    [
        (None, "before a handshake was captured"),
        (snapshot(poll_heads=None), "before a handshake was captured"),
        (snapshot(connections=0), "while no connection is open"),
        (snapshot(ledger=({}, {})), "before packets"),
        (snapshot(), "modelled: 3.0 requests/s"),
    ],
)
def test_why_polling_is_not_modelled(shot, words):
    model = Model()
    if shot is not None and not shot.ledger[0]:
        ledger = dict.fromkeys(snapshot().ledger[0], 0)
        shot = snapshot(ledger=(ledger, ledger))
    model.tick(START, STATS, shot)
    assert words in figures.polling(view(model)).plain


def test_parts_of_the_bytes_with_bars():
    lines = [line.plain for line in figures.where(view(busy()))]
    assert len(lines) == 1 + len(figures.PARTS)
    assert all(len(line) <= 80 for line in lines)
    assert "none of WebSocket" in figures.where(view(Model()))[0].plain


def test_how_connections_ended():
    summary = Summary()
    summary.close_kinds = Counter({"clean": 3, "reset": 1, "open": 5})
    summary.close_codes = Counter({1000: 2, 4001: 1})
    model = Model()
    assert figures.ends(view(model)) == []
    model.tick(START, STATS, snapshot(summary=summary))
    lines = [line.plain for line in figures.ends(view(model))]
    assert lines[0].endswith("3 closed cleanly, 1 reset")
    assert lines[1].strip() == "1000 Normal Closure (2), 4001 Private use (1)"


def test_sessions_that_could_not_be_read():
    summary = Summary()
    model = Model()
    model.tick(START, STATS, snapshot(summary=summary))
    assert figures.sealed(view(model)) == []
    summary.tls_unread = 3
    (line,) = figures.sealed(view(model))
    assert line.plain == "TLS       3 ended sessions could not be read: --keys FILE"
    summary.tls_read = 4
    (line,) = figures.sealed(view(model))
    assert "3 of 7 ended sessions" in line.plain


def test_what_is_held_and_let_go():
    assert figures.memory(view(Model())) == []
    lines = [line.plain for line in figures.memory(view(busy()))]
    assert "1.00 kB in the stages" in lines[0]
    assert lines[1].endswith("2 by idle")


def test_what_is_notable():
    assert figures.notable(view(Model()), 3)[0].plain.endswith("nothing so far")
    (line,) = figures.notable(view(busy()), 3)
    assert "warning 4 x" in line.plain
    assert "\x1b" not in line.plain
    # The text of a cause has the number.
    model = Model()
    model.tick(START, STATS, snapshot())
    cause = {"id": "idle-timeout", "severity": "warning", "connections": 3}
    give(model, "diagnoses", {**cause, "text": "3 connections ended"})
    (line,) = figures.notable(view(model), 3)
    assert line.plain.endswith("warning 3 connections ended")


def test_openings_and_attempts():
    text = figures.openings(view(busy(), 120)).plain
    assert "3 connections, 1 failed, 2.0 handshakes/s, median 41.0 ms" in text
    assert figures.handshakes(view(Model())) == []
    assert "1 accepted, 1 refused" in figures.handshakes(view(busy()))[0].plain


@pytest.mark.parametrize(
    ("seconds", "whole", "first"),
    [(0, "0 s", "0 s"), (99, "99 s", "99 s"), (200, "3 min 20 s", "3 min"), (-5, "0 s", "0 s")],
)
def test_durations(seconds, whole, first):
    assert figures.seconds(seconds * S) == whole
    assert figures.short(seconds * S) == first


@pytest.mark.parametrize(
    ("value", "shown"), [(0, "0"), (0.04, "0.0"), (9.94, "9.9"), (9.96, "10"), (12_345.6, "12,346")]
)
def test_rates(value, shown):
    assert figures.rate(value) == shown
