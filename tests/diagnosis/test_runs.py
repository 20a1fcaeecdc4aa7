"""What came before each message, in any order of the two sides."""

from __future__ import annotations

import random

import pytest
from oracle.diagnosed import TABLES
from oracle.rows import table_rows

from analyzer.diagnosis.runs import Runs, keys_of
from analyzer.options import Options


@pytest.mark.parametrize("size", [1, 3, 500])
def test_against_the_plain_story(size: int) -> None:
    draw = random.Random(size)
    story = [[draw.choice(("client", "server")) for _ in range(40)] for _ in range(4)]
    rows = []
    for owner, sides in enumerate(story):
        for number, side in enumerate(sides):
            row = {"connection": owner, "message": number, "direction": side}
            rows.append(row | {"packet_first": 100 + number, "packet_last": 100 + number})
    # Each side in order, the two sides of a connection in any.
    keys = [(row["connection"], row["direction"]) for row in rows]
    queues = {
        key: [row for row in rows if (row["connection"], row["direction"]) == key] for key in keys
    }
    order = sorted(keys, key=lambda _: draw.random())
    rows = [queues[key].pop(0) for key in order]
    runs, said = Runs(Options()), {}
    for at in range(0, len(rows), size):
        batch = rows[at : at + size]
        run = runs.follow(table_rows(TABLES["messages"], batch))
        for row, own, answers, before in zip(
            batch, run.own, run.answers, run.packet_before, strict=True
        ):
            said[row["connection"], row["message"]] = (bool(own), bool(answers), int(before))
    for owner, sides in enumerate(story):
        for number, side in enumerate(sides):
            own, answers, before = said[owner, number]
            mine = [other for other in range(number) if sides[other] == side]
            assert own == (number > 0 and sides[number - 1] == side)
            assert answers == (number > 0 and sides[number - 1] != side)
            assert before == (100 + mine[-1] if mine else -(2**63))


def test_what_is_remembered_does_not_grow_with_the_connections_of_a_long_run() -> None:
    options = Options(max_diagnosed_connections=200)
    runs, names = Runs(options), ("connection", "message", "direction", "packet_last")
    for number in range(0, 40_000, 1000):
        row = dict(zip(names, (number, 0, "client", number), strict=True))
        after = dict(zip(names, (number, 1, "client", number + 1), strict=True))
        runs.follow(table_rows(TABLES["messages"], [row]))
        assert runs.follow(table_rows(TABLES["messages"], [after])).own.tolist() == [True]
        assert runs._last.values.shape[1] <= keys_of(options)
    assert keys_of(Options()) == 2 * 8 * Options().max_diagnosed_connections
