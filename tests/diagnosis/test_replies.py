"""Slow replies, against what is usual for the same call."""

from __future__ import annotations

from oracle.diagnosed import MS, S, case, diagnoses
from oracle.rows import Row

from analyzer.options import Options


def call(number: int, wait: int | None, name: str = "add", **more: object) -> Row:
    row = {"call": number, "connection": number % 3, "inner": "json-rpc", "name": name}
    packets = {"request": number, "request_packet": number, "reply_packet": 100 + number}
    return {**row, **packets, "caller": "client", "reply_us": wait, "outcome": "ok", **more}


def test_worst_against_the_median() -> None:
    rows = [call(n, 5 * MS) for n in range(30)] + [call(30, 3 * S), call(31, 2 * S), call(32, None)]
    found = diagnoses(calls=rows)["slow-reply"]
    assert (found.connection, found.packet, found.seconds) == (0, 130, 5 * S)
    assert "2 of 32 calls of add (json-rpc) by the client" in found.text
    assert "the worst 3.00 s, reply in packet 130, where the median is 5.00 ms" in found.text


def test_what_is_usual_is_not_slow() -> None:
    assert diagnoses(calls=[call(n, 3 * S) for n in range(30)]) == {}
    assert diagnoses(calls=[call(n, 900 * MS * (n == 7)) for n in range(30)]) == {}
    # Too few to know what is usual; other calls say nothing of these.
    rows = [call(n, 5 * MS, "ping") for n in range(30)]
    assert diagnoses(calls=[*rows, call(31, 3 * S)]) == {}


def test_names_beyond_the_limit_are_counted() -> None:
    replies = case(Options(max_reply_names=2), calls=[call(n, 5, f"n{n % 4}") for n in range(12)])
    assert replies.replies.cut == 6
