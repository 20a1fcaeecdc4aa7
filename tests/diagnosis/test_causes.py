"""Causes: ids and severities are the contract's."""

from __future__ import annotations

from analyzer.diagnosis import causes
from analyzer.diagnosis.causes import CAUSES, Diagnosis
from analyzer.findings import BY_ID

ERRORS = {"window-exceeded", "not-frames", "torn-write"}
NOTES = {
    *("chatty", "compression-wasted", "compression-missed", "two-legs", "seen-twice"),
    *("lifetime-limit", "slow-handshake", "stream-held"),
}
WARNINGS = {
    *("idle-timeout", "idle-entry-lost", "peer-vanished", "ping-unanswered", "close-lost"),
    *("reset-injected", "closed-unused", "reconnect-storm", "nagle-delayed-ack", "late-by-loss"),
    *("slow-reader", "slow-reply", "server-stall", "proxy-stripped", "refused-why", "old-draft"),
    *("one-direction", "wrong-link-type", "proxy-buffers"),
}


def test_severities() -> None:
    by_severity: dict[str, set[str]] = {}
    for cause in CAUSES.values():
        by_severity.setdefault(cause.severity, set()).add(cause.id)
    assert by_severity == {"error": ERRORS, "note": NOTES, "warning": WARNINGS}


def test_ids_are_not_those_of_findings() -> None:
    assert not CAUSES.keys() & BY_ID.keys()


def test_cost_counts_no_nulls() -> None:
    assert Diagnosis(cause=causes.CHATTY, text="").cost == (0, 0, 0)
    made = Diagnosis(cause=causes.CHATTY, text="", ended=2, seconds=5, bytes=7)
    assert made.cost == (2, 5, 7)
