"""Every capture of the manifest gives what its programs logged and what tshark saw."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pytest

import analyzer

CAPTURES = Path(__file__).parents[1] / "captures"
MANIFEST = json.loads((CAPTURES / "manifest.json").read_text(encoding="utf-8"))

KINDS = {"reset": {"reset"}, "fin": {"fin"}, "clean": {"clean"}, "open": {"open"}}


@cache
def analysed(name: str) -> analyzer.Analysis:
    return analyzer.analyze(CAPTURES / name)


def with_source(source: str) -> list[str]:
    return sorted(name for name, row in MANIFEST.items() if source in row["expected"])


def counts(frame, by: list[str]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for (direction, kind), size in frame.groupby(by, observed=True).size().items():
        found.setdefault(direction, {})[kind] = int(size)
    return found


@pytest.mark.parametrize("name", with_source("tshark"))
def test_as_tshark_counts(name):
    expected = MANIFEST[name]["expected"]["tshark"]
    tables = analysed(name)
    capture = tables.summary.capture
    assert capture.packets == expected["packets"]
    assert capture.tcp_connections == expected["tcp_streams"]
    switched = tables.handshakes["status"] == 101
    others = tables.http["status"] == 101
    assert int(switched.sum()) + int(others.sum()) == expected["responses_101"]
    assert counts(tables.frames, ["direction", "opcode"]) == expected["frames"]
    codes = tables.frames["close_code"].dropna().value_counts()
    assert {str(code): int(n) for code, n in codes.items()} == expected.get("close_codes", {})


@pytest.mark.parametrize("name", with_source("log"))
def test_as_the_programs_logged(name):
    expected = MANIFEST[name]["expected"]["log"]
    tables = analysed(name)
    messages = tables.messages
    if "connections" in expected:
        assert len(tables.connections) == expected["connections"]
    for direction, want in expected.get("messages", {}).items():
        rows = messages[messages["direction"] == direction]
        assert int((rows["type"] == "text").sum()) == want["text"]
        assert int((rows["type"] == "binary").sum()) == want["binary"]
        assert int(rows["payload_bytes"].sum()) == want["payload_bytes"]
    by_port = expected.get("by_client_port", {})
    connections = tables.connections.set_index("client_port", drop=False)
    for port, want in by_port.items():
        if not want.get("opened"):
            assert int(port) not in connections.index
            continue
        row = connections.loc[int(port)]
        close = want.get("close")
        if close:
            assert row["close_kind"] == close["kind"]
            if close["kind"] == "clean":
                code = None if close["code"] in (None, 1005) else close["code"]
                assert (None if row.isna()["close_code"] else row["close_code"]) == code
                assert (None if row.isna()["close_reason"] else row["close_reason"]) == (
                    close["reason"] or None
                )
            if close.get("closed_by"):
                assert row["closed_by"] == close["closed_by"]


@pytest.mark.parametrize("name", sorted(MANIFEST))
def test_the_ledger_ties_out(name):
    tables = analysed(name)
    ledger = tables.ledger
    parts = list(ledger.columns[4:15])
    assert parts[0] == "link_bytes"
    assert parts[-1] == "unparsed_bytes"
    assert (ledger[parts].sum(axis=1) == ledger["wire_bytes"]).all()
    assert (ledger[parts] >= 0).all(axis=None)


@pytest.mark.parametrize("name", sorted(MANIFEST))
def test_messages_cost_what_their_parts_cost(name):
    messages = analysed(name).messages
    parts = ["transfer_bytes", "ws_header_bytes", "http_bytes", "tls_bytes"]
    parts += ["packet_header_bytes", "ack_bytes", "retransmitted_bytes"]
    assert (messages[parts].sum(axis=1) == messages["wire_bytes"]).all()
    by_connection = messages.groupby("connection")["wire_bytes"].sum()
    whole = analysed(name).connections.set_index("connection")["wire_bytes"]
    assert (by_connection <= whole.loc[by_connection.index]).all()
