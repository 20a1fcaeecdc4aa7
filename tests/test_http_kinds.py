"""How real programs delivered over plain HTTP, against what they logged themselves."""

from __future__ import annotations

import json
import subprocess
from collections import Counter, defaultdict
from functools import cache
from operator import itemgetter
from pathlib import Path

import pytest

import analyzer
from analyzer.capture.source import open_capture
from analyzer.http.events import Exchange
from analyzer.http.transactions import HttpStage
from analyzer.options import Options
from analyzer.packets.decode import PacketDecoder
from analyzer.tcp.reassembly import Reassembler

CAPTURES = Path(__file__).parents[1] / "captures"
MS = 1_000_000


def events(name):
    text = (CAPTURES / "logs" / f"{name}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


@cache
def exchanges(name, batch_bytes=1 << 20) -> list[Exchange]:
    """The http stage's exchanges, by client port and number."""
    options = Options(batch_bytes=batch_bytes)
    packets, tcp, http = PacketDecoder(options), Reassembler(options), HttpStage(options)
    found: list[Exchange] = []
    for records in open_capture([CAPTURES / f"{name}.pcap"], options):
        found += http.push(tcp.push(packets.push(records))).exchanges
    found += http.push(tcp.push(packets.finish())).exchanges
    found += http.push(tcp.finish(), last=True).exchanges
    return sorted(found, key=lambda each: (port_of(each), each.exchange))


def port_of(exchange):
    return (exchange.tcp.port0, exchange.tcp.port1)[exchange.client_side]


LOGGED = sorted(
    path.stem
    for path in (CAPTURES / "logs").glob("*.jsonl")
    if any('"event": "exchange"' in line for line in path.read_text().splitlines())
)


def test_there_is_enough_to_compare_with():
    assert len(LOGGED) >= 8
    seen = {each["kind"] for name in LOGGED for each in events(name) if each["event"] == "exchange"}
    assert seen == {"plain", "poll", "long-poll", "stream", "sse"}


@pytest.mark.parametrize("name", LOGGED)
def test_kinds_are_what_the_server_says(name):
    expected = Counter(
        (each["port"], each["method"], each["path"], each["status"], each["kind"])
        for each in events(name)
        if each["event"] == "exchange"
    )
    if name == "python-aiohttp-reused":
        # One request to what is meant to be polled has no interval yet.
        (one,) = [each for each in expected if each[-1] == "poll"]
        expected[(*one[:-1], "plain")] += expected.pop(one)
    found = Counter(
        (port_of(each), each.method, each.path.partition("?")[0], each.status, each.kind)
        for each in exchanges(name)
    )
    assert found == expected


@pytest.mark.parametrize("name", LOGGED)
def test_cuts_of_the_input_change_nothing(name):
    assert exchanges(name, 700) == exchanges(name)


# --- the chats: each line that a member got


CHATS = [name for name in LOGGED if name.startswith("chat-") and name != "chat-websocket"]
QUOTES = 12
"""A line is a JSON object with ten quotes; as an element of an array of strings it is two
quotes and ten backslashes longer."""


def delivered(name):
    """(time, size) of what the capture shows, by the member in the query."""
    found = defaultdict(list)
    for each in exchanges(name):
        if each.kind != "plain":
            found[each.path.partition("member=")[2].partition("&")[0]] += each.deliveries
    return {member: sorted(items, key=itemgetter(0)) for member, items in found.items()}


@pytest.mark.parametrize("name", CHATS)
def test_messages_of_a_chat(name):
    logged = defaultdict(list)
    for each in events(name):
        if each["event"] == "delivered":
            logged[each["member"]].append(each)
    found = delivered(name)
    assert set(found) == set(logged)
    for member, lines in logged.items():
        sizes = [size for _, size in found[member]]
        wanted = [line["size"] for line in lines]
        if name.endswith("-poll") and sizes != wanted:
            wanted = [size + QUOTES for size in wanted]
        assert sizes == wanted
        for (time, _), line in zip(found[member], lines, strict=True):
            assert line["handed_at"] * 1e9 - MS <= time <= line["arrived_at"] * 1e9 + MS


@pytest.mark.parametrize("name", CHATS)
def test_groups_of_a_chat_are_its_members(name):
    groups = analyzer.analyze(CAPTURES / f"{name}.pcap").http_groups
    logged = Counter(each["member"] for each in events(name) if each["event"] == "delivered")
    assert sorted(groups["messages"]) == sorted(logged.values())
    assert list(groups["group"]) == list(range(len(logged)))
    requests = sum(each.kind != "plain" for each in exchanges(name))
    assert groups["requests"].sum() == groups["answered"].sum() == requests


@pytest.mark.parametrize("name", CHATS)
def test_what_members_post_is_sent(name):
    posts = [each for each in exchanges(name) if each.method == "POST"]
    assert posts
    sizes = {each["size"] for each in events(name) if each["event"] == "delivered"}
    assert {size for each in posts for size in each.sent} == sizes


def test_polls_wait_half_their_interval():
    groups = analyzer.analyze(CAPTURES / "chat-short-poll.pcap").http_groups
    # make/chat_transports.py polls each 0.25 s; aiohttp takes a little more.
    assert groups["interval_s"].between(0.25, 0.26).all()
    assert groups["interval_spread_s"].between(0, 0.02).all()
    assert groups["delay_us"].between(110_000, 140_000).all()
    waits = [
        each["arrived_at"] - each["posted_at"]
        for each in events("chat-short-poll")
        if each["event"] == "delivered"
    ]
    real = 1e6 * sum(waits) / len(waits)
    assert groups["delay_us"].mean() == pytest.approx(real, rel=0.25)


# --- Socket.IO and SockJS


@pytest.mark.parametrize("name", ["sockjs-xhr-polling", "sockjs-xhr-streaming"])
def test_messages_of_sockjs(name):
    logged = events(name)
    found = sorted(item for each in exchanges(name) if each.group >= 0 for item in each.deliveries)
    emitted = [each["size"] for each in logged if each["event"] == "emitted"]
    assert [size for _, size in found] == emitted
    posts = [each for each in exchanges(name) if each.path.endswith("/xhr_send")]
    posts.sort(key=lambda each: each.request_packet)
    received = [each["size"] for each in logged if each["event"] == "delivered"]
    assert [size for each in posts for size in each.sent] == received
    assert {each.transport for each in posts} == {"sockjs"}
    session = [each for each in exchanges(name) if each.transport]
    assert len({each.client_key for each in session}) == 1


def test_messages_of_socket_io():
    found = [each for each in exchanges("socket-io-polling") if each.kind == "long-poll"]
    found.sort(key=lambda each: each.response_packet)
    # tshark shows: open, connect, said, ack, said, ack, said, ack, event with a blob, the blob,
    # event, blob, ping, noop.
    assert [each.messages for each in found] == [0, *[1] * 11, 0, 0]
    sizes = [size for each in found for _, size in each.deliveries]
    logged = [each for each in events("socket-io-polling") if each["event"] == "emitted"]
    blobs = [each["values"][0]["size"] for each in logged if each["name"] == "blob"]
    assert [size for size in sizes if size in blobs] == blobs == [5, 3000]
    # 42["said","..."]; the log has the size with the quotes, and the packet's type, 4, does
    # not count.
    texts = [each["values"][0]["size"] + len('2["said",]') for each in logged[:3]]
    assert [sizes[1], sizes[3], sizes[5]] == texts
    assert {each.group for each in found} == {0}
    sent = [
        size
        for each in sorted(exchanges("socket-io-polling"), key=lambda each: each.request_packet)
        if each.method == "POST"
        for size in each.sent
    ]
    assert [size for size in sent if size in blobs] == blobs


# --- pages


@pytest.mark.parametrize("name", ["tomcat-chat", "connect-proxy", "handshakes"])
def test_no_other_exchange_delivers(name):
    assert {each.kind for each in exchanges(name)} <= {"plain"}
    assert all(each.group == -1 for each in exchanges(name))


@pytest.mark.tshark
@pytest.mark.parametrize("name", [*CHATS, "socket-io-polling", "sockjs-xhr-streaming"])
def test_segments_are_those_that_tshark_sees(name):
    # No two messages share a segment there, and what was sent twice is not in the capture.
    command = ["tshark", "-r", str(CAPTURES / f"{name}.pcap"), "-Y", "tcp.len>0"]
    shown = subprocess.run(
        [*command, "-T", "fields", "-e", "tcp.srcport"], capture_output=True, text=True, check=True
    )
    ports = Counter(shown.stdout.split())
    found: Counter[str] = Counter()
    for each in exchanges(name):
        server = (each.tcp.port1, each.tcp.port0)[each.client_side]
        found[str(port_of(each))] += each.request_segments
        found[str(server)] += each.response_segments
    assert found == ports


# --- limits, over the whole pipeline


LIMITS = [
    {"max_held_exchanges": 3},
    {"max_group_exchanges": 4},
    {"max_http_lanes": 2},
    {"max_http_groups": 1},
    {"max_deliveries": 1, "max_delivery_body_bytes": 60},
]


@pytest.mark.parametrize("limits", LIMITS, ids=lambda limits: next(iter(limits)))
@pytest.mark.parametrize("name", ["chat-long-poll", "python-aiohttp-plain-http"])
def test_limits_do_not_make_results_depend_on_batches(name, limits):
    path = CAPTURES / f"{name}.pcap"
    whole = analyzer.analyze(path, **limits)
    for batch_bytes in (700, 5000):
        parts = analyzer.analyze(path, batch_bytes=batch_bytes, **limits)
        for table in ("http", "http_groups", "findings"):
            assert getattr(parts, table).equals(getattr(whole, table)), table
    assert len(whole.http) == len(analyzer.analyze(path).http)
