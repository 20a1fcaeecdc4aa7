"""Conditions over columns, and what is asked of messages."""

from __future__ import annotations

from typing import Any

import pytest
from oracle.rows import Row, table_rows

from analyzer.analysis import Collector
from analyzer.errors import OptionError
from analyzer.selection import Condition, MessageFilter, Wanted, searched, to_frame
from analyzer.tables.schema import CONNECTIONS, FRAMES, MESSAGES

MS = 1_000_000


def message(number: int, **more: object) -> Row:
    row: Row = {"connection": number % 2, "message": number, "direction": "client"}
    row |= {"payload_bytes": 10 * number, "payload": b"n%d" % number, "time_first": number}
    return {**row, **more}


ROWS = [
    message(0, payload=b'{"text":"hello"}', name="chat"),
    message(1, direction="server", payload=None, payload_bytes=None),
    message(2, name="chat", stall_us=25 * MS),
    message(3, name="tick", payload=b"a.b"),
    message(4, direction="server", name="chat", payload=b"\x00\xff[1"),
]
OF_CONNECTIONS = table_rows(
    CONNECTIONS, [{"connection": 0, "server_port": 80}, {"connection": 1, "server_port": 443}]
)


def chosen(cut: int = 99, **wanted: Any) -> list[int]:
    kept = Collector([MESSAGES])
    filtered = MessageFilter([kept], Wanted(**wanted), OF_CONNECTIONS)
    for start in range(0, len(ROWS), cut):
        filtered.write(table_rows(MESSAGES, ROWS[start : start + cut]))
    assert filtered.seen == len(ROWS)
    numbers = [int(number) for number in kept.rows(MESSAGES).values["message"]]  # type: ignore[call-overload]
    assert filtered.matched == len(numbers)
    return numbers


@pytest.mark.parametrize("cut", [1, 2, 99])
@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, [0, 1, 2, 3, 4]),
        ({"connection": 1}, [1, 3]),
        ({"connection": 0, "message": 4}, [4]),
        ({"sent_by": "server"}, [1, 4]),
        ({"larger_than": 20}, [3, 4]),
        ({"late_us": 20_000.0}, [2]),
        ({"grep": "hello"}, [0]),
        ({"grep": "n[12]"}, [2]),
        ({"grep": "[1"}, [4]),  # no regular expression
        ({"grep": "a.b"}, [3]),
        ({"where": "name == 'chat' and payload_bytes > 10"}, [2, 4]),
        ({"where": "name.str.startswith('t')"}, [3]),
        ({"where": "server_port == 443"}, [1, 3]),
        ({"where": "direction == 'server' and server_port == 80"}, [4]),
        ({"where": "payload_bytes.isna()"}, [1]),
        ({"where": "name == 'chat'", "sent_by": "client"}, [0, 2]),
        ({"where": "name == 'nothing'"}, []),
    ],
)
def test_messages(wanted: dict[str, Any], expected: list[int], cut: int) -> None:
    assert chosen(cut, **wanted) == expected


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("user == 'a'", "no column 'user'; columns: connection, message, direction"),
        ("name ==", "invalid syntax"),
        ("payload_bytes > payload_bytes.mean()", "mean() is not known to look at one message"),
        ("__import__('os')", "cannot evaluate"),
        ("payload_bytes + 1", "true or false for each message"),
        ("name.str.nothing()", "nothing() is not known"),
        ("(" * 500 + "name" + ")" * 500, "cannot evaluate"),
    ],
)
def test_errors_of_conditions(where: str, said: str) -> None:
    with pytest.raises(OptionError) as caught:
        chosen(where=where)
    assert said in str(caught.value)


def test_condition_over_all_rows_may_compare_with_their_mean() -> None:
    where = "server_port > server_port.mean()"
    condition = Condition(where, [CONNECTIONS], one="connection", whole=True)
    assert condition.holds(to_frame(OF_CONNECTIONS)).tolist() == [False, True]


@pytest.mark.parametrize(
    ("wanted", "kept"),
    [
        ({}, 2),
        ({"connection": 1}, 1),
        ({"sent_by": "client"}, 1),
        ({"grep": "x"}, 0),
        ({"larger_than": 0}, 0),
    ],
)
def test_control_frames_go_where_nothing_is_asked_of_payload(
    wanted: dict[str, Any], kept: int
) -> None:
    frames: list[Row] = [
        {"connection": 0, "frame": 0, "direction": "client", "opcode": "ping"},
        {"connection": 1, "frame": 0, "direction": "server", "opcode": "pong"},
    ]
    taken = Collector([FRAMES])
    MessageFilter([taken], Wanted(**wanted)).write(table_rows(FRAMES, frames))
    assert taken.rows(FRAMES).count == kept


def test_reports_keep_their_other_tables() -> None:
    taken = Collector([CONNECTIONS, MESSAGES])
    filtered = MessageFilter([taken], Wanted(sent_by="server"), others=True)
    filtered.write(OF_CONNECTIONS)
    filtered.write(table_rows(MESSAGES, ROWS))
    assert taken.rows(CONNECTIONS).count == 2
    assert taken.rows(MESSAGES).count == 2


def test_search_is_over_bytes() -> None:
    assert searched("é")("caf\xe9 é".encode())
    assert searched(r"\x00.\[")(b"\x00\xff[")
    assert not searched("^b")(b"ab")
