"""The model: rows of all tables, and a capture's."""

from __future__ import annotations

import pytest
from oracle.live import STATS, Recorder, replay, snapshot
from oracle.sample import START, connection, finding, handshake
from oracle.screens import busy, control, give, said

from analyzer.options import Options
from analyzer.report.screen.model import Model


class Watching(Recorder):
    def __init__(self):
        super().__init__()
        self.model = Model()

    def news(self, rows):
        super().news(rows)
        self.model.news(rows)

    def write(self, rows):
        super().write(rows)
        self.model.write(rows)

    def heard(self, heard):
        self.model.heard(heard)

    def tick(self, now_ns, stats):
        self.model.tick(now_ns, stats, self.snapshot())


def test_rows_by_hand():
    model = busy(5)
    assert [sum(line.messages) for line in model.lines.all()] == [0, 1, 2, 3, 4]
    assert model.lines.find(0).handshake == handshake(0, 0)["total_us"]
    assert model.lines.find(3).findings == 4
    assert model.rates.outcomes == {"accepted": 1, "refused": 1}
    assert model.rates.messages_per_s(0) == 10
    ping = {"connection": 2, "direction": "server", "ping_frame": 9, "rtt_us": 88}
    give(model, "frames", control(9, "server", "ping", connection=2), final=True)
    give(model, "pings", ping, dict(ping, ping_frame=10, rtt_us=None), final=True)
    assert (model.lines.find(2).pings, model.lines.find(2).round_trip) == (2, 88)
    assert model.history.of(2)[-1].round_trip == 88
    give(model, "connections", connection(2, inner="stomp"), final=True)
    assert model.lines.find(2).inner == "stomp"


def test_payload_that_is_not_known_counts_as_it_was_sent():
    model = Model()
    model.tick(START, STATS)
    give(model, "connections", connection(0))
    give(model, "messages", said(0, "client", payload_bytes=None, transfer_bytes=55))
    assert model.lines.find(0).payload == [55, 0]


def test_what_is_spoken_comes_early_or_late():
    model = busy(3)
    give(model, "messages", said(7, "client", connection=1, inner="mqtt"))
    assert model.lines.find(1).inner == "mqtt"
    give(model, "messages", said(0, "client", connection=2, inner="mqtt\x07"), final=True)
    assert model.lines.find(2).inner == "mqtt\\x07"


def test_rows_of_what_has_no_line():
    model = Model(Options())
    give(model, "messages", said(0, "client", connection=77))
    give(model, "pings", {"connection": 77, "ping_frame": 1, "direction": "client"}, final=True)
    give(model, "findings", finding("a", "note", connection=77), final=True)
    give(model, "findings", finding("b", "note", connection=None), final=True)
    assert len(model.notable.ranked()) == 2
    assert model.summary.rows == {}
    model.tick(START, STATS, snapshot())
    assert model.summary is model.rates.snapshot.summary


@pytest.mark.parametrize("name", ["npm-ws-basic.pcap", "json-rpc.pcap"])
def test_a_capture_is_shown_as_its_tables_have_it(name):
    """Not its own figures: those of the final rows, which have their own tests."""
    watcher = Watching()
    replay(name, [watcher]).finish()
    model = watcher.model
    rows = {row["connection"]: row for row in watcher.rows_of("connections")}
    assert rows
    assert {line.number for line in model.lines.ended.values()} == set(rows)
    for number, row in rows.items():
        line = model.lines.find(number)
        assert line.messages == [row["client_messages"], row["server_messages"]]
        assert (line.end.kind, line.end.code) == (row["close_kind"], row["close_code"])
        assert line.inner == (row["inner"] or "")
        told = [event for event in model.history.of(number) if event.is_message]
        assert len(told) == sum(line.messages)
        controls = [event for event in model.history.of(number) if not event.is_message]
        frames = [row for row in watcher.rows_of("frames") if row["connection"] == number]
        names = ("ping", "pong", "close")
        assert len(controls) == sum(row["opcode"] in names for row in frames)
