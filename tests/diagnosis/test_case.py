"""What the case keeps, and what it lets go."""

from __future__ import annotations

from oracle.diagnosed import S, case, connection
from oracle.rows import Row

from analyzer.diagnosis.case import loose_of
from analyzer.options import Options


def handshake(number: int, **more: object) -> Row:
    return {"handshake": number, "outcome": "accepted", "total_us": 5_000_000, **more}


def test_ends_are_in_order_with_their_facts() -> None:
    finding = {"id": "tcp-lost", "severity": "warning", "text": "x", "count": 2, "connection": 1}
    made = case(connections=[connection(2), connection(1)], findings=[finding])
    assert [end.number for end, _ in made.ends] == [1, 2]
    assert made.ends[0][1].found["tcp-lost"].count == 2
    assert made.gatherer.facts == {}
    assert [number for number, _ in made.facts] == [1]


def test_attempts_that_are_odd() -> None:
    rows = [
        handshake(0, connection=0),
        handshake(1, connection=1, total_us=S),
        handshake(2, outcome="refused"),
        handshake(3, connection=3, accept_valid=False),
        handshake(4, connection=4, subprotocols_offered="a"),
        handshake(5, connection=5, subprotocols_offered="a", subprotocol="a"),
        handshake(6, outcome="encrypted"),
    ]
    made = case(handshakes=rows)
    assert [row["handshake"] for row in made.attempts] == [1, 2, 3, 4]
    assert made.outcomes["accepted"] == 5
    assert sorted(made.gatherer.facts) == [1, 3, 4]


def test_loose_findings_are_counted_by_place() -> None:
    row = {"id": "handshake-bad-connection", "severity": "error", "text": "x", "count": 1}
    rows = [{**row, "tcp_stream": 3, "packet": 7}] * 2 + [{**row, "id": "x"}]
    found = loose_of(case(findings=rows), "handshake-bad-connection")
    assert {place: each.count for place, each in found.items()} == {(3, 7): 2}


def test_limits_count_what_they_cut() -> None:
    made = case(
        Options(max_diagnosed_connections=2, max_diagnosed_attempts=1),
        connections=[connection(n) for n in range(5)],
        handshakes=[handshake(n, outcome="refused") for n in range(3)],
        findings=[
            {"id": f"f{n}", "severity": "note", "text": "x", "count": 1, "packet": n}
            for n in range(4)
        ],
    )
    assert [end.number for end, _ in made.ends] == [3, 4]
    assert made.cut == {"connections": 3, "attempts": 2, "findings": 3}
