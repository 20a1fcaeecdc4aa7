"""What records held that cannot be opened, by those that could."""

from __future__ import annotations

import numpy as np

from analyzer.tls.overheads import Overheads
from analyzer.tls.records import HEADER_BYTES, OPENED_RECORD, RECORD, SHUT_RECORD, UNKNOWN


def records(*rows: tuple[int, int, int, int]):
    """Return records of (direction, length, content, fate)."""
    found = np.zeros(len(rows), RECORD)
    for place, row in enumerate(rows):
        for name, value in zip(("direction", "length", "content", "fate"), row, strict=True):
            found[place][name] = value
    return found


def test_only_records_before_that_were_opened_count():
    made = Overheads()
    found = records(
        (0, 117, 100, SHUT_RECORD),
        (0, 27, 10, OPENED_RECORD),
        (1, 34, 10, OPENED_RECORD),
        (0, 28, 10, OPENED_RECORD),
    )
    made.begin(found)
    assert [made.before(0, 1), made.before(0, 2), made.before(1, 2)] == [-1, 17, -1]
    assert [made.before(1, 3), made.before(0, 3)] == [24, 17]
    assert [made.before(0, 4), made.before(1, 4)] == [-1, 24]


def test_what_was_opened_since_the_last_question_is_seen():
    made = Overheads()
    found = records((0, 27, 0, 0), (0, 27, 0, 0))
    made.begin(found)
    assert made.before(0, 0) == -1
    found["fate"][0], found["content"][0] = OPENED_RECORD, 10
    assert made.expected(0, 1) == 10


def test_the_content_of_one_that_stays_shut():
    made = Overheads()
    made.begin(records((0, 500, 0, SHUT_RECORD), (0, 5, 0, SHUT_RECORD)))
    assert made.expected(0, 0) == UNKNOWN
    made.note(0, 17, 17)
    assert [made.expected(0, 0), made.expected(0, 1)] == [483, 0]
    made.note(0, 17, 18)
    assert made.expected(0, 0) == UNKNOWN


def test_the_content_of_a_hole():
    made = Overheads()
    made.begin(records((0, 0, 0, SHUT_RECORD)))
    assert made.in_hole(0, 0, 1000, 2) is None
    made.note(0, 17, 17)
    assert made.in_hole(0, 0, 1000, 2) == 1000 - 2 * (HEADER_BYTES + 17)
    assert made.in_hole(0, 0, 43, 2) == UNKNOWN
    made.forget(0)
    assert made.in_hole(0, 0, 1000, 2) is None
