"""Rows of connections of which it is not known whether another leg counts them."""

from __future__ import annotations

import numpy as np

from analyzer.options import Options
from analyzer.tables.legs import Legs
from analyzer.tables.schema import FRAMES, MESSAGES, TableRows
from analyzer.tables.undecided import Undecided


def rows(*connections: int, table=MESSAGES) -> TableRows:
    return TableRows(table, {"connection": np.array(connections, np.int64)}, len(connections))


def owners(some) -> list[int]:
    return [number for each in some for number in each.values["connection"].tolist()]


def test_messages_wait_until_it_is_decided() -> None:
    legs = Legs(Options())
    undecided = Undecided(legs, 10)
    assert owners(undecided.take(rows(1, 2))) == [1, 2]
    legs.undecided |= {2, 3}
    assert owners(undecided.take(rows(1, 2, 3))) == [1]
    assert owners(undecided.take(rows(2, table=FRAMES))) == [2]
    assert owners(undecided.released()) == []
    legs.undecided.discard(2)
    assert owners(undecided.released()) == [2]
    legs.undecided.clear()
    assert owners(undecided.released()) == [3]
    assert owners(undecided.released()) == []


def test_of_too_many_all_count() -> None:
    legs = Legs(Options())
    undecided = Undecided(legs, 3)
    legs.undecided.add(2)
    assert owners(undecided.take(rows(2, 2, 2))) == []
    legs.give_up = lambda connections: legs.undecided.difference_update(connections)
    assert owners(undecided.take(rows(2))) == [2, 2, 2, 2]
