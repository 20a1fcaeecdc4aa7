"""Rows of http_groups: sums, shares, intervals and the estimate of waits, checked by hand."""

from __future__ import annotations

import pytest
from oracle.conversations import START_TIME
from oracle.polls import MS, answer, chunk, chunked, get, lead, polls

from analyzer.columns import NULL
from analyzer.options import Options
from analyzer.tables.http_groups import HttpGroups
from analyzer.tables.summary import row_values


def rows(events, options=None, groups_options=None):
    groups = HttpGroups(groups_options or Options())
    early = groups.push(lead(events, options).exchanges)
    late = groups.finish()
    return [row_values(table, place) for table in (early, late) for place in range(table.count)]


def bodies(times, contents, wait=4, slot=0, path="/news?after=*"):
    events = []
    for number, (at, body) in enumerate(zip(times, contents, strict=True)):
        events += polls([at], path.replace("*", str(number)), wait=wait, slot=slot, body=body)
    return events


def test_row_of_polls():
    # One request each 1 s, the fourth 1.2 s late; answers after 4 ms.
    times = [0, 1000, 2000, 3000, 4100]
    (row,) = rows(bodies(times, [b"[1]", b"[]", b"[22,3]", b"[]", b"[4]"]))
    assert (row["group"], row["kind"], row["transport"]) == (0, "poll", None)
    assert (row["client_ip"], row["server_ip"], row["server_port"]) == ("0.0.0.0", "0.0.0.1", 80)
    assert (row["host"], row["path"], row["tcp_connections"]) == ("h", "/news", 1)
    assert (row["requests"], row["answered"]) == (5, 5)
    assert (row["empty_answers"], row["unchanged_answers"], row["empty_share"]) == (2, 0, 0.4)
    assert (row["messages"], row["message_bytes"]) == (4, 5)
    assert row["wire_bytes_per_message"] == row["wire_bytes"] / 4
    assert row["interval_s"] == 1_000 * MS
    # Intervals 1, 1, 1, 1.1 s: the quartiles (inclusive) are 1 and 1.025.
    assert row["interval_spread_s"] == 25 * MS
    # Each answer took what came since the one before left: 996 ms... from answer to answer
    # 1 s twice for [22,3], 1.1 s for [4]; the first message's wait is not known.
    assert row["delay_us"] == round((2 * 500 + 550) / 3 * MS)
    assert row["started_at"] == START_TIME
    assert row["ended_at"] == START_TIME + 4104 * MS


def test_unchanged_answers_bring_nothing():
    (row,) = rows(bodies([0, 500, 1000, 1500], [b'{"a":1}'] * 4, path="/state"))
    assert (row["messages"], row["empty_answers"], row["unchanged_answers"]) == (1, 0, 3)
    assert row["empty_share"] == 0.75


def test_long_poll_waits_while_no_request_is_open():
    events = bodies([0], [b"[1]"], 900)
    # Held from 910 on: no wait. Answered at once at 1430: it came up in 20 ms before.
    events += bodies([910], [b"[2]"], 500, path="/news?after=7")
    events += bodies([1430], [b"[3,4,5]"], 2, path="/news?after=8")
    events += bodies([1440], [b"[]"], 900, path="/news?after=9")
    (row,) = rows(events)
    assert (row["kind"], row["messages"]) == ("long-poll", 5)
    assert row["delay_us"] == round((0 + 0 + 3 * 10) / 5 * MS)
    assert row["empty_share"] == 0.25


def test_row_of_a_stream_has_no_interval_and_no_wait():
    events = [(0, 0, 0, get("/e?token=x")), (1, 0, 1, chunked("text/event-stream"))]
    events += [(9, 0, 1, chunk(b"data: abc\n\n"))]
    (row,) = rows(events)
    assert (row["kind"], row["messages"], row["message_bytes"]) == ("sse", 1, 3)
    assert (row["interval_s"], row["interval_spread_s"], row["delay_us"]) == (None, None, 0)
    assert (row["answered"], row["empty_share"]) == (0, None)
    assert row["path"] == "/e"


def test_nothing_of_plain_exchanges():
    assert rows(bodies([0, 1000], [b"[1]", b"[2]"])) == []


def test_no_message_has_no_cost_and_no_wait():
    (row,) = rows(bodies([0, 500, 1000], [b"[]"] * 3))
    assert (row["wire_bytes_per_message"], row["delay_us"], row["messages"]) == (None, None, 0)


def test_secrets_in_a_path_are_hidden():
    token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"
    events = bodies([0, 500, 1000], [b"[]"] * 3, path=f"/feed/{token}")
    assert rows(events)[0]["path"] == "/feed/***"
    shown = rows(events, groups_options=Options(show_secrets=True))
    assert shown[0]["path"] == f"/feed/{token}"


def test_connections_of_a_poller_that_connects_anew():
    events = []
    for slot in range(4):
        events += bodies([1000 * slot], [b"[]"], slot=slot)
        events += [(1000 * slot + 8, slot, 0, "fin"), (1000 * slot + 9, slot, 1, "fin")]
    (row,) = rows(events)
    assert (row["requests"], row["tcp_connections"]) == (4, 4)


def test_rows_leave_early_above_the_limit():
    events = []
    for slot in range(6):
        events += bodies([10 * slot + 500 * turn for turn in range(4)], [b"[]"] * 4, slot=slot)
    groups = HttpGroups(Options(max_http_groups=2))
    by_group = sorted(lead(events).exchanges, key=lambda each: each.group)
    early = groups.push(by_group)
    assert list(early.values["group"]) == [0, 1, 2, 3]
    assert [finding.kind.id for finding in groups.findings()] == ["http-groups-limit"]
    assert not groups.findings()
    assert list(groups.finish().values["group"]) == [4, 5]
    assert groups.finish().count == 0
    # One by one the same rows leave.
    groups = HttpGroups(Options(max_http_groups=2))
    rows = [groups.push([exchange]) for exchange in by_group]
    assert [number for table in rows for number in table.values["group"]] == [0, 1, 2, 3]


def test_intervals_of_a_long_group_do_not_depend_on_the_order():
    times = [500 * turn + (200 if turn % 11 == 0 else 0) for turn in range(2000)]
    found = lead(bodies(times, [b"[]"] * 2000)).exchanges
    assert {each.kind for each in found} == {"poll"}
    results = []
    for order in (found, found[::-1], found[1::2] + found[::2]):
        groups = HttpGroups(Options())
        groups.push(order)
        table = groups.finish()
        results.append([table.values[name][0] for name in ("interval_s", "interval_spread_s")])
    assert results[0] == results[1] == results[2]
    assert results[0][0] == pytest.approx(500 * MS)


def test_without_time_stamps_there_are_no_times():
    found = lead([(0, 0, 0, get("/e")), (1, 0, 1, answer(b"data: a\n\n", "text/event-stream"))])
    (exchange,) = found.exchanges
    for name in ("request_first_time", "request_last_time", "response_first_time"):
        setattr(exchange, name, NULL)
    exchange.response_last_time = NULL
    groups = HttpGroups(Options())
    groups.push([exchange])
    row = row_values(groups.finish(), 0)
    assert (row["started_at"], row["ended_at"]) == (None, None)
