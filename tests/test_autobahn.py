"""The cases of autobahn-testsuite, in both roles, with peers that end in three ways.

Each case is compared exactly: messages, frames, findings with who is at fault, and the end. What
is right stands in the tables of cases (oracle.autobahn_*), worked out from RFC 6455 and RFC 7692.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from typing import Any

import pandas as pd
import pytest
from conversation import START_NS, pcap
from oracle.autobahn import DROP, MODES, RESET, ROLES, STRICT, Case, Talk, ends
from oracle.autobahn_close import section_7
from oracle.autobahn_frames import section_1, section_2, section_3, section_4, section_5
from oracle.autobahn_sizes import section_9, section_10, section_12, section_13
from oracle.autobahn_text import section_6
from oracle.whole import Tables, assert_ties_out, tables_of

SECTIONS = {
    1: section_1,
    2: section_2,
    3: section_3,
    4: section_4,
    5: section_5,
    6: section_6,
    7: section_7,
    9: section_9,
    10: section_10,
    12: section_12,
    13: section_13,
}
ABNORMAL = "websocket-close-abnormal"
ORDERS = {
    "messages": "message",
    "frames": "frame",
    "findings": "packet",
    "connections": "connection",
}
SECOND = 1_000_000_000
COUNTS = {1: 16, 2: 11, 3: 7, 4: 10, 5: 20, 6: 145, 7: 37, 9: 52, 10: 1, 12: 90, 13: 126}
"""Cases of each section; of 9, two fragment sizes of the suite are above the reduced message."""


@cache
def cases(section: int) -> dict[str, Case]:
    return {case.name: case for case in SECTIONS[section]()}


@dataclass(frozen=True)
class Played:
    """One section as one capture, each case a connection, and what was read in it."""

    talks: list[Talk]
    tables: Tables
    rows: dict[str, dict[int, list[Any]]]
    """By table and connection, in order."""


@cache
def played(section: int, sender: str, mode: str) -> Played:
    talks = [
        Talk(case, sender, mode, 20_000 + n, START_NS + 10 * n * SECOND)
        for n, case in enumerate(cases(section).values())
    ]
    data = pcap(packet for talk in talks for packet in talk.tcp.packets)
    tables = tables_of(data, payload="full")
    rows: dict[str, dict[int, list[Any]]] = {}
    for name, order in ORDERS.items():
        by_connection = rows[name] = defaultdict(list)
        for row in tables[name].sort_values(order).itertuples():
            by_connection[row.connection].append(row)
    return Played(talks, tables, rows)


def modes_of(section: int) -> tuple[str, ...]:
    """Return how the peer ends: in all ways, but where messages are large, and all end well."""
    return MODES if section <= 7 else (STRICT,)


def runs(section: int) -> list[object]:
    """Return (section, sender, mode, name) of every run of one section."""
    return [
        pytest.param(section, sender, mode, name, id=f"{name}-{sender}-{mode}")
        for sender in ROLES
        for mode in modes_of(section)
        for name in cases(section)
    ]


def messages(read: Played, number: int, side: str) -> list[tuple[str, bytes]]:
    rows = read.rows["messages"].get(number, [])
    return [(row.type, row.payload) for row in rows if row.direction == side]


def frames(read: Played, number: int, side: str) -> list[tuple[str, bool, int]]:
    rows = read.rows["frames"].get(number, [])
    return [
        (row.opcode, bool(row.fin), int(row.payload_bytes)) for row in rows if row.direction == side
    ]


def findings(read: Played, number: int) -> list[tuple[str, str, int]]:
    """Return id, culprit ("" for none) and frame among that side's (-1 for none)."""
    found = []
    for row in read.rows["findings"].get(number, []):
        if row.severity not in ("warning", "error"):
            continue
        side = row.direction if isinstance(row.direction, str) else ""
        frame = -1
        if not pd.isna(row.frame) and side:
            sent = [each.frame for each in read.rows["frames"][number] if each.direction == side]
            frame = sent.index(row.frame)
        found.append((row.id, side, frame))
    return sorted(found)


def right_findings(case: Case, sender: str, mode: str) -> list[tuple[str, str, int]]:
    found = [(kind, sender, -1 if at is None else at) for kind, at in case.faults]
    if ends(case, mode, sender).kind != "clean":
        found.append((ABNORMAL, "", -1))
    return sorted(found)


@pytest.mark.parametrize("section", SECTIONS)
def test_every_case_is_there(section: int) -> None:
    assert len(cases(section)) == COUNTS[section]


@pytest.mark.parametrize(
    ("section", "sender", "mode"),
    [(each, sender, mode) for each in SECTIONS for sender in ROLES for mode in modes_of(each)],
)
def test_nothing_is_said_outside_the_connections(section: int, sender: str, mode: str) -> None:
    tables = played(section, sender, mode).tables
    assert_ties_out(tables)
    assert len(tables["connections"]) == len(cases(section))
    assert not tables["findings"]["connection"].isna().any()


@pytest.mark.parametrize(
    ("section", "sender", "mode", "name"), [run for each in SECTIONS for run in runs(each)]
)
def test_case(section: int, sender: str, mode: str, name: str) -> None:
    number = list(cases(section)).index(name)
    case, read = cases(section)[name], played(section, sender, mode)
    talk = read.talks[number]
    assert messages(read, number, sender) == list(case.messages)
    assert messages(read, number, talk.peer) == list(case.echoed)
    for side in ROLES:
        assert frames(read, number, side) == [each.row for each in talk.sent[side]]
    assert findings(read, number) == right_findings(case, sender, mode)
    (row,) = read.rows["connections"][number]
    code = None if pd.isna(row.close_code) else row.close_code
    end = ends(case, mode, sender)
    assert (row.close_kind, code, row.closed_by) == (end.kind, end.code, end.by)


def test_modes_differ_in_how_the_peer_ends() -> None:
    """The three ways are three captures: none of them is another by mistake."""
    kinds = {
        mode: set(played(2, "client", mode).tables["connections"]["close_kind"]) for mode in MODES
    }
    assert kinds == {STRICT: {"clean"}, DROP: {"fin"}, RESET: {"reset"}}
