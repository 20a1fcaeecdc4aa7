"""Every capture of the manifest gives what its programs logged and what tshark saw."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from oracle import tshark

import analyzer
from analyzer.tables.schema import LEDGER_PARTS

CAPTURES = Path(__file__).parents[1] / "captures"
MANIFEST = json.loads((CAPTURES / "manifest.json").read_text(encoding="utf-8"))
NAMES = sorted(MANIFEST)
LOGGED = sorted(name for name, row in MANIFEST.items() if "log" in row["expected"])
WITH_FRAMES_OF_TSHARK = [
    name
    for name in NAMES
    # What is wrong with the others stands in their notes: payloads alone where they inflate.
    if "inflates" in MANIFEST[name].get("tshark_notes", "inflates")
]
DIRECTIONS = ("client", "server")


@cache
def analysed(name: str) -> analyzer.Analysis:
    return analyzer.analyze(CAPTURES / name, payload="full", alternatives=False)


def holds_keys(name: str) -> bool:
    """Whether a capture of TLS has its key log within, and not beside it."""
    beside = (CAPTURES / name).with_suffix(".keys").exists()
    return "log_decrypted" in MANIFEST[name]["expected"] and not beside


@cache
def logged(name: str) -> list[dict[str, Any]]:
    text = (CAPTURES / "logs" / Path(name).with_suffix(".jsonl").name).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def by_port(name: str, *events: str) -> dict[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for event in logged(name):
        if event["event"] in events:
            found[event["port"]].append(event)
    return found


def or_none(value: Any) -> Any:
    return None if pd.isna(value) else value


def accepted(tables: analyzer.Analysis) -> pd.DataFrame:
    """The connections whose handshake a client must accept."""
    shakes = tables.handshakes
    good = shakes.loc[shakes["outcome"] == "accepted", "connection"]
    return tables.connections[tables.connections["connection"].isin(good)]


def of_direction(table: pd.DataFrame, direction: str) -> pd.DataFrame:
    return table[table["direction"] == direction]


# --- the manifest's counts


def counts(frame: pd.DataFrame) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {direction: {} for direction in DIRECTIONS}
    sizes = frame.groupby(["direction", "opcode"], observed=True).size()
    for (direction, opcode), size in sizes.items():
        found[direction][opcode] = int(size)
    return found


def over_http1(name: str) -> pd.DataFrame:
    """Return the plain exchanges that are no streams of HTTP/2, in order."""
    rows = analysed(name).http
    return rows[rows["http2_stream"].isna()].sort_values(["tcp_stream", "exchange"])


@pytest.mark.parametrize("name", NAMES)
def test_counts_are_those_of_tshark(name):
    groups = MANIFEST[name]["expected"]
    # Keys that a capture holds itself are used.
    expected = groups["tshark_decrypted" if holds_keys(name) else "tshark"]
    tables = analysed(name)
    capture = tables.summary.capture
    assert capture.packets == expected["packets"]
    assert capture.tcp_connections == expected["tcp_streams"]
    if name == "connect-proxy.pcap":
        return  # tshark sees nothing of the 101 and the frames inside a tunnel
    switched = tables.handshakes["status"] == 101
    others = tables.http["status"] == 101
    assert int(switched.sum()) + int(others.sum()) == expected["responses_101"]
    if name == "handshakes.pcap":
        return  # test_frames_of_odd_handshakes
    # tshark 4.0 does not look for WebSocket in HTTP/2: test_captures_http2.py.
    known = tables.connections.loc[tables.connections["http2_stream"].isna(), "connection"]
    frames = tables.frames[tables.frames["connection"].isin(known)]
    assert counts(frames) == expected["frames"]
    codes = frames["close_code"].dropna().value_counts()
    assert {str(code): int(n) for code, n in codes.items()} == expected["close_codes"]


@pytest.mark.tshark
def test_frames_of_odd_handshakes_are_those_of_tshark_but_for_its_notes():
    """tshark misses the connection with pipelined requests, and the frame before the 101."""
    tables = analysed("handshakes.pcap")
    ports = {event["why"]: event["port"] for event in logged("handshakes.pcap") if "why" in event}
    connections = tables.connections.set_index("client_port")["connection"]
    pipelined = connections[ports["two requests pipelined before"]]
    early = connections[ports["frame before the 101"]]
    frames = tables.frames
    assert len(frames[frames["connection"] == pipelined]) == 4
    seen = frames[(frames["connection"] != pipelined)]
    missed = (seen["connection"] == early) & (seen["direction"] == "client")
    missed &= seen["opcode"] == "text"
    assert int(missed.sum()) == 1
    assert in_packets(seen[~missed]) == tshark_saw("handshakes.pcap").frames


# --- the logs


@pytest.mark.parametrize("name", LOGGED)
def test_connections_are_those_that_programs_opened(name):
    expected = MANIFEST[name]["expected"]["log"]
    rows = accepted(analysed(name)).set_index("client_port", drop=False)
    opened = {int(port): row for port, row in expected["by_client_port"].items() if row["opened"]}
    assert len(rows) == expected["connections"]
    assert set(rows.index) == set(opened)
    for port, want in opened.items():
        close, row = want.get("close"), rows.loc[port]
        if not close:
            continue
        assert row["close_kind"] == close["kind"]
        assert row["closed_by"] == close["closed_by"]
        if close["kind"] == "clean":
            # 1005 stands for "no code was there" in the programs (RFC 6455 7.1.5).
            code = None if close["code"] == 1005 else close["code"]
            assert or_none(row["close_code"]) == code
            assert or_none(row["close_reason"]) == (close["reason"] or None)


def messages_logged(name: str) -> dict[tuple[int, str], list[tuple[str, int, str]]]:
    """By client port and sender: type, size and hash of each message, in order."""
    found = {}
    for port, events in by_port(name, "sent", "received").items():
        for sender, other in (DIRECTIONS, DIRECTIONS[::-1]):
            sent = [e for e in events if (e["event"], e["who"]) == ("sent", sender)]
            got = [e for e in events if (e["event"], e["who"]) == ("received", other)]
            rows = [(e["type"], e["size"], e["sha256"]) for e in sent or got]
            if rows:
                found[port, sender] = rows
    return found


@pytest.mark.parametrize("name", LOGGED)
def test_messages_are_those_that_programs_sent(name):
    tables = analysed(name)
    ports = tables.connections.set_index("connection")["client_port"]
    found = defaultdict(list)
    for row in tables.messages.sort_values(["connection", "message"]).itertuples():
        assert len(row.payload) == row.payload_bytes
        digest = hashlib.sha256(row.payload).hexdigest()[:16]
        key = (int(ports[row.connection]), row.direction)
        found[key].append((row.type, row.payload_bytes, digest))
    assert found == messages_logged(name)


def pings_found(tables: analyzer.Analysis) -> Counter[tuple[int, str, int]]:
    """(client's port, direction, bytes) of the pings in the tables."""
    ports = tables.connections.set_index("connection")["client_port"]
    return Counter(
        (int(ports[row.connection]), row.direction, row.payload_bytes)
        for row in tables.pings.itertuples()
    )


def pings_logged(name: str) -> Counter[tuple[int, str, int]]:
    """The same, as the programs logged them."""
    return Counter(
        (port, event["who"], event["size"])
        for port, events in by_port(name, "ping").items()
        for event in events
    )


@pytest.mark.parametrize("name", LOGGED)
def test_pings_are_those_that_programs_sent(name):
    assert pings_found(analysed(name)) == pings_logged(name)


@pytest.mark.parametrize("name", LOGGED)
def test_refusals_are_those_that_programs_logged(name):
    shakes = analysed(name).handshakes
    refused = shakes[~shakes["outcome"].isin(["accepted", "syn-refused", "syn-unanswered"])]
    found = [
        (int(row.client_port), or_none(row.status), row.outcome) for row in refused.itertuples()
    ]
    expected = [
        (port, event["status"], event["outcome"])
        for port, events in by_port(name, "refused").items()
        for event in events
    ]
    assert found == expected


def test_outcomes_of_handshakes_are_those_of_their_construction():
    expected = MANIFEST["handshakes.pcap"]["expected"]["handshakes"]
    tables = analysed("handshakes.pcap")
    assert tables.handshakes["outcome"].tolist() == expected["outcomes"]
    failed = tables.findings["id"].isin(["tcp-connect-refused", "tcp-connect-unanswered"])
    assert int(failed.sum()) == expected["failed_connects_elsewhere"]


ONE_REQUEST = {"python-aiohttp-reused.pcap": {"poll": "plain"}}
"""What is meant to be polled, but is asked for once: there is no interval to tell it by."""


@pytest.mark.tshark
@pytest.mark.parametrize("name", [name for name in LOGGED if by_port(name, "exchange")])
def test_http_exchanges_are_those_that_programs_logged(name):
    ports = tshark_saw(name).client_ports
    found = defaultdict(list)
    for row in over_http1(name).itertuples():
        path = row.path.partition("?")[0]
        found[ports[row.tcp_stream]].append((row.method, path, row.status, row.kind))
        assert row.request_header_bytes > 0
        assert row.response_header_bytes > 0
    kinds = ONE_REQUEST.get(name, {})
    assert found == {
        port: [
            (e["method"], e["path"], e["status"], kinds.get(e["kind"], e["kind"])) for e in events
        ]
        for port, events in by_port(name, "exchange").items()
    }


@pytest.mark.parametrize("name", [name for name in LOGGED if by_port(name, "exchange")])
def test_http_bodies_are_as_long_as_programs_logged(name):
    """A chunked body counts with its chunk sizes, at least 5 bytes ("0", twice CRLF)."""
    exchanges = [e for events in by_port(name, "exchange").values() for e in events]
    rows = over_http1(name)
    for event, size in zip(exchanges, rows["response_body_bytes"], strict=True):
        if name.startswith("board-") and event["body_bytes"] >= 200:
            # Its server logs a body before gzip; shorter ones may grow by it.
            assert 20 < size < event["body_bytes"]
            continue
        assert size == event["body_bytes"] or size >= event["body_bytes"] + 5


# --- sums


@pytest.mark.parametrize("name", NAMES)
def test_the_ledger_ties_out(name):
    ledger = analysed(name).ledger
    parts = list(LEDGER_PARTS)
    assert (ledger[parts].sum(axis=1) == ledger["wire_bytes"]).all()
    assert (ledger[parts] >= 0).all(axis=None)


@pytest.mark.parametrize("name", NAMES)
def test_messages_cost_what_their_parts_cost(name):
    messages = analysed(name).messages
    parts = ["transfer_bytes", "ws_header_bytes", "http_bytes", "tls_bytes"]
    parts += ["packet_header_bytes", "ack_bytes", "retransmitted_bytes"]
    assert (messages[parts].sum(axis=1) == messages["wire_bytes"]).all()
    by_connection = messages.groupby("connection")["wire_bytes"].sum()
    whole = analysed(name).connections.set_index("connection")["wire_bytes"]
    assert (by_connection <= whole.loc[by_connection.index]).all()


@pytest.mark.parametrize("name", NAMES)
def test_messages_tie_out_with_the_ledger(name):
    """All data frames belong to a message, and no byte of them to two."""
    tables = analysed(name)
    ledger = tables.ledger.dropna(subset="connection")
    ledger = ledger.groupby(["connection", "direction"], observed=True).sum(numeric_only=True)
    messages = tables.messages.groupby(["connection", "direction"], observed=True)
    transfer = messages["transfer_bytes"].sum().reindex(ledger.index, fill_value=0)
    assert (transfer == ledger["transfer_bytes"]).all()
    headers = tables.frames.groupby(["connection", "direction"], observed=True)["header_bytes"]
    headers = headers.sum().reindex(ledger.index, fill_value=0)
    assert (headers == ledger["ws_header_bytes"]).all()
    spent = messages["packet_header_bytes"].sum().reindex(ledger.index, fill_value=0)
    assert (spent <= ledger["link_bytes"] + ledger["ip_bytes"] + ledger["tcp_bytes"]).all()
    sent_again = messages["retransmitted_bytes"].sum().reindex(ledger.index, fill_value=0)
    assert (sent_again <= ledger["retransmitted_bytes"]).all()


# --- tshark, packet by packet


@dataclass
class Seen:
    """What tshark sees in a capture, by its tcp.stream where that applies."""

    packets: dict[int, int]
    wire_bytes: dict[int, int]
    client_ports: dict[int, int]
    initial_rtt_us: dict[int, float]
    upgrades_us: dict[int, list[float]]
    frames: list[tshark.Frame]


@cache
def tshark_saw(name: str) -> Seen:
    names = ("tcp.stream", "frame.len", "tcp.srcport", "tcp.analysis.initial_rtt")
    names += ("http.response.code", "http.time", *tshark.FRAME_FIELDS)
    seen = Seen({}, {}, {}, {}, {}, [])
    rows = tshark.fields(CAPTURES / name, "tcp", *names)
    for listed, size, port, rtt, codes, seconds, *frames in rows:
        stream = int(listed)
        seen.packets[stream] = seen.packets.get(stream, 0) + 1
        seen.wire_bytes[stream] = seen.wire_bytes.get(stream, 0) + int(size)
        seen.client_ports.setdefault(stream, int(port))
        if rtt:
            seen.initial_rtt_us[stream] = float(rtt) * 1e6
        if codes.split(",")[-1] == "101" and seconds:
            upgrade = float(seconds.split(",")[-1]) * 1e6
            seen.upgrades_us.setdefault(stream, []).append(upgrade)
        seen.frames += tshark.frames(frames)
    return seen


def in_packets(frames: pd.DataFrame) -> list[tshark.Frame]:
    """Our frames in the order of the packets that complete them."""
    frames = frames.sort_values(["packet_last", "frame"], kind="stable")
    return [
        tshark.Frame(
            row.packet_last, row.opcode, row.fin, or_none(row.masking_key), row.payload_bytes
        )
        for row in frames.itertuples()
    ]


@pytest.mark.tshark
@pytest.mark.parametrize("name", NAMES)
def test_packets_and_frames_are_those_that_tshark_sees(name):
    tables, seen = analysed(name), tshark_saw(name)
    sums = tables.ledger.groupby("tcp_stream")[["packets", "wire_bytes"]].sum()
    assert sums["packets"].to_dict() == seen.packets
    assert sums["wire_bytes"].to_dict() == seen.wire_bytes
    if name in WITH_FRAMES_OF_TSHARK:
        assert in_packets(tables.frames) == seen.frames


@pytest.mark.tshark
@pytest.mark.parametrize("name", NAMES)
def test_handshakes_take_as_long_as_tshark_says(name):
    seen, compared = tshark_saw(name), 0
    for row in analysed(name).handshakes.itertuples():
        # Of a SYN that was captured twice tshark takes the later copy.
        if not pd.isna(row.tcp_us) and name != "bridge-any.pcap":
            assert row.tcp_us == pytest.approx(seen.initial_rtt_us[row.tcp_stream], abs=0.01)
            compared += 1
        upgrades = seen.upgrades_us.get(row.tcp_stream)
        if or_none(row.status) == 101 and upgrades:
            assert row.upgrade_us == pytest.approx(upgrades[-1], abs=0.01)
            compared += 1
    assert compared >= analysed(name).connections["http2_stream"].isna().sum()
