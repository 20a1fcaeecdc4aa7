"""Every capture of TLS gives, with its key log, what its programs logged and tshark decrypts."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from functools import cache

import pandas as pd
import pytest
from oracle import tshark
from oracle.whole import Tables, differing
from test_captures import (
    CAPTURES,
    MANIFEST,
    counts,
    in_packets,
    messages_logged,
    or_none,
    pings_found,
    pings_logged,
)

import analyzer
from analyzer import pipeline
from analyzer.analysis import Collector
from analyzer.capture.source import open_capture
from analyzer.options import Options
from analyzer.pipeline import Pipeline
from analyzer.tables.schema import LEDGER_PARTS, TABLES

NAMES = sorted(name for name, row in MANIFEST.items() if "log_decrypted" in row["expected"])
OF_TSHARK = [name for name in NAMES if "HTTP/2" not in MANIFEST[name].get("tshark_notes", "")]


def keys_of(name: str) -> tuple[str, ...]:
    path = (CAPTURES / name).with_suffix(".keys")
    return (str(path),) if path.exists() else ()


@cache
def decrypted(name: str) -> analyzer.Analysis:
    return analyzer.analyze(CAPTURES / name, payload="full", keys=keys_of(name))


@cache
def rows_of(name: str, **options: object) -> Tables:
    """All tables, of which no DataFrame is made."""
    collector = Collector()
    chosen = Options(payload="full", keys=keys_of(name), **options)
    pipeline.run([CAPTURES / name], chosen, [collector])
    return Tables(collector)


@pytest.mark.parametrize("name", NAMES)
def test_messages_are_those_that_programs_sent(name):
    tables = decrypted(name)
    ports = tables.connections.set_index("connection")["client_port"]
    streams = tables.connections.set_index("connection")["http2_stream"]
    found = defaultdict(list)
    for row in tables.messages.sort_values(["connection", "message"]).itertuples():
        digest = hashlib.sha256(row.payload).hexdigest()[:16]
        key = (int(ports[row.connection]), row.direction)
        found[key].append((row.type, row.payload_bytes, digest))
    expected = messages_logged(name)
    if not streams.isna().all():
        # Streams of one connection take turns: the order within a stream is another test's.
        found = {key: sorted(rows) for key, rows in found.items()}
        expected = {key: sorted(rows) for key, rows in expected.items()}
    assert found == expected


@pytest.mark.parametrize("name", NAMES)
def test_pings_are_those_that_programs_sent(name):
    assert pings_found(decrypted(name)) == pings_logged(name)


@pytest.mark.parametrize("name", OF_TSHARK)
def test_connections_are_those_that_programs_opened(name):
    expected = MANIFEST[name]["expected"]["log_decrypted"]
    tables = decrypted(name)
    shakes = tables.handshakes
    assert int((shakes["outcome"] == "accepted").sum()) == expected["connections"]
    rows = tables.connections.set_index("client_port", drop=False)
    opened = {int(port): row for port, row in expected["by_client_port"].items() if row["opened"]}
    assert set(rows.index) == set(opened)
    assert (tables.connections["scheme"] == "wss").all()
    for port, want in opened.items():
        close, row = want.get("close"), rows.loc[port]
        if not close:
            continue
        assert (row["close_kind"], row["closed_by"]) == (close["kind"], close["closed_by"])
        if close["kind"] == "clean":
            assert or_none(row["close_code"]) == (None if close["code"] == 1005 else close["code"])
            assert or_none(row["close_reason"]) == (close["reason"] or None)


@pytest.mark.parametrize("name", OF_TSHARK)
def test_counts_are_those_that_tshark_decrypts(name):
    expected = MANIFEST[name]["expected"]["tshark_decrypted"]
    tables = decrypted(name)
    switched = tables.handshakes["status"] == 101
    assert int(switched.sum()) == expected["responses_101"]
    assert counts(tables.frames) == expected["frames"]
    codes = tables.frames["close_code"].dropna().value_counts()
    assert {str(code): int(n) for code, n in codes.items()} == expected["close_codes"]


@pytest.mark.tshark
@pytest.mark.parametrize("name", [name for name in OF_TSHARK if keys_of(name)])
def test_frames_are_those_that_tshark_decrypts(name):
    """In the packets that tshark shows them in, of which some bring several records."""
    rows = tshark.fields(
        CAPTURES / name, "tcp", *tshark.FRAME_FIELDS, options=f"tls.keylog_file:{keys_of(name)[0]}"
    )
    assert in_packets(decrypted(name).frames) == [f for row in rows for f in tshark.frames(row)]


@pytest.mark.parametrize("name", NAMES)
def test_the_ledger_ties_out(name):
    tables = decrypted(name)
    ledger, parts = tables.ledger, list(LEDGER_PARTS)
    assert (ledger[parts].sum(axis=1) == ledger["wire_bytes"]).all()
    assert (ledger[parts] >= 0).all(axis=None)
    sessions = tables.tls_sessions
    read = ledger[ledger["tcp_stream"].isin(sessions.loc[sessions["decrypted"], "tcp_stream"])]
    # One connection ends amid a record: nobody reads that.
    if name != "tls-failed.pcap":
        assert (read["unparsed_bytes"] == 0).all()
    assert (read["tls_bytes"] > 0).all()


def test_early_data_that_the_server_refused_is_no_request():
    """RFC 8446 4.2.10: the server never read it, and the client sends it again (D.3)."""
    tables = decrypted("tls13-early-data.pcap")
    assert tables.findings.empty
    early = tables.tls_sessions["early_data"]
    assert [None if pd.isna(each) else bool(each) for each in early] == [None, True, True, False]
    sent = tables.ledger[tables.ledger["direction"] == "client"].set_index("tcp_stream")
    # By tshark: a record of 5 + 193 bytes more (packet 99), and none of 5 + 21 (packet 75) with
    # EndOfEarlyData, which a client sends where it was accepted.
    assert sent["tls_bytes"][3] - sent["tls_bytes"][2] == 198 - 26
    assert (sent["http_bytes"] == 176).all()


@pytest.mark.parametrize("name", NAMES)
def test_messages_tie_out_with_the_ledger(name):
    tables = decrypted(name)
    if tables.messages.empty:
        return
    keys = ["connection", "direction"]
    ledger = tables.ledger.dropna(subset="connection").groupby(keys, observed=True)
    ledger = ledger.sum(numeric_only=True)
    messages = tables.messages.groupby(keys, observed=True).sum(numeric_only=True)
    assert (messages["transfer_bytes"] == ledger["transfer_bytes"]).all()
    assert (messages["tls_bytes"] <= ledger["tls_bytes"]).all()
    assert (messages["tls_bytes"] > 0).all()
    headers = ledger["link_bytes"] + ledger["ip_bytes"] + ledger["tcp_bytes"]
    assert (messages["packet_header_bytes"] <= headers).all()


@pytest.mark.parametrize("size", [101, 4_099, 65_537])
@pytest.mark.parametrize("name", NAMES)
def test_how_the_input_is_cut_changes_nothing(name, size):
    assert (
        differing(rows_of(name), rows_of.__wrapped__(name, batch_bytes=size), in_any_order=True)
        == []
    )


@pytest.mark.parametrize("name", NAMES)
def test_handshakes_tell_of_their_sessions(name):
    shakes = decrypted(name).handshakes
    sessions = decrypted(name).tls_sessions.set_index("tcp_stream")
    for row in shakes[shakes["scheme"] == "wss"].itertuples():
        session = sessions.loc[row.tcp_stream]
        assert session["decrypted"]
        assert row.tls_version == session["version"]
        assert row.cipher == session["cipher_suite"]
        assert or_none(row.alpn) == or_none(session["alpn"])
        if not pd.isna(row.tls_us):
            assert row.tls_hello_us + row.tls_finish_us == pytest.approx(row.tls_us)


@pytest.mark.parametrize("name", [name for name in NAMES if keys_of(name)])
def test_no_key_is_shown(name, tmp_path):
    """Not even where all is asked for."""
    words = {
        word.lower()
        for line in (CAPTURES / name).with_suffix(".keys").read_text().splitlines()
        if not line.startswith("#")
        for word in line.split()[2:]
    }
    tables = decrypted(name)
    shown = "".join(
        getattr(tables, table.name).drop(columns="payload", errors="ignore").to_csv()
        for table in TABLES
        if hasattr(tables, table.name)
    ).lower()
    assert words
    assert not [word for word in words if word in shown]


def test_early_data_without_keys_waits_for_no_answer(tmp_path):
    """Where the server's records cannot be read, neither can its answer."""
    keys = tmp_path / "keys"
    keys.write_text(f"CLIENT_TRAFFIC_SECRET_0 {'ab' * 32} {'cd' * 32}\n")
    options = Options(keys=(str(keys),), batch_bytes=300)
    made, held = Pipeline(options, []), []
    for batch in open_capture(CAPTURES / "tls13-early-data.pcap", options):
        made.push(batch)
        held.append(made.snapshot().held_bytes["tls"])
    # A ClientHello with early data has 549 bytes (by tshark, packet 99), with 2 rows of it.
    assert 0 < max(held) < 549 + 2 * 250
