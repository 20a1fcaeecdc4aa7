"""Recorded sessions over plain HTTP with packets left out: calls are lost, not slow, not new."""

from __future__ import annotations

import io
from functools import cache

import dpkt
import pandas as pd
import pytest
from test_captures import CAPTURES

import analyzer

NAMES = (
    *("socket-io-calls-polling", "sockjs-stomp-eventsource"),
    *("sockjs-stomp-xhr-polling", "sockjs-stomp-xhr-streaming"),
)
HEADERS = 86
"""Bytes of a packet without payload, at most."""


@cache
def packets(name):
    with (CAPTURES / f"{name}.pcap").open("rb") as file:
        reader = dpkt.pcap.Reader(file)
        return reader.datalink(), list(reader)


def outcomes(link, kept):
    """Inner protocol, outcome and reply_us of each call, by name, caller and time."""
    data = io.BytesIO()
    writer = dpkt.pcap.Writer(data, linktype=link, nano=True)
    for time, packet in kept:
        writer.writepkt(packet, time)
    data.seek(0)
    found = {}
    for row in analyzer.analyze(data).calls.itertuples():
        reply = None if pd.isna(row.reply_us) else row.reply_us
        key = row.inner, row.name, row.caller, row.requested_at
        found.setdefault(key, []).append((row.outcome, reply))
    return found


@cache
def whole(name):
    return outcomes(*packets(name))


def check(name, kept, why):
    link, _ = packets(name)
    right = whole(name)
    lost = 0
    for key, values in outcomes(link, kept).items():
        assert key in right, why
        for value, expected in zip(values, right[key], strict=True):
            assert value == expected or value[0] == "lost", (why, key, value, expected)
            lost += value[0] == "lost"
    return lost


@pytest.mark.parametrize("name", NAMES)
def test_one_packet_is_missing(name):
    _, every = packets(name)
    with_payload = [at for at, (_, packet) in enumerate(every) if len(packet) > HEADERS]
    lost = 0
    for at in with_payload[:: max(1, len(with_payload) // 10)]:
        lost += check(name, every[:at] + every[at + 1 :], f"without packet {at + 1}")
    assert lost


@pytest.mark.parametrize("name", NAMES)
def test_the_request_of_a_poll_is_missing(name):
    """Its answer has the answers of calls, and nothing says of which session it is."""
    _, every = packets(name)
    polls = [
        at
        for at, (_, packet) in enumerate(every)
        if b"/xhr" in packet or b"/eventsource" in packet or b"GET /socket.io/" in packet
    ]
    for at in polls[:: max(1, len(polls) // 5)]:
        check(name, every[:at] + every[at + 1 :], f"without packet {at + 1}")


@pytest.mark.parametrize("name", NAMES)
def test_from_the_middle(name):
    _, every = packets(name)
    for at in range(5, len(every), len(every) // 6):
        check(name, every[at:], f"from packet {at + 1}")
