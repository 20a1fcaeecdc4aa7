"""Names and calls, as a capture's own tables have them."""

from __future__ import annotations

import pytest
from oracle.live import STATS, snapshot
from oracle.rows import table_rows
from oracle.sample import START
from oracle.screens import SIZES, Shown

from analyzer.report.screen.model import Model
from analyzer.tables.schema import CALLS
from analyzer.tables.spoken import Spoken
from analyzer.tables.summary import Summary

MS = 1_000_000


def spoken():
    made = Spoken()
    made.names["json-rpc", "request", "add"] = _counts(5, 500, 900)
    made.names["json-rpc", "heartbeat", None] = _counts(90, 90, 9000)
    made.names["mqtt", "publish", "a\x1b]x"] = _counts(7, 70, 9_900)
    made.names["mqtt", None, None] = _counts(1, 1, 1)
    row = {"inner": "json-rpc", "name": "add", "outcome": "ok", "connection": 1}
    times = [dict(row, reply_us=MS * each) for each in (10, 20, 30)]
    failed = [
        dict(row, outcome="error", reply_us=MS),
        dict(row, outcome="unanswered", name="b\x07"),
    ]
    made.add_calls(table_rows(CALLS, [*times, *failed]))
    return made


def _counts(messages, payload, wire):
    from collections import Counter

    return Counter(messages=messages, payload_bytes=payload, wire_bytes=wire)


def model():
    made = Model()
    summary = Summary()
    summary.inside = spoken()
    made.tick(START, STATS, snapshot(summary=summary))
    return made


@pytest.mark.parametrize("size", SIZES)
def test_names_by_what_they_cost_heartbeats_last(size):
    lines = Shown(model(), *size).press("3")
    assert "3 Names 4" in lines[1]
    body = [line for line in lines if "publish" in line or "request" in line or "(no" in line]
    assert ["publish" in body[0], "request" in body[1], "(no item)" in body[2]] == [True] * 3
    assert "\x1b" not in "".join(lines)
    if size[0] >= 80:
        assert body[0].split()[-4:] == ["70", "B", "9.90", "kB"] or "9.90 kB" in body[0]


def test_calls():
    lines = Shown(model(), 120, 40).press("4")
    row = next(line for line in lines if " add " in line)
    # Of 1, 10, 20 and 30 ms.
    assert row.split()[-9:][:1] == ["4"] or " 4 " in row
    assert "15.0 ms" in row
    assert "30.0 ms" in row
    assert "\\x07" in "".join(lines)


def test_filters_and_nothing():
    shown = Shown(model())
    shown.press("3")
    assert "/inner:mqtt  2 of 4" in shown.type("inner:mqtt")
    shown.press("escape", "4")
    assert "/add  1 of 2" in shown.type("add")
    shown = Shown(Model())
    assert any("no protocol" in line for line in shown.press("3", "down", "enter"))
    assert any("no call" in line for line in shown.press("4"))
