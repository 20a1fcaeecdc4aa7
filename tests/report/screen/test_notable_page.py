"""What stands out opens: text, rule, evidence, and the connection."""

from __future__ import annotations

import pytest
from oracle.sample import HOSTILE, START, finding
from oracle.screens import SIZES, Shown, busy, give

from analyzer.report.screen.model import Model

LONG = "A sentence about what is wrong that goes on for longer than a line of any screen has room."


def noted():
    model = busy(5)
    for packet in (11, 12, 13):
        row = finding(
            "a-b", "error", connection=packet - 10, packet=packet, text=f"{LONG} {packet}"
        )
        give(model, "findings", row, final=True)
    cause = {"id": "idle-timeout", "severity": "warning", "connections": 3, "connection": 4}
    more = {"text": "They fell silent.", "advice": "Ping more often.", "seconds": 2_000_000_000}
    evidence = {"evidence": '{"ended": [1, 2], "text": "\\u001b[2J"}', "bytes": 5000}
    give(model, "diagnoses", cause | more | evidence)
    return model


@pytest.mark.parametrize("size", SIZES)
def test_causes_and_findings_are_listed_and_open(size):
    shown = Shown(noted(), *size)
    lines = shown.press("2")
    assert "2 Notable 3" in lines[1]
    assert "cause: They" in shown.marked()
    text = " ".join(line.strip() for line in shown.press("enter"))
    assert "idle-timeout" in text
    assert "They fell silent." in text
    shown.press("escape", "down")
    assert "A sentence" in shown.marked()
    text = " ".join(line.strip() for line in shown.press("enter"))
    assert f"{LONG} 13" in text, "the last one, whole"


def test_all_about_a_cause():
    text = "\n".join(Shown(noted(), 120, 40).press("2", "enter"))
    for words in ("Ping more often.", "seen in 3 connections", "time lost: 2.00 s", "5.00 kB"):
        assert words in text
    assert '    "ended": [' in text or '  "ended": [' in text
    assert "\\u001b[2J" in text
    assert "connection 4, chat.example.com/rooms/4" in text


def test_others_of_the_kind_and_their_connections():
    shown = Shown(noted())
    text = "\n".join(shown.press("2", "down", "enter"))
    assert "3 so far; 1 of the last 3" in text
    assert "rule: RFC 6455 5.1" in text
    assert "packet 13" in text
    assert "packet 11" in "\n".join(shown.press("right", "right", "right"))
    assert "packet 12" in "\n".join(shown.press("left"))
    assert any(line.startswith("Connection 2 ") for line in shown.press("c"))


def test_what_has_no_connection_opens_none():
    model = Model()
    model.tick(START, noted().rates.stats)
    give(model, "findings", finding("x", "note", connection=None, text=HOSTILE), final=True)
    shown = Shown(model)
    before = shown.press("2", "enter")
    assert "c connection" not in before[-1]
    assert "\x1b" not in "".join(before)
    assert shown.press("c", "left") == before


def test_a_filter():
    shown = Shown(noted())
    shown.press("2")
    assert "/what:cause  1 of 3" in shown.type("what:cause")
