"""Late messages: how long, by what, and the worst whatever the batches."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.diagnosed import MESSAGES
from oracle.rows import Row, table_rows

from analyzer.tables.late import LATE_COLUMNS, LateMessages, held_up, longest, waited

MS = 1_000_000


def message(connection: int, number: int, **held: int | None) -> Row:
    return {"connection": connection, "message": number, "direction": "client", **held}


def test_nulls_count_as_nothing() -> None:
    row = message(0, 0, stall_us=None)
    assert held_up(table_rows(MESSAGES, [row])).tolist() == [0]
    assert waited(row) == 0


def test_longest_part() -> None:
    row = message(0, 0, stall_us=5, window_us=9, nagle_us=None)
    assert (longest(row), waited(row)) == ("window_us", 14)


def test_worst_of_equal_ones_is_the_first() -> None:
    made = LateMessages(20_000.0, most=2)
    rows = [message(c, n, stall_us=30 * MS) for c, n in ((1, 1), (0, 7), (0, 3))]
    made.add(table_rows(MESSAGES, rows))
    assert made.count == 3
    assert [(row["connection"], row["message"]) for row in made.worst] == [(0, 3), (0, 7)]


@settings(deadline=None)
@given(
    waits=st.lists(st.integers(0, 60), max_size=40),
    cut=st.integers(1, 40),
    column=st.sampled_from(LATE_COLUMNS[:1]),
)
def test_batches_change_nothing(waits: list[int], cut: int, column: str) -> None:
    rows = [message(0, n, **{column: wait * MS}) for n, wait in enumerate(waits)]
    made = LateMessages(20_000.0)
    for start in range(0, len(rows), cut):
        made.add(table_rows(MESSAGES, rows[start : start + cut]))
    late = sorted((n for n, w in enumerate(waits) if w >= 20), key=lambda n: (-waits[n], n))
    assert made.count == len(late)
    assert [row["message"] for row in made.worst] == late[:3]
