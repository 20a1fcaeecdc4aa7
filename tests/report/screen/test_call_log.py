"""The last calls of each name: bounded, and harmless to a terminal."""

from __future__ import annotations

from oracle.rows import table_rows

from analyzer.report.screen import call_log
from analyzer.report.screen.call_log import CallLog
from analyzer.tables.schema import CALLS


def taken(log: CallLog, *rows: dict[str, object]) -> None:
    log.take(table_rows(CALLS, [{"inner": "json-rpc", "outcome": "ok", **row} for row in rows]))


def numbers(log: CallLog, name: str) -> list[int]:
    return [row["call"] for row in log.of("json-rpc", name)]


def test_calls_by_name() -> None:
    log = CallLog()
    taken(log, {"name": "a", "call": 0}, {"name": "b", "call": 1}, {"name": "a", "call": 2})
    assert numbers(log, "a") == [0, 2]
    assert numbers(log, "b") == [1]
    assert numbers(log, "c") == []
    assert log.of("mqtt", "a") == ()


def test_the_oldest_give_way() -> None:
    log = CallLog()
    for number in range(call_log.PER_NAME + 5):
        taken(log, {"name": "a", "call": number})
    assert numbers(log, "a") == list(range(5, call_log.PER_NAME + 5))
    for number in range(call_log.MAX_NAMES - 1):
        taken(log, {"name": f"n{number}", "call": number})
    taken(log, {"name": "a", "call": 999})  # not the one without a call for longest
    taken(log, {"name": "more", "call": 1000})
    assert numbers(log, "a")[-1] == 999
    assert numbers(log, "n0") == []
    assert numbers(log, "n1") == [1]


def test_a_flood_in_one_batch() -> None:
    log = CallLog()
    taken(log, *({"name": f"n{number}", "call": number} for number in range(1000)))
    assert numbers(log, "n999") == [999]
    assert numbers(log, f"n{999 - call_log.PER_BATCH}") == []


def test_names_that_would_act_on_a_terminal() -> None:
    log = CallLog()
    taken(log, {"name": "\x1b[2J", "call": 0})
    (row,) = log.of("json-rpc", "\x1b[2J")
    assert "\x1b" not in row["name"]
