"""Protocols inside, as recorded from programs: what they said, asked and published themselves.

The logs of captures/make/inside/said.js and said.py have the programs' own view. Times of the
programs and of the capture are of one machine's clock: the packets of a call lie between the
moments at which its caller asked and had the answer, and the callee's part between the packets.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from functools import cache
from typing import Any

import pandas as pd
import pytest
from test_captures import CAPTURES, MANIFEST, logged

import analyzer

CLOCK = 0.002
"""Seconds by which a program's clock may be behind or ahead: Chromium's counts in 0.1 ms and
is set by the machine's clock at the start of the page."""
NAMES = {
    name: {event["inner"] for event in logged(name) if "inner" in event}
    for name, row in MANIFEST.items()
    if any(key in row["expected"] for key in ("log", "log_decrypted"))
}
RECORDED = sorted(name for name, inner in NAMES.items() if inner)
UNNAMED = {"graphql-transport-ws": "subscribe", "graphql-ws": "start"}


@cache
def analysed(name: str) -> analyzer.Analysis:
    keys = (CAPTURES / name).with_suffix(".keys")
    return analyzer.analyze(CAPTURES / name, keys=[str(keys)] if keys.exists() else ())


def events(name: str, *kinds: str) -> list[dict[str, Any]]:
    """Events of connections; those of HTTP have no port."""
    return [event for event in logged(name) if event["event"] in kinds and event["port"]]


def with_events(*kinds: str) -> list[str]:
    return [name for name in RECORDED if events(name, *kinds)]


def connections(name: str) -> dict[int, int]:
    rows = analysed(name).connections
    return dict(zip(rows["client_port"], rows["connection"], strict=True))


def or_none(value: Any) -> Any:
    return None if pd.isna(value) else value


# --- what is said


def text(value: Any) -> str | None:
    return None if value is None else str(value)


@pytest.mark.parametrize("name", with_events("said", "speaks"))
def test_protocols_are_those_of_the_programs(name):
    rows = analysed(name).connections.set_index("client_port")
    opened = {event["port"]: event["inner"] for event in events(name, "said", "speaks")}
    assert rows["inner"].to_dict() == opened


@pytest.mark.parametrize("name", with_events("said"))
def test_messages_are_what_the_programs_said(name):
    numbers = connections(name)
    expected = defaultdict(list)
    for event in events(name, "said"):
        expected[numbers[event["port"]], event["who"]].append(event)
    messages = analysed(name).messages
    compared = 0
    for (number, who), said in expected.items():
        rows = messages[(messages["connection"] == number) & (messages["direction"] == who)]
        rows = rows[rows["inner_items"] > 0]
        if said[0]["inner"] in ("socket.io", "stomp", "mqtt"):
            # Of Socket.IO programs log events alone, of STOMP no newlines, of MQTT no CONNECT.
            rows = rows[rows["kind"].isin({event["kind"] for event in said})]
        assert int(rows["inner_items"].sum()) == len(said)
        names = {event["name"] for event in events(name, "said")}
        at = 0
        for row in rows.itertuples():
            # The first item of each message stands in its row.
            one = said[at]
            assert row.kind == one["kind"]
            # What programs leave out may be that of the request: of a reply, or of UNSUBSCRIBE.
            named = {one["name"]} if one["name"] is not None else {None, *names}
            assert or_none(row.name) in named or row.kind == "heartbeat"
            if one.get("topic") is not None and pd.isna(row.reply_to):
                assert or_none(row.topic) == one["topic"]
            if one.get("reply_to") is not None:
                assert row.reply_to == one["reply_to"]
            elif one.get("id") is not None:
                given = {or_none(row.id), or_none(row.reply_to)} - {None}
                assert not given or text(one["id"]) in given
            compared += 1
            at += row.inner_items
    assert compared


# --- calls


@pytest.mark.parametrize("name", with_events("call"))
def test_calls_are_those_of_the_programs(name):
    numbers = connections(name)
    calls = analysed(name).calls
    for (number, who), asked in by_caller(name).items():
        rows = calls[(calls["connection"] == numbers[number]) & (calls["caller"] == who)]
        rows = rows[rows["name"].isin({event["name"] for event in asked})]
        found = Counter((row.name, row.outcome) for row in rows.itertuples())
        assert found == Counter((event["name"], event["outcome"]) for event in asked)
        for event, row in pairs(asked, rows):
            begin = row.requested_at.timestamp()
            assert event["asked_at"] - CLOCK <= begin
            if event["outcome"] in ("unanswered", "cancelled") and pd.isna(row.reply_us):
                continue
            end = begin + row.reply_us / 1e6
            assert end <= event["answered_at"] + CLOCK
            assert row.reply_us / 1e6 >= event.get("held", 0) - CLOCK
            if event.get("items") is not None:
                assert row.items == event["items"]


def by_caller(name: str) -> dict[tuple[int, str], list[dict[str, Any]]]:
    found = defaultdict(list)
    for event in events(name, "call"):
        # A call without a name goes by its kind.
        called = event["name"] or UNNAMED[event["inner"]]
        found[event["port"], event["who"]].append({**event, "name": called})
    return found


def pairs(asked, rows):
    """Calls of one name in the order in which they were asked."""
    for call in {event["name"] for event in asked}:
        mine = sorted((e for e in asked if e["name"] == call), key=lambda e: e["asked_at"])
        found = rows[rows["name"] == call].sort_values(["requested_at", "call"])
        yield from zip(mine, found.itertuples(), strict=True)


# --- topics


def deliveries(name: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Publications with each delivery; the programs say each text but once."""
    published = {event["key"]: event for event in events(name, "publish")}
    return [
        (published[event["key"]], event)
        for event in events(name, "delivery")
        # Spring says what it is sent again, to another destination.
        if event["key"] in published
    ]


@pytest.mark.parametrize("name", [name for name in RECORDED if deliveries(name)])
def test_deliveries_are_those_of_the_programs(name):
    numbers = connections(name)
    fanout = analysed(name).fanout
    expected = defaultdict(list)
    for sent, got in deliveries(name):
        key = got["topic"], numbers[sent["port"]], numbers[got["port"]]
        expected[key].append((sent["at"], got["at"]))
    found = defaultdict(list)
    for row in fanout.itertuples():
        found[row.topic, row.publish_connection, row.connection].append(row.delivered_us / 1e6)
    assert {key: len(times) for key, times in found.items()} == {
        key: len(times) for key, times in expected.items()
    }
    for key, times in expected.items():
        for (sent_at, got_at), seconds in zip(times, found[key], strict=True):
            assert 0 < seconds <= got_at - sent_at + CLOCK


@pytest.mark.parametrize("name", [name for name in RECORDED if deliveries(name)])
def test_topics_have_the_publishers_and_readers_of_the_programs(name):
    topics = analysed(name).topics.set_index("topic")
    groups = defaultdict(lambda: (set(), set(), set(), []))
    for sent, got in deliveries(name):
        publishers, readers, messages, given = groups[got["topic"]]
        publishers.add(sent["port"])
        readers.add(got["port"])
        messages.add(sent["key"])
        given.append(got)
    for topic, (publishers, readers, messages, given) in groups.items():
        row = topics.loc[topic]
        assert (row["publishers"], row["subscribers"]) == (len(publishers), len(readers))
        assert (row["messages"], row["deliveries"]) == (len(messages), len(given))


@pytest.mark.parametrize("name", [name for name in RECORDED if name.startswith("stomp-rabbitmq")])
def test_receipt_headers_that_a_broker_passes_on_ask_nothing(name):
    """RabbitMQ hands a SEND's `receipt` on in MESSAGE, where it is a header like any other."""
    calls = analysed(name).calls
    # What does ask is a MESSAGE with `reply-to`.
    assert set(calls[calls["caller"] == "server"]["name"]) == {"/queue/ask"}


# --- over plain HTTP


def session_of(event: dict[str, Any]) -> str:
    return str(event.get("sid") or event["session"])


def over_http(name: str, *kinds: str) -> list[dict[str, Any]]:
    return [
        event
        for event in logged(name)
        if event["event"] in kinds and not event["port"] and ("sid" in event or "session" in event)
    ]


@pytest.mark.parametrize("name", [name for name in RECORDED if over_http(name, "call")])
def test_calls_over_http_are_those_of_the_programs(name):
    calls = analysed(name).calls
    calls = calls[calls["connection"].isna()]
    asked = over_http(name, "call")
    # STOMP calls a request by its destination, the programs by its command.
    renamed = {"SEND": "/topic/room.1"}
    expected = Counter((renamed.get(e["name"], e["name"]), e["who"], e["outcome"]) for e in asked)
    assert Counter(zip(calls["name"], calls["caller"], calls["outcome"], strict=True)) == expected
    sessions = {session_of(event) for event in asked}
    assert calls["session"].nunique() == len(sessions)
    for call in {event["name"] for event in asked}:
        mine = sorted((e for e in asked if e["name"] == call), key=lambda e: e["asked_at"])
        rows = calls[calls["name"] == renamed.get(call, call)].sort_values("requested_at")
        for event, row in zip(mine, rows.itertuples(), strict=True):
            begin = row.requested_at.timestamp()
            assert event["asked_at"] - CLOCK <= begin
            if event["outcome"] == "ok":
                assert begin + row.reply_us / 1e6 <= event["answered_at"] + CLOCK
                assert row.reply_us / 1e6 >= event.get("held", 0) - CLOCK


@pytest.mark.parametrize(
    "name", [name for name in RECORDED if name.startswith("sockjs") and over_http(name, "delivery")]
)
def test_deliveries_over_http_are_those_of_the_programs(name):
    published = {event["key"]: event for event in over_http(name, "publish")}
    got = over_http(name, "delivery")
    fanout = analysed(name).fanout
    assert len(fanout) == len(got)
    slowest = max(event["at"] - published[event["key"]]["at"] for event in got)
    assert fanout["delivered_us"].min() > 0
    assert fanout["delivered_us"].max() / 1e6 <= slowest + CLOCK
    (topic,) = analysed(name).topics.to_dict("records")
    sessions = {session_of(event) for event in got}
    assert (topic["messages"], topic["subscribers"]) == (len(published), len(sessions))
