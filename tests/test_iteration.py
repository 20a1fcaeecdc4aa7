"""Rows as they come: the same as in the tables, and before the source is exhausted."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from pathlib import Path

import dpkt
import pytest
from oracle import captures

import analyzer
from analyzer.capture.source import open_capture

CAPTURES = Path(__file__).parents[1] / "captures"
CHAT = CAPTURES / "socket-io-room.pcap"


def pairs(path: Path = CHAT) -> Iterator[tuple[float, bytes]]:
    for packet in captures.packets_of(open_capture(path)):
        yield (packet.time or 0) / 1e9, packet.payload


def test_messages_are_those_of_the_table() -> None:
    frame = analyzer.analyze(CHAT, payload="full").messages
    rows = list(analyzer.iter_messages(CHAT, payload="full"))
    key = lambda row: (row.connection, row.message)  # noqa: E731
    assert [key(row) for row in sorted(rows, key=key)] == list(
        zip(frame["connection"], frame["message"], strict=True)
    )
    for row, values in zip(sorted(rows, key=key), frame.to_dict("records"), strict=True):
        assert row.payload == values["payload"]
        assert row.direction == values["direction"]
        assert row.time_first == values["time_first"].value
        assert math.isclose(row.delivery_us or 0, values["delivery_us"], abs_tol=1e-6)


def test_calls_and_handshakes() -> None:
    made = analyzer.analyze(CHAT)
    calls = list(analyzer.iter_calls(CHAT))
    assert {call.name for call in calls} == set(made.calls["name"])
    handshakes = list(analyzer.iter_handshakes(CHAT))
    assert [each.outcome for each in handshakes] == list(made.handshakes["outcome"])
    assert all(isinstance(each, analyzer.Handshake) for each in handshakes)


def test_rows_come_before_the_source_is_exhausted() -> None:
    taken = 0

    def counted() -> Iterator[tuple[float, bytes]]:
        nonlocal taken
        for _ in range(40):
            for pair in pairs():
                taken += 1
                yield pair

    next(analyzer.iter_messages(counted()))
    assert 0 < taken <= 2 * 4096


@pytest.mark.parametrize("kind", ["path", "list", "pattern", "bytes", "pairs", "dpkt"])
def test_sources_give_the_same(kind: str) -> None:
    with CHAT.open("rb") as file:
        source = {
            "path": str(CHAT),
            "list": [CHAT],
            "pattern": str(CAPTURES / "socket-io-roo?.pcap"),
            "bytes": io.BytesIO(CHAT.read_bytes()),
            "pairs": pairs(),
            "dpkt": dpkt.pcap.Reader(file),
        }[kind]
        # CHAT is of BSD loopback or Ethernet, as its head says.
        link_type = captures.packets_of(open_capture(CHAT))[0].link_type
        rows = list(analyzer.iter_messages(source, link_type=link_type))
    expected = list(analyzer.iter_messages(CHAT))
    assert [(row.connection, row.message, row.wire_bytes) for row in rows] == [
        (row.connection, row.message, row.wire_bytes) for row in expected
    ]


def test_either_a_source_or_an_interface() -> None:
    with pytest.raises(analyzer.OptionError, match="either a source or an interface"):
        next(analyzer.iter_messages())
