"""Small messages close to each other, and what stands in their way."""

from __future__ import annotations

import pytest
from oracle.diagnosed import MS, TABLES, diagnoses
from oracle.rows import Row, table_rows

from analyzer.diagnosis.chatter import Chatter
from analyzer.diagnosis.runs import Runs
from analyzer.options import Options

LOW = Options(chatty_bytes=6_000)


def message(number: int, *, gap: int | None = 2 * MS, **more: object) -> Row:
    """A server's message of 20 bytes in a packet of its own, with 54 bytes of headers."""
    row = {"connection": 0, "message": number, "direction": "server", "gap_us": gap}
    row |= {"packet_first": 10 + number, "packet_last": 10 + number, "transfer_bytes": 20}
    row |= {"packet_header_bytes": 54, "ack_bytes": 54, "ws_header_bytes": 2, "wire_bytes": 130}
    return {**row, **more}


def test_small_messages_that_could_go_together() -> None:
    rows = [message(0, gap=None), *(message(number) for number in range(1, 121))]
    found = diagnoses(LOW, messages=rows)["chatty"]
    # 120 follow within 10 ms; a header of 54 bytes and an ACK of 54 each would be saved.
    assert (found.evidence["messages"], found.bytes, found.packet) == (120, 120 * 108, 11)
    assert (found.connections, found.connection) == (1, 0)
    assert "120 messages of the server on 1 connection came within 10.0 ms" in found.text
    assert diagnoses(messages=rows) == {}  # below 64 KiB nobody cares


@pytest.mark.parametrize(
    ("what", "rows"),
    [
        ("11 ms apart", [message(n, gap=11 * MS) for n in range(200)]),
        ("several in a packet already", [message(n, packet_first=9) for n in range(200)]),
        ("payload outweighs", [message(n, transfer_bytes=400, wire_bytes=510) for n in range(200)]),
        ("each answers one of the client", [message(2 * n) for n in range(200)]),
        ("99 are no habit", [message(n) for n in range(100)]),
        ("costs are not known", [message(n, transfer_bytes=None) for n in range(200)]),
    ],
)  # fmt: skip
def test_what_is_not_chatty(what: str, rows: list[Row]) -> None:
    assert diagnoses(LOW, messages=rows) == {}, what


def test_connections_and_sides_apart_and_batches_change_nothing() -> None:
    rows = [message(n, connection=c, direction=side) for n in range(130)
            for c, side in ((3, "client"), (5, "server"), (6, "server"))]  # fmt: skip
    made = []
    for size in (1, 7, 1000):
        chatter, runs = Chatter(LOW), Runs(LOW)
        for at in range(0, len(rows), size):
            some = table_rows(TABLES["messages"], rows[at : at + size])
            chatter.add(some, runs.follow(some))
        made.append(list(chatter.diagnoses()))
    assert made[0] == made[1] == made[2]
    assert [(each.connections, each.connection) for each in made[0]] == [(1, 3), (2, 5)]
