"""The list of messages by lateness, delivery, size."""

from __future__ import annotations

import io

import pytest
from oracle.diagnosed import MESSAGES
from oracle.rows import Row, table_rows

from analyzer.report.layout import make_console
from analyzer.report.ranked import RankedListing

START = 1_767_323_045_000_000_000
MS = 1_000_000


def message(number: int, **more: object) -> Row:
    row = {"connection": 0, "message": number, "direction": "client", "payload_bytes": 100 - number}
    times = {"time_first": START + number * MS, "delivery_us": number * MS, "packet_last": 9}
    times["gap_us"] = 2 * number * MS
    return {**row, **times, "payload_preview": f"hello {number}\x1b[31m", **more}


ROWS = [message(n) for n in range(3)]
ROWS += [message(3, stall_us=25 * MS), message(4, stall_us=90 * MS), message(5, stall_us=5 * MS)]


def listed(cut: int = 99, width: int = 140, **options: object) -> str:
    console = make_console(io.StringIO())
    console.width = width
    listing = RankedListing(console, **options)  # type: ignore[arg-type]
    for start in range(0, len(ROWS), cut):
        listing.write(table_rows(MESSAGES, ROWS[start : start + cut]))
    listing.close()
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def order(text: str) -> list[int]:
    return [int(line.split("hello ")[1][0]) for line in text.splitlines() if "hello" in line]


@pytest.mark.parametrize("cut", [1, 2, 99])
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [0, 1, 2, 3, 4, 5]),
        ({"late_us": 20_000.0}, [3, 4]),
        ({"sort": "stall"}, [4, 3, 5]),
        ({"sort": "stall", "late_us": 20_000.0, "top": 1}, [4]),
        ({"sort": "delivery", "top": 2}, [5, 4]),
        ({"sort": "bytes", "top": 2}, [0, 1]),
        ({"top": 2}, [0, 1]),
    ],
)
def test_order(options: dict[str, object], expected: list[int], cut: int) -> None:
    assert order(listed(cut, **options)) == expected


def test_cause_wait_and_packet() -> None:
    (line,) = [line for line in listed(late_us=80_000.0).splitlines() if "hello" in line]
    assert "90.0 ms  late-by-loss (a hole to fill)" in line
    assert line.isprintable()


@pytest.mark.parametrize("sort", ["time", "delivery", "gap", "stall", "bytes"])
@pytest.mark.parametrize("width", [80, 100])
def test_narrow_terminals_are_not_overrun(sort: str, width: int) -> None:
    lines = listed(width=width, sort=sort).splitlines()
    assert max(map(len, lines)) <= width
    # What is sorted by, and why a message was late, stay.
    assert {"bytes": "payload", "time": "message", "stall": "held up"}.get(sort, sort) in lines[0]
    assert any("late-by-loss" in line for line in lines)


def test_nothing_to_list() -> None:
    assert listed(late_us=10_000_000.0).strip() == "0 of 6 messages late"
    assert listed(sort="reply").strip() == "0 of 6 messages with such a value"


def test_how_many_of() -> None:
    assert listed(top=2).splitlines()[-1].strip() == "2 of 6"
