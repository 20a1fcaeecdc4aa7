"""Captures with HTTP/2, against what the programs that made them logged of each stream."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

import pandas as pd
import pytest

import analyzer

CAPTURES = Path(__file__).parents[1] / "captures"
MANIFEST = json.loads((CAPTURES / "manifest.json").read_text(encoding="utf-8"))
NAMES = sorted(name for name, row in MANIFEST.items() if "log_http2" in row["expected"])
PARTS = ["link_bytes", "ip_bytes", "tcp_bytes", "duplicate_bytes", "retransmitted_bytes"]
PARTS += ["tls_bytes", "http_bytes", "ws_header_bytes", "ws_control_bytes", "transfer_bytes"]
PARTS += ["unparsed_bytes"]


@cache
def analysed(name: str) -> analyzer.Analysis:
    keys = CAPTURES / Path(name).with_suffix(".keys")
    options = {"keys": [keys]} if keys.exists() else {}
    return analyzer.analyze(CAPTURES / name, payload="full", **options)


def by_stream(name: str) -> dict[str, dict]:
    return MANIFEST[name]["expected"]["log_http2"]["by_stream"]


def opened(name: str) -> dict[str, int]:
    """Return the connection of each WebSocket, by client port and stream."""
    rows = analysed(name).connections
    rows = rows[rows["http2_stream"].notna()]
    return {f"{row.client_port}/{row.http2_stream}": row.connection for row in rows.itertuples()}


@pytest.mark.parametrize("name", NAMES)
def test_streams_open_as_logged(name):
    expected = {stream for stream, row in by_stream(name).items() if row["opened"]}
    assert set(opened(name)) == expected
    shakes = analysed(name).handshakes
    refused = shakes[shakes["http2_stream"].notna() & (shakes["outcome"] != "accepted")]
    logged = MANIFEST[name]["expected"]["log_http2"]["refused"]
    assert len(refused) == logged


@pytest.mark.parametrize("name", NAMES)
def test_messages_are_those_logged(name):
    messages = analysed(name).messages
    for stream, connection in opened(name).items():
        own = messages[messages["connection"] == connection]
        for direction, expected in by_stream(name)[stream]["messages"].items():
            sent = own[own["direction"] == direction]
            found = {kind: int((sent["type"] == kind).sum()) for kind in ("text", "binary")}
            found["payload_bytes"] = int(sent["payload_bytes"].sum())
            assert found == expected, (stream, direction)


@pytest.mark.parametrize("name", NAMES)
def test_pings_are_those_logged(name):
    tables = analysed(name)
    for stream, connection in opened(name).items():
        own = tables.pings[tables.pings["connection"] == connection]
        found = {side: int((own["direction"] == side).sum()) for side in ("client", "server")}
        logged = by_stream(name)[stream]["pings"]
        # Some programs do not log the pings that their library sends by itself.
        assert all(found[side] >= logged[side] for side in found)


@pytest.mark.parametrize("name", NAMES)
def test_closes_are_those_logged(name):
    rows = analysed(name).connections.set_index("connection")
    for stream, connection in opened(name).items():
        logged = by_stream(name)[stream].get("close")
        if logged is None:
            continue
        row = rows.loc[connection]
        assert row["close_kind"] == logged["kind"], stream
        assert row["closed_by"] == logged["closed_by"], stream
        if logged.get("code") is not None and logged["kind"] == "clean":
            code = None if pd.isna(row["close_code"]) else int(row["close_code"])
            assert code == logged["code"], stream


@pytest.mark.parametrize("name", NAMES)
def test_each_byte_is_accounted_for_once(name):
    tables = analysed(name)
    ledger = tables.ledger
    assert (ledger[PARTS].sum(axis=1) == ledger["wire_bytes"]).all()
    assert (ledger[PARTS] >= 0).all(axis=None)
    assert (ledger["unparsed_bytes"] == 0).all()
    assert ledger["wire_bytes"].sum() == tables.summary.capture.wire_bytes
    assert ledger["packets"].sum() == tables.summary.capture.packets
    messages = tables.messages.groupby("connection").sum(numeric_only=True)
    rows = ledger.groupby("connection").sum(numeric_only=True)
    for column in ("transfer_bytes", "ws_header_bytes", "http_bytes", "tls_bytes"):
        assert (messages[column] <= rows.loc[messages.index, column]).all(), column


def test_in_clear_and_in_tls_the_same_is_found():
    for one, other in (("http2-awkward.pcap", "http2-awkward-tls.pcap"),):
        frames = [analysed(name).messages for name in (one, other)]
        columns = ["connection", "message", "direction", "type", "payload", "frames"]
        left, right = (
            rows[columns].sort_values(["connection", "direction", "message"]) for rows in frames
        )
        assert left["payload"].tolist() == right["payload"].tolist()
