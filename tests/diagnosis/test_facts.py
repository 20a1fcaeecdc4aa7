"""Facts of connections, gathered from rows in any order."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.diagnosed import MESSAGES, MS, START, S, connection
from oracle.rows import Row, table_rows

from analyzer.columns import NULL
from analyzer.diagnosis.facts import (
    Gatherer,
    LastFrames,
    Late,
    Seen,
    codes,
    ended,
    late_messages,
    numbers,
)
from analyzer.options import Options
from analyzer.tables.late import LATE_COLUMNS
from analyzer.tables.schema import CONNECTIONS, FINDINGS, FRAMES, PINGS


def gatherer(**options: float) -> Gatherer:
    return Gatherer(Options(**options))  # type: ignore[arg-type]


def control(frame: int, opcode: str, side: str) -> Row:
    row = {"connection": 0, "frame": frame, "opcode": opcode, "direction": side}
    return {**row, "packet_last": 10 + frame, "time_last": START + frame}


def test_first_close_and_last_ping_of_each_side() -> None:
    rows = [
        *(control(9, "close", "client"), control(4, "close", "client")),
        *(control(7, "ping", "server"), control(2, "ping", "server"), control(1, "text", "client")),
    ]
    made = gatherer()
    for row in rows:
        made.take(table_rows(FRAMES, [row]))
    facts = made.facts.pop(0)
    assert [close and close.frame for close in facts.closes] == [4, None]
    assert [ping and ping.frame for ping in facts.pings] == [None, 7]


def test_pings() -> None:
    base = {"connection": 0, "direction": "client"}
    made = gatherer()
    rows = [{**base, "ping_frame": n, "pong_frame": n + 1} for n in (6, 2)]
    made.take(table_rows(PINGS, [*rows, {**base, "ping_frame": 8, "sent_at": 5, "acked_us": 7}]))
    facts = made.facts.pop(0)
    assert facts.answered == (6, -1)
    (one,) = facts.unanswered
    assert (one.side, one.frame, one.sent, one.acked) == (0, 8, 5, 7)


def test_findings_point_to_the_first() -> None:
    row = {"id": "x", "severity": "note", "connection": 3, "count": 2}
    made = gatherer()
    for packet in (9, 4, None, 7):
        made.take(table_rows(FINDINGS, [{**row, "packet": packet, "text": f"in {packet}"}]))
    found = made.facts.pop(3).found["x"]
    assert (found.count, found.packet, found.text) == (8, 4, "in 4")


def test_what_is_open_is_bounded() -> None:
    made = gatherer(max_diagnosed_connections=2)
    for number in range(5):
        made.of(number)
    assert (sorted(made.facts), made.cut) == ([3, 4], 3)


def test_ended_reads_all_columns() -> None:
    row = connection(5, client_idle_s=3 * S, end_packet=8, client_logs=1006, close_code=1001)
    (end,) = ended(table_rows(CONNECTIONS, [row]))
    assert (end.number, end.kind, end.closed_by, end.end_packet) == (5, "fin", 1, 8)
    assert (end.idle(0), end.idle(1)) == (3 * S, NULL)
    assert (end.logs(0), end.logs(1), end.close_code) == (1006, NULL, 1001)
    assert (end.server, end.frames) == (("10.0.0.9", 80), 4)


def test_absent_columns_are_null() -> None:
    rows = table_rows(PINGS, [{"connection": 1}])
    assert numbers(rows, "no_such").tolist() == [NULL]
    assert codes(rows, "no_such").tolist() == [-1]


def message(draw: tuple[int, int, int, tuple[int, ...]]) -> Row:
    number, connection, side, waits = draw
    row = {"connection": connection, "message": number, "direction": ("client", "server")[side]}
    row |= {"packet_last": 100 + number, "time_last": 7 * number}
    return {**row, **dict(zip(LATE_COLUMNS, waits, strict=True))}


WAITS = st.tuples(*[st.sampled_from([0, 5 * MS, 30 * MS])] * len(LATE_COLUMNS))
DRAWN = st.lists(
    st.tuples(st.integers(0, 50), st.integers(0, 2), st.integers(0, 1), WAITS),
    max_size=30,
    unique_by=lambda each: (each[0], each[1]),
)


@settings(deadline=None)
@given(drawn=DRAWN, cut=st.integers(1, 30))
def test_late_messages_are_those_of_a_plain_loop(drawn: list[tuple[int, ...]], cut: int) -> None:
    expected: dict[tuple[int, int, str], Late] = {}
    for number, owner, side, waits in drawn:  # type: ignore[misc]
        total = sum(waits)  # type: ignore[arg-type]
        if total >= 20 * MS:
            column = LATE_COLUMNS[int(np.argmax(waits))]  # type: ignore[arg-type]
            late = expected.setdefault((owner, side, column), Late())
            late.add(Late(1, total, total, 100 + number, number, 100 + number, 7 * number))
    made: dict[tuple[int, int, str], Late] = {}
    rows = [message(each) for each in drawn]  # type: ignore[arg-type]
    for start in range(0, len(rows), cut):
        some = table_rows(MESSAGES, rows[start : start + cut])
        for owner, side, column, late in late_messages(some, 20 * MS):
            made.setdefault((owner, side, column), Late()).add(late)
    assert made == expected


def frame(owner: int, side: str, number: int) -> Row:
    return {"connection": owner, "direction": side, "packet_last": number, "time_last": 10 * number}


@given(drawn=st.lists(st.tuples(st.integers(0, 40), st.sampled_from(["client", "server"]))))
def test_last_frames(drawn: list[tuple[int, str]]) -> None:
    made = LastFrames(100)
    expected: dict[tuple[int, str], Seen] = {}
    for number, (owner, side) in enumerate(drawn):
        made.add(table_rows(FRAMES, [frame(owner, side, number)]))
        expected[owner, side] = Seen(number, 10 * number)
    for owner in range(42):
        sides = tuple(expected.get((owner, side), Seen()) for side in ("client", "server"))
        assert made.of(owner) == sides


def test_last_frames_of_distant_numbers_are_forgotten() -> None:
    made = LastFrames(4)
    for owner in (0, 3, 4, 5, 90):
        made.add(table_rows(FRAMES, [frame(owner, "client", owner)]))
        assert made.of(owner)[0] == Seen(owner, 10 * owner)
    assert made.of(0) == made.of(5) == (Seen(), Seen())
    made.add(table_rows(FRAMES, [frame(2, "client", 2), frame(91, "server", 7)]))
    assert made.of(2) == (Seen(), Seen())
    assert made.of(91) == (Seen(), Seen(7, 70))
