"""HTTP/2 from packets to tables: the walk, its short way, and what no input may do."""

from __future__ import annotations

import random
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import http2_mutations, websocket
from oracle.captures import pcap, read_pcap
from oracle.http2 import CLIENT, KEY, SERVER, Talk, capture, segments
from oracle.whole import assert_ties_out, grave, said, tables_of

from analyzer.http.http2 import rows as http2_rows
from analyzer.http.http2.evidence import begins_with_settings, may_be_preface

CAPTURES = Path(__file__).parents[3] / "captures"


def same(one, other):
    """Assert that two analyses have the same rows."""
    for name in one:
        if one.count(name) == other.count(name) == 0:
            continue
        table = one[name]
        keys = [column for column in table.columns if column != "payload"]
        if table[keys].equals(other[name][keys]):
            continue
        # Rows of equal ids, such as findings of one packet, leave in another order.
        rows, others = (
            each[keys].astype(str).sort_values(keys).reset_index(drop=True)
            for each in (table, other[name])
        )
        assert rows.equals(others), name


def hold_together(tables):
    """Assert what is true of any capture."""
    assert_ties_out(tables)
    messages, ledger = tables["messages"], tables["ledger"]
    of = ledger[ledger["connection"].notna()].groupby("connection").sum(numeric_only=True)
    for connection, own in messages.groupby("connection"):
        row = of.loc[connection]
        headers = row["link_bytes"] + row["ip_bytes"] + row["tcp_bytes"]
        assert own["packet_header_bytes"].sum() + own["ack_bytes"].sum() <= headers
        assert own["http_bytes"].sum() <= row["http_bytes"]
        assert own["retransmitted_bytes"].sum() <= row["retransmitted_bytes"]


MESSAGES = st.lists(
    st.tuples(
        st.sampled_from([CLIENT, SERVER]),
        st.sampled_from([1, 3, 5]),
        st.binary(max_size=400),
        st.lists(st.integers(1, 200), max_size=3),
        st.sampled_from([None, None, 0, 7, 255]),
    ),
    max_size=12,
)
"""Sender, stream, payload, cuts of the frame into DATA frames, padding."""


def talk_of(messages):
    talk, sent = Talk(), {"client": [], "server": []}
    for stream in (1, 3, 5):
        talk.open(stream)
    ordered = sorted(messages, key=lambda message: message[1])
    for side, stream, payload, cuts, pad in messages:
        frame = websocket.frame(2, payload, mask=KEY if side == CLIENT else None)
        for cut in cuts:
            if len(frame) > cut:
                talk.send(side, stream, frame[:cut], pad)
                frame = frame[cut:]
        talk.send(side, stream, frame, pad)
    for side, _, payload, *_ in ordered:
        sent["client" if side == CLIENT else "server"].append(("binary", payload))
    for stream in (1, 3, 5):
        talk.close(stream)
    return talk, sent


@settings(deadline=None, max_examples=8)
@given(MESSAGES, st.sampled_from([1448, 3, 11, 100]), st.sampled_from([120, 1000]))
def test_messages_are_the_same_however_they_are_framed(messages, mss, batch_bytes):
    talk, sent = talk_of(messages)
    data = capture(talk.steps, mss)
    tables = tables_of(data, payload="full")
    assert said(tables) == sent
    assert grave(tables) <= {"websocket-repeated-key"}
    assert set(tables["connections"]["close_kind"]) == {"clean"}
    hold_together(tables)
    total = tables["ledger"].sum(numeric_only=True)
    assert total["unparsed_bytes"] == 0
    assert total["packets"] == len(read_pcap(data))
    same(tables, tables_of(data, payload="full", batch_bytes=batch_bytes))


@settings(deadline=None, max_examples=6)
@given(MESSAGES, st.sampled_from([1448, 5, 60]))
def test_the_short_way_finds_what_the_long_way_does(messages, mss):
    data = capture(talk_of(messages)[0].steps, mss)
    short = tables_of(data, payload="full")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(http2_rows.Side, "hand_back", lambda *_: None)
        same(short, tables_of(data, payload="full"))


@pytest.mark.parametrize("seed", range(20))
def test_no_input_breaks_the_accounts(seed):
    chance = random.Random(seed)
    steps = http2_mutations.mutated(chance, http2_mutations.sample())
    data = http2_mutations.damaged(chance, steps)
    options = http2_mutations.TIGHT if chance.random() < 0.25 else {}
    tables = tables_of(data, **options)
    hold_together(tables)
    same(tables, tables_of(data, batch_bytes=chance.choice([100, 300, 1000]), **options))


def heads_of_tshark(path, *options):
    """Return (tcp stream, HTTP/2 stream, status) of each head that tshark decodes."""
    names = ("tcp.stream", "http2.streamid", "http2.type", "http2.headers.status")
    command = ["tshark", "-n", "-r", str(path), *options]
    command += ["-Y", "http2.headers.status", "-T", "fields"]
    command += [word for name in names for word in ("-e", name)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = set()
    for line in done.stdout.splitlines():
        stream, numbers, kinds, statuses = (cell.split(",") for cell in line.split("\t"))
        heads = [int(n) for n, kind in zip(numbers, kinds, strict=True) if kind == "1"]
        found |= {(int(stream[0]), n, int(s)) for n, s in zip(heads, statuses, strict=True)}
    return found


@pytest.mark.tshark
def test_heads_are_those_of_tshark(tmp_path):
    talk = tmp_path / "talk.pcap"
    talk.write_bytes(capture(http2_mutations.sample()))
    for path, port in ((CAPTURES / "http2-clear.pcap", 9016), (talk, 8080)):
        tables = tables_of(path.read_bytes())
        found = set()
        for name in ("http", "handshakes"):
            rows = tables[name][tables[name]["http2_stream"].notna()]
            found |= set(rows[["tcp_stream", "http2_stream", "status"]].itertuples(index=False))
        # Without being told, tshark knows HTTP/2 only behind an upgrade.
        told = heads_of_tshark(path, "-d", f"tcp.port=={port},http2")
        assert {tuple(map(int, row)) for row in found} == heads_of_tshark(path) | told
        assert found


def test_prefaces():
    assert may_be_preface(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n rest")
    assert may_be_preface(b"PRI")
    assert not may_be_preface(b"PRI /")
    assert begins_with_settings(b"\0\0\6\4\0\0\0\0\0\0\3")
    assert not begins_with_settings(b"\0\0\6\4\1\0\0\0\0")
    assert not begins_with_settings(b"\0\0\6\4")


def test_a_server_may_speak_first():
    talk = Talk()
    talk.open(1)
    talk.frame(CLIENT, 1, 1, b"hello")
    steps = [talk.steps[1], talk.steps[0], *talk.steps[2:]]
    assert steps[0][0] == SERVER
    tables = tables_of(capture(steps), payload="full")
    assert said(tables)["client"] == [("text", b"hello")]


def test_lost_frame_boundaries_are_found_again():
    talk = Talk()
    talk.open(1)
    for number in range(12):
        talk.frame(SERVER, 1, 1, b"%02d" % number * 40)
    packets = segments(talk.steps)
    (lost,) = (at for at, (_, packet, _) in enumerate(packets) if b"0202" in packet)
    del packets[lost]
    tables = tables_of(pcap(packets, nanoseconds=True), payload="full")
    got = [payload[:2] for _, payload in said(tables)["server"]]
    assert got == [b"%02d" % number for number in range(12) if number not in (2,)]
    hold_together(tables)
