"""Conditions of --fail-on: what they mean, and what cannot be read."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle.rows import Row, table_rows

from analyzer.errors import OptionError
from analyzer.tables.conditions import Conditions, parse
from analyzer.tables.schema import BY_NAME, FINDINGS, HANDSHAKES, MESSAGES, PINGS

IDS = {"idle-timeout", "tcp-lost"}


def reasons(text: str, **tables: list[Row]) -> list[str]:
    made = Conditions([text], IDS)
    for name, rows in tables.items():
        for row in rows:
            made.write(table_rows(BY_NAME[name], [row]))
    return made.reasons()


def named(id_: str, severity: str, **more: object) -> Row:
    return {"id": id_, "severity": severity, "text": "It is so.", **more}


# --- severities and ids


@pytest.mark.parametrize(
    ("bar", "holds"), [("info", True), ("note", True), ("warning", True), ("error", False)]
)
def test_severity_of_findings_and_diagnoses(bar: str, holds: bool) -> None:
    finding = named("tcp-lost", "warning", count=1)
    assert bool(reasons(bar, findings=[finding])) is holds
    assert bool(reasons(bar, diagnoses=[named("idle-timeout", "warning")])) is holds


def test_id() -> None:
    assert reasons("idle-timeout", diagnoses=[named("idle-timeout", "warning")]) == [
        "warning idle-timeout: It is so."
    ]
    assert reasons("tcp-lost", findings=[named("tcp-lost", "warning", count=3)])
    assert reasons("tcp-lost", findings=[named("tcp-idle", "note", count=3)]) == []


def test_count_of_an_id() -> None:
    rows = [named("tcp-lost", "warning", count=2)] * 2
    assert reasons("count(tcp-lost) > 3", findings=rows)
    assert reasons("count(tcp-lost) > 4", findings=rows) == []
    assert reasons("count(idle-timeout) == 0", findings=rows) == [
        "count(idle-timeout) == 0: it is 0"
    ]


# --- numbers

RTTS = [{"connection": 0, "rtt_us": ms * 1_000_000} for ms in (10, 20, 30, 100)]


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("max(pings.rtt_us) >= 100000", True),
        ("max(pings.rtt_us) > 100_000", False),
        ("min(rtt_us)<1e4", False),
        ("min(rtt_us) == 1e4", True),
        ("median( pings . rtt_us ) == 25000", True),
        ("sum(rtt_us) == 160000", True),
        ("count(rtt_us) != 4", False),
        ("count(pings.connection) <= 4", True),
        ("p95(rtt_us) > 89000", True),
        ("p95(rtt_us) > 90000", False),
    ],
)
def test_functions_in_the_unit_of_the_column(text: str, holds: bool) -> None:
    assert bool(reasons(text, pings=RTTS)) is holds


def test_seconds_and_ratios() -> None:
    rows = [{"connection": n, "duration_s": n * 10**9} for n in (1, 3)]
    assert reasons("sum(connections.duration_s) == 4", connections=rows)
    rows = [{"connection": 0, "overhead_ratio": 0.25}, {"connection": 0, "overhead_ratio": None}]
    assert reasons("median(overhead_ratio) == 0.25", messages=rows)
    assert reasons("count(overhead_ratio) == 1", messages=rows)


def test_share_of_true() -> None:
    rows = [{"accept_valid": value} for value in (True, True, False, None)]
    assert reasons("share(accept_valid) < 0.7", handshakes=rows)
    assert reasons("share(accept_valid) < 0.6", handshakes=rows) == []


def test_nothing_seen_is_no_number() -> None:
    assert reasons("max(rtt_us) > 0") == []
    assert reasons("max(rtt_us) < 1") == []
    assert reasons("count(rtt_us) < 1") == ["count(rtt_us) < 1: it is 0"]


def test_count_of_text() -> None:
    rows = [{"path": "/"}, {"path": None}]
    assert reasons("count(handshakes.path) == 1", handshakes=rows)


@given(values=st.lists(st.integers(0, 2**40), min_size=1, max_size=30))
def test_median_is_that_of_statistics(values: list[int]) -> None:
    condition = parse("median(payload_bytes) > 0".replace("payload", "messages.payload"), IDS)
    condition.take(table_rows(MESSAGES, [{"payload_bytes": value} for value in values]))
    assert condition.value() == pytest.approx(statistics.median(values), abs=0.001)


# --- what cannot be read


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot read"),
        ("eror", "cannot read"),
        ("no-such-id", "cannot read"),
        ("max(rtt_us) >", "cannot read"),
        ("max(rtt_us) > x", "cannot read"),
        ("max(rtt_us) > 1; import os", "cannot read"),
        ("__import__('os').system('x') > 1", "cannot read"),
        ("mean(rtt_us) > 1", "knows count, min"),
        ("max(pongs.rtt_us) > 1", "no table 'pongs'"),
        ("max(pings.delay_us) > 1", "pings has no column 'delay_us'"),
        ("max(nothing) > 1", "no table has a column"),
        ("max(connection) > 1", "several tables have"),
        ("max(handshakes.path) > 1", "is no number"),
        ("share(rtt_us) > 1", "share is of true and false"),
        ("max(accept_valid) > 1", "count and share"),
        ("max(idle-timeout) > 1", "no table has a column"),
        ("max(rtt_us) > " + "1" * 5000, ""),
    ],
)
def test_errors_name_what_is_wrong(text: str, message: str) -> None:
    if not message:
        assert parse(text, IDS).number == float("inf")
        return
    with pytest.raises(OptionError, match=message):
        parse(text, IDS)


def test_other_tables_are_not_looked_at() -> None:
    made = Conditions(["max(rtt_us) > 0", "error"], IDS)
    made.write(table_rows(HANDSHAKES, [{"total_us": 5}]))
    made.write(table_rows(FINDINGS, []))
    made.write(table_rows(PINGS, [{"rtt_us": None}]))
    made.close()
    made.abort()
    assert made.reasons() == []
