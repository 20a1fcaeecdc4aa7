"""How real programs delivered over plain HTTP, against what they logged themselves."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import replace
from functools import cache
from operator import itemgetter
from pathlib import Path

import pytest

import analyzer
from analyzer.capture.source import open_capture
from analyzer.http.exchanges import Exchange
from analyzer.http.stage import HttpStage
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
    # Within TLS the http stage sees nothing by itself.
    and not (CAPTURES / f"{path.stem}.keys").exists()
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
        if each.http_version != "2"
    )
    assert found == expected


@pytest.mark.parametrize("name", LOGGED)
def test_cuts_of_the_input_change_nothing(name):
    small, whole = (
        # Which slot the stage gives a connection depends on when another one left it.
        [replace(each, slot=0) for each in exchanges(name, size)]
        for size in (700, 1 << 20)
    )
    assert small == whole


# --- the chats: each line that a member got


CHATS = [
    name
    for name in LOGGED
    if name.startswith(("chat-", "feed-")) and not name.endswith("-websocket")
]


def delivered(name):
    """(time, size) of what the capture shows, by client port."""
    found = defaultdict(list)
    for each in exchanges(name):
        if each.kind != "plain":
            found[port_of(each)] += each.deliveries
    return {port: sorted(items, key=itemgetter(0)) for port, items in found.items() if items}


@pytest.mark.parametrize("name", CHATS)
def test_messages_of_a_chat(name):
    logged = defaultdict(list)
    for each in events(name):
        if each["event"] == "delivered":
            logged[each["port"]].append(each)
    found = delivered(name)
    assert set(found) == set(logged)
    for port, lines in logged.items():
        lines.sort(key=itemgetter("handed_at", "number"))
        assert [size for _, size in found[port]] == [line["size"] for line in lines]
        for (time, _), line in zip(found[port], lines, strict=True):
            assert line["handed_at"] * 1e9 - MS <= time <= line["arrived_at"] * 1e9 + MS


@pytest.mark.parametrize("name", CHATS)
def test_groups_of_a_chat_are_its_members(name):
    groups = analyzer.analyze(CAPTURES / f"{name}.pcap").http_groups
    logged = Counter(each["member"] for each in events(name) if each["event"] == "delivered")
    assert sorted(groups["messages"]) == sorted(logged.values())
    assert list(groups["group"]) == list(range(len(logged)))
    assert groups["requests"].sum() == sum(each.kind != "plain" for each in exchanges(name))
    if name.endswith("-poll"):
        assert list(groups["answered"]) == list(groups["requests"])


@pytest.mark.parametrize("name", CHATS)
def test_what_members_post_is_sent(name):
    posts = [each for each in exchanges(name) if each.method == "POST"]
    assert posts
    said = Counter(
        {
            each["sha256"]: each["size"]
            for each in events(name)
            if each["event"] == "delivered" and each["kind"] == "line"
        }.values()
    )
    assert Counter(size for each in posts for size in each.sent) == said


@pytest.mark.parametrize(("name", "interval"), [("chat-short-poll", 0.3), ("feed-short-poll", 0.5)])
def test_polls_wait_half_their_interval(name, interval):
    groups = analyzer.analyze(CAPTURES / f"{name}.pcap").http_groups
    assert groups["interval_s"].tolist() == pytest.approx([interval] * len(groups), rel=0.01)
    assert groups["interval_spread_s"].between(0, 0.02).all()
    expected = [1e6 * interval / 2] * len(groups)
    assert groups["delay_us"].tolist() == pytest.approx(expected, rel=0.02)
    waits = [
        each["arrived_at"] - each["posted_at"]
        for each in events(name)
        if each["event"] == "delivered"
    ]
    real = 1e6 * sum(waits) / len(waits)
    assert groups["delay_us"].mean() == pytest.approx(real, rel=0.1)
