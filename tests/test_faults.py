"""Captures with faults: what order cannot change, what loss may take, what stays known."""

from __future__ import annotations

import json
import random
from functools import cache
from pathlib import Path

import faults
import pytest
from oracle.whole import Said, Tables, assert_ties_out, tables_of

CAPTURES = Path(__file__).parents[1] / "captures"
MANIFEST = json.loads((CAPTURES / "manifest.json").read_text(encoding="utf-8"))
SOURCES = (
    *("npm-ws-basic", "npm-ws-fragments", "npm-ws-deflate-takeover", "npm-ws-many"),
    *("npm-ws-pings", "npm-ws-closes", "python-websockets-ipv6", "python-aiohttp-reused"),
    *("cooked-sll2", "python-aiohttp-websocket", "veth-ipv6"),
)
REPACKED = ("big-endian", "nanoseconds", "gzip", "zstd", "pcapng", "pcapng-big-endian")
SEEDS = (1, 2)


@cache
def original(name: str) -> bytes:
    return (CAPTURES / f"{name}.pcap").read_bytes()


@cache
def whole(name: str) -> Tables:
    return tables_of(original(name), payload="full")


@cache
def faulty(name: str, kind: str, seed: int = 1) -> Tables:
    tables = tables_of(faults.make(original(name), kind, seed), payload="full")
    assert_ties_out(tables)
    return tables


def by_port(tables: Tables) -> dict[int, Said]:
    """What was said on each connection, by the client's port."""
    rows, messages = tables["connections"], tables["messages"]
    found: dict[int, Said] = {stream: {"client": [], "server": []} for stream in rows["tcp_stream"]}
    streams = dict(zip(rows["connection"], rows["tcp_stream"], strict=True))
    columns = [messages[name] for name in ("connection", "direction", "type", "payload")]
    for connection, direction, kind, payload in zip(*columns, strict=True):
        found[streams[connection]][direction].append((kind, payload))
    ports = zip(rows["tcp_stream"], rows["client_port"], strict=True)
    return {int(port): found[stream] for stream, port in ports}


def is_within(some: list, all_of_them: list) -> bool:
    """Return whether `some` are some of them, in their order."""
    rest = iter(all_of_them)
    return all(any(each == other for other in rest) for each in some)


def payload_of(capture: faults.Capture, number: int) -> int:
    """Return how many bytes of payload packet `number` carries."""
    parts = faults.segment(capture, capture.records[number - 1])
    return 0 if parts is None else parts.end - parts.payload


# --- all bytes are there


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", [k for k in faults.ORDER_ONLY if k not in REPACKED])
@pytest.mark.parametrize("name", SOURCES)
def test_what_keeps_all_bytes_keeps_all_messages(name, kind, seed):
    tables = faulty(name, kind, seed)
    assert by_port(tables) == by_port(whole(name))
    assert (tables["ledger"]["lost_bytes"] == 0).all()
    known = ["close_kind", "close_code", "client_frames", "server_frames", "client_port"]
    assert tables["connections"][known].equals(whole(name)["connections"][known])


@pytest.mark.parametrize("kind", REPACKED)
@pytest.mark.parametrize("name", SOURCES)
def test_how_a_capture_is_packed_changes_nothing(name, kind):
    for table, rows in faulty(name, kind).items():
        assert rows.equals(whole(name)[table]), table


@pytest.mark.parametrize("name", SOURCES)
def test_a_packet_captured_twice_counts_once(name):
    """Link, IP and TCP headers too: the copy is a duplicate to its last byte."""
    ledger, before = faulty(name, "duplicate-all")["ledger"], whole(name)["ledger"]
    assert (ledger["duplicate_bytes"] == before["wire_bytes"]).all()
    assert (ledger["wire_bytes"] == 2 * before["wire_bytes"]).all()
    assert (ledger["retransmitted_bytes"] == 0).all()
    same = ["link_bytes", "ip_bytes", "tcp_bytes", "http_bytes", "transfer_bytes"]
    assert ledger[same].equals(before[same])


@pytest.mark.parametrize("name", SOURCES)
def test_bytes_sent_again_are_counted(name):
    source = faults.read(original(name))
    once = sum(payload_of(source, n) for n in range(1, len(source.records) + 1))
    before, after = whole(name)["ledger"], faulty(name, "retransmit")["ledger"]
    sent_again = int(after["retransmitted_bytes"].sum() - before["retransmitted_bytes"].sum())
    remade = faults.read(faults.make(original(name), "retransmit", 1))
    payload = sum(payload_of(remade, n) for n in range(1, len(remade.records) + 1))
    assert sent_again == payload - once > 0


# --- bytes are missing


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", SOURCES)
def test_loss_takes_what_it_touched_and_nothing_else(name, seed):
    lost = set(faults.lost_packets(original(name), seed))
    capture = faults.read(original(name))
    tables, before = faulty(name, "loss", seed), whole(name)
    assert int(tables["ledger"]["lost_bytes"].sum()) <= sum(payload_of(capture, n) for n in lost)
    # Bytes lost between two fragments may have been a third one: that message is hurt too.
    hit = [row for row in before["messages"].itertuples() if touched(row, lost)]
    hurt = {(row.connection, row.message) for row in hit}
    all_before = by_port(before)
    for port, now in by_port(tables).items():
        then = all_before[port]
        rows = before["connections"].set_index("client_port")
        connection = rows.loc[port, "connection"]
        for sender in ("client", "server"):
            known = [each for each in now[sender] if each[1] is not None]
            assert is_within(known, then[sender])
            messages = before["messages"]
            mine = messages[messages["connection"] == connection]
            mine = mine[mine["direction"] == sender]
            if not mine["compressed"].any():
                spared = [
                    (row.type, row.payload)
                    for row in mine.itertuples()
                    if (connection, row.message) not in hurt
                ]
                assert is_within(spared, known)


def touched(message, lost: set[int]) -> bool:
    return any(message.packet_first <= number <= message.packet_last for number in lost)


@pytest.mark.parametrize("name", SOURCES)
def test_lost_bytes_are_the_bytes_that_were_dropped(name):
    """Where the capture goes on, ACKs and later segments prove each lost byte."""
    capture = faults.read(original(name))
    streams = whole(name)["ledger"]
    for number in faults.lost_packets(original(name), 3)[:1]:
        kept = [r for n, r in enumerate(capture.records, 1) if n != number]
        data = faults.write(faults.Capture(capture.link, tuple(kept)))
        ledger = tables_of(data)["ledger"]
        assert int(ledger["lost_bytes"].sum()) == payload_of(capture, number)
        assert len(ledger) == len(streams)


@pytest.mark.parametrize("name", SOURCES)
def test_a_cut_capture_holds_what_was_before_the_cut(name):
    tables, before = faulty(name, "cut"), whole(name)
    assert "capture-cut" in set(tables["findings"]["id"])
    last = len(faults.read(original(name)).records) - 3
    frames = before["frames"]
    kept = frames[frames["packet_last"] <= last]
    columns = ["connection", "frame", "direction", "opcode", "payload_bytes", "packet_last"]
    assert tables["frames"][columns].values.tolist() == kept[columns].values.tolist()
    all_before = by_port(before)
    for port, now in by_port(tables).items():
        for sender in ("client", "server"):
            then = all_before[port][sender]
            assert now[sender] == then[: len(now[sender])]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", SOURCES)
def test_damage_never_raises(name, seed):
    faulty(name, "damaged", seed)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", SOURCES)
def test_what_stands_before_the_damage_is_there(name, seed):
    data = bytearray(original(name))
    half = random.Random(seed).randrange(len(data) // 3, len(data))
    capture, at, good = faults.read(original(name)), 24, 0
    for record in capture.records:
        at += 16 + len(record.data)
        if at > half:
            break
        good += 1
    data[half:] = bytes(len(data) - half)
    tables = tables_of(bytes(data), payload="full")
    assert_ties_out(tables)
    frames = whole(name)["frames"]
    columns = ["connection", "direction", "opcode", "payload_bytes", "packet_last"]
    kept = frames.loc[frames["packet_last"] <= good, columns].values.tolist()
    found = tables["frames"]
    assert found.loc[found["packet_last"] <= good, columns].values.tolist() == kept


# --- the handshake is missing

MID_STREAM = ("npm-ws-basic", "npm-ws-many", "npm-ws-pings", "cooked-sll2", "veth-ipv6")


@pytest.mark.parametrize("name", MID_STREAM)
def test_connections_are_recognised_without_their_handshake(name):
    tables, before = faulty(name, "mid-stream"), whole(name)
    rows = tables["connections"]
    assert not rows["handshake_seen"].any()
    # Client and server are told apart by the mask: ports are those of the handshake.
    ends = ["client_ip", "client_port", "server_ip", "server_port"]
    assert sorted(rows[ends].values.tolist()) == sorted(before["connections"][ends].values.tolist())
    for port, now in by_port(tables).items():
        for sender, messages in now.items():
            then = by_port(before)[port][sender]
            assert messages == then[len(then) - len(messages) :]


# --- packets are cut


@pytest.mark.parametrize("name", SOURCES)
def test_cut_packets_count_with_their_original_lengths(name):
    tables, before = faulty(name, "snaplen-96"), whole(name)
    columns = ["tcp_stream", "direction", "wire_bytes", "packets", "ip_bytes", "tcp_bytes"]
    assert tables["ledger"][columns].equals(before["ledger"][columns])
    assert (tables["ledger"]["lost_bytes"] == 0).all()
    assert "packets-snaplen" in set(tables["findings"]["id"])


def test_frames_in_cut_packets_are_read_although_both_heads_are_cut():
    """All frames but one are shorter than what is left; the frame of 125 bytes is known by size."""
    columns = ["direction", "opcode", "fin", "header_bytes", "payload_bytes", "packet_last"]
    found = faulty("npm-ws-pings", "snaplen-96")["frames"]
    assert found[columns].equals(whole("npm-ws-pings")["frames"][columns])


@pytest.mark.parametrize("name", ["npm-ws-closes", "npm-ws-fragments", "npm-ws-basic"])
def test_frames_in_cut_packets_are_as_long_as_they_say(name):
    columns = ["direction", "opcode", "payload_bytes", "packet_first"]
    frames = set(map(tuple, whole(name)["frames"][columns].values))
    found = list(map(tuple, faulty(name, "snaplen-96")["frames"][columns].values))
    assert found
    assert set(found) <= frames
