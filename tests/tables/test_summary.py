"""The summary: figures by hand, and the same whatever the batches."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.rows import table_rows
from oracle.sample import connection, finding, ledger, message, summary

import analyzer
from analyzer.columns import NULL
from analyzer.inside.calls import Call, DoneCall, Moment
from analyzer.options import Options
from analyzer.tables import samples
from analyzer.tables import summary as module
from analyzer.tables.inside import call_rows
from analyzer.tables.samples import Samples
from analyzer.tables.schema import (
    COMPRESSION,
    CONNECTIONS,
    FINDINGS,
    HANDSHAKES,
    HTTP_GROUPS,
    LEDGER,
    MESSAGES,
    TableRows,
)
from analyzer.tables.summary import MAX_HTTP_GROUPS, Summary

CAPTURES = Path(__file__).parents[2] / "captures"


def test_sample_capture() -> None:
    made = summary()
    assert made.outcomes == {"accepted": 2, "refused": 1}
    assert made.refusals == {"401 Unauthorized": 1}
    assert (made.phases["tcp_us"].count, made.phases["tcp_us"].median) == (2, 300_000)
    assert made.phases["tls_us"].count == 0
    assert made.messages[0]["messages"] == made.messages[1]["messages"] == 1
    assert made.compression == {"messages": 2, "payload_bytes": 400, "transfer_bytes": 200}
    assert made.ledger[0]["wire_bytes"] == 2000
    assert made.opcodes[0] == {"pong": 1, "text": 1, "close": 1}
    assert made.close_codes == {1000: 1}
    assert (made.pings_sent, made.pings.count) == ([0, 2], 1)
    assert made.stalled == {"messages": 1, "ns": 7_000_000}
    assert [line.overhead for line in made.connections] == [0.4, 0.4]
    assert made.grave_findings[0].id == "websocket-unmasked-client-frame"


def test_what_is_inside_of_tls_is_not_timed() -> None:
    made = Summary()
    times = {"tcp_us": 100, "tls_us": 200, "upgrade_us": 300, "total_us": 400}
    rows = [{"outcome": outcome, **times} for outcome in ("encrypted", "refused", "accepted")]
    made.add(table_rows(HANDSHAKES, rows))
    counts = {phase: samples.count for phase, samples in made.phases.items() if samples.count}
    assert counts == {"tcp_us": 2, "tls_us": 2, "upgrade_us": 1, "total_us": 1}
    assert made.refusals == {"refused": 1}


def test_null_sizes_do_not_count() -> None:
    made = Summary()
    made.add(table_rows(MESSAGES, [message(0, "client", payload_bytes=None)]))
    assert made.messages[0]["payload_bytes"] == 0
    assert made.compression["messages"] == 0


def test_compression_is_summed_over_connections_once() -> None:
    sums = dict.fromkeys((*module.DEFLATE_SUMS, "messages"), 3)
    facts = [
        (0, "client", 1, 0),
        (0, "server", 1, 0),
        (1, "client", 1, 1),
        (2, "client", None, None),
    ]
    rows = [
        {"connection": number, "direction": side, "offered": offered, "negotiated": agreed, **sums}
        for number, side, offered, agreed in (*facts, (None, "client", 1, 1))
    ]
    made = Summary()
    made.add(table_rows(COMPRESSION, rows))
    assert made.deflate == {
        **dict.fromkeys(module.DEFLATE_SUMS, 12),
        "declined": 1,
        "declined_messages": 6,
    }


@pytest.mark.parametrize("first", [CONNECTIONS, LEDGER])
def test_ledger_and_connection_meet_in_any_order(first: object) -> None:
    rows = [
        table_rows(CONNECTIONS, [connection(5)]),
        table_rows(LEDGER, [ledger(5, "client"), ledger(5, "server")]),
    ]
    made = Summary()
    for batch in rows if first is CONNECTIONS else rows[::-1]:
        made.add(batch)
    assert made.connections[0].transfer_bytes == 1200


def test_only_the_dearest_connections_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CONNECTIONS", 3)
    monkeypatch.setattr(module, "MAX_WAITING", 2)
    made = Summary()
    for number, cost in enumerate([5, 9, 9, 1, 7, 9, 2]):
        made.add(table_rows(CONNECTIONS, [connection(number, cost)]))
        made.add(table_rows(LEDGER, [ledger(100 + number, "client")]))
    assert [line.values["connection"] for line in made.connections] == [1, 2, 5]
    assert len(made._waiting) == 2


def test_finding_without_a_packet() -> None:
    made = Summary()
    made.add(table_rows(FINDINGS, [finding("x", "warning", packet=None)]))
    assert made.findings["x"].first_packet == NULL


def test_findings_are_counted_by_kind() -> None:
    made = Summary()
    rows = [finding("x", "note", count=2, packet=8), finding("x", "note", packet=5)]
    made.add(table_rows(FINDINGS, [*rows, *(finding("x", "note", text=str(n)) for n in range(9))]))
    found = made.findings["x"]
    assert (found.count, found.rows, found.first_packet) == (12, 11, 5)
    assert len(found.examples) == module.MAX_EXAMPLES


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 1000), min_size=1, max_size=60), st.data())
def test_samples_do_not_depend_on_batches(values: list[int], data: st.DataObject) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(samples, "_MAX_PIECES", 3)
        whole, cut = Samples(8), Samples(8)
        array = np.array(values, np.int64)
        owners = np.arange(len(values))
        whole.add(array, owners)
        at = 0
        while at < len(values):
            size = data.draw(st.integers(1, 9))
            cut.add(array[at : at + size], owners[at : at + size])
            at += size
        for name in ("count", "worst", "worst_of", "median"):
            assert getattr(whole, name) == getattr(cut, name)
        assert whole.worst == max(values)
        assert whole._kept_count <= 8
        if len(values) <= 8:
            assert whole.median == np.median(values)


def test_plain_http_is_summed_up_by_kind():
    summary = analyzer.analyze(CAPTURES / "python-aiohttp-plain-http.pcap").summary
    # The server's log: 7 polls, of which 3 bring a price; 3 long polls; 60 lines; 6 ticks.
    counts = {
        kind: (summary.http_kinds[kind, "exchanges"], summary.http_kinds[kind, "messages"])
        for kind in ("poll", "long-poll", "stream", "sse")
    }
    assert counts == {"poll": (7, 3), "long-poll": (3, 3), "stream": (1, 60), "sse": (1, 6)}
    dearest = [group["kind"] for group in summary.http_groups]
    assert dearest == ["poll", "stream", "long-poll", "sse"]
    for group in summary.http_groups:
        assert group["wire_bytes"] == summary.http_kinds[group["kind"], "wire_bytes"]


def test_rows_of_one_group_and_cost_come_whatever_the_batches():
    """A group whose row left early has another one."""
    summary = Summary()
    for count in (2, 1, 3):
        values = {
            column.name: np.zeros(count, np.int64) if column.type != "text" else [None] * count
            for column in HTTP_GROUPS.columns
        }
        summary.add(TableRows(HTTP_GROUPS, values, count))
    assert len(summary.http_groups) == 6


def test_only_the_dearest_groups_are_kept():
    summary = Summary()
    count = MAX_HTTP_GROUPS + 50
    values = {
        column.name: np.arange(count) if column.type != "text" else [None] * count
        for column in HTTP_GROUPS.columns
    }
    values |= {"kind": np.ones(count, np.int8), "transport": np.full(count, -1, np.int8)}
    summary.add(TableRows(HTTP_GROUPS, values, count))
    kept = [group["wire_bytes"] for group in summary.http_groups]
    assert kept == list(range(count - 1, 49, -1))


def test_calls_of_another_leg_do_not_count_again():
    call = Call(0, "request", "add", 0, Moment(0, 0, 1, 1, 10, 10), 1)
    rows = call_rows([DoneCall(each, NULL, "json-rpc", call) for each in (0, 1)], Options())
    summary = Summary()
    summary.left_out = {1}
    summary.add(rows)
    assert summary.inside.calls["json-rpc", "add"].count == 1
