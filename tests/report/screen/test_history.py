"""What is remembered of connections, and how much."""

from __future__ import annotations

import numpy as np
import pytest
from oracle.live import Recorder, replay
from oracle.rows import table_rows
from oracle.screens import control, said

from analyzer.options import Options
from analyzer.report.screen.history import PER_BATCH, PER_CONNECTION, History, Payloads
from analyzer.tables.schema import FRAMES, MESSAGES
from analyzer.websocket.frames import MESSAGE
from analyzer.websocket.hearing import Said


def heard(history, *messages):
    """Hand payloads on: connection, message, payload."""
    rows = np.zeros(len(messages), MESSAGE)
    rows["connection"] = [each[0] for each in messages]
    rows["message"] = [each[1] for each in messages]
    places = [0 if each[2] is not None else -1 for each in messages]
    history.heard(Said(rows, places, [0] * len(messages), [each[2] for each in messages], set()))


def messages(history, *rows):
    history.messages(table_rows(MESSAGES, list(rows)))


def test_events_are_in_the_order_of_time():
    history = History(Options())
    rows = [
        control(1, "server", "ping"),
        control(2, "client", "text"),
        control(3, "client", "pong"),
    ]
    history.frames(table_rows(FRAMES, [*rows, control(5, "client", "close", close_code=4001)]))
    messages(history, said(0, "client"), said(4, "server"))
    assert [(each.what, each.number) for each in history.of(0)] == [
        ("text", 0), ("ping", 1), ("pong", 3), ("text", 4), ("close", 5),
    ]  # fmt: skip
    assert history.of(0)[-1].code == 4001
    assert history.of(1) == []
    history.ping({"connection": 0, "direction": "server", "ping_frame": 1, "rtt_us": 77})
    history.ping({"connection": 9, "direction": "server", "ping_frame": 1, "rtt_us": 77})
    assert history.of(0)[1].round_trip == 77


def test_final_rows_say_what_early_ones_did_not():
    history = History(Options())
    messages(history, said(0, "client"), said(1, "client", connection=4))
    row = said(0, "client", inner="json-rpc", kind="request", name="add\x1b", reply_us=5)
    known = history.final_messages(table_rows(MESSAGES, [row, said(1, "client", connection=4)]))
    assert known == {0: "json-rpc"}
    assert history.of(0)[0].said["name"] == "add\\x1b"
    assert history.of(4)[0].said["inner"] is None
    # A message has one row: its event waits for no other.
    again = said(0, "client", inner="json-rpc", name="other")
    assert history.final_messages(table_rows(MESSAGES, [again])) == {}
    assert history.of(0)[0].said["name"] == "add\\x1b"


def test_a_row_of_a_message_whose_name_was_known_says_what_it_cost():
    history = History(Options())
    early = said(3, "server", inner="json-rpc", kind="event", name="tick", wire_bytes=None)
    messages(history, early)
    assert history.of(0)[0].said["wire_bytes"] is None
    row = said(3, "server", inner="json-rpc", kind="event", name="tick", wire_bytes=120)
    other = said(4, "server", inner="json-rpc", wire_bytes=99)
    assert history.final_messages(table_rows(MESSAGES, [other, row])) == {}
    (event,) = history.of(0)
    assert (event.number, event.said["name"], event.said["wire_bytes"]) == (3, "tick", 120)


def test_of_a_flood_the_end_is_remembered_and_of_what_is_watched_more():
    history = History(Options())
    flood = [said(place, "client", connection=1) for place in range(3 * PER_BATCH)]
    messages(history, said(0, "client", connection=7), *flood)
    assert history.of(7) == []
    assert [each.number for each in history.of(1)] == list(range(2 * PER_BATCH, 3 * PER_BATCH))
    history.watched = 7
    messages(history, said(1, "client", connection=7), *flood)
    assert [each.number for each in history.of(7)] == [1]


def test_events_are_bounded():
    history = History(Options(max_screen_events=2000))
    history.watched = 0
    messages(history, said(0, "client"))
    for number in range(1, 40):
        messages(history, *[said(place, "client", connection=number) for place in range(100)])
        assert history.count <= 2000
    assert len(history.of(0)) == 1, "what is looked at is not forgotten for others"
    assert len(history.of(39)) == 100
    assert history.of(5) == []
    for _ in range(30):
        messages(history, *[said(place, "client", connection=3) for place in range(100)])
    assert len(history.of(3)) == PER_CONNECTION
    assert history.count == sum(len(history.of(number)) for number in range(40))


def test_one_connection_alone_is_bounded():
    history = History(Options(max_screen_events=50))
    history.watched = 0
    messages(history, *[said(place, "client") for place in range(120)])
    assert [each.number for each in history.of(0)] == list(range(70, 120))


def test_payloads_are_bounded_by_bytes():
    payloads = Payloads(1000)
    for number in range(100):
        payloads.put(0, number, b"x" * 99)
    assert payloads.held_bytes == 990
    assert payloads.find(0, 89) is None
    assert payloads.find(0, 90) is not None
    payloads.put(0, 99, b"y")
    assert payloads.held_bytes == 892
    payloads.put(0, 100, b"z" * 5000)
    assert payloads.held_bytes == 0, "what is larger than all the room is not kept"


def test_others_do_not_push_out_what_is_looked_at():
    history = History(Options(max_screen_payload_bytes=2000))
    history.watched = 5
    heard(history, (5, 0, b"a" * 100), (5, 1, None))
    for number in range(100):
        heard(history, (1, number, b"b" * 100))
    assert history.payload(5, 0) == b"a" * 100
    assert history.payload(5, 1) is None
    assert history.payload(1, 0) is None
    assert history.payload(1, 99) == b"b" * 100
    assert history.held_bytes <= 2000


class Remembering(Recorder):
    def __init__(self):
        super().__init__()
        self.history = History(Options())

    def news(self, rows):
        super().news(rows)
        if rows.table.name == "messages":
            self.history.messages(rows)

    def heard(self, said):
        self.history.heard(said)


@pytest.mark.parametrize("name", ["npm-ws-fragments.pcap", "json-rpc-deflate.pcap"])
def test_whole_payloads_of_a_capture(name):
    """As long as each row says, in pieces or deflated."""
    watcher = Remembering()
    replay(name, [watcher]).finish()
    rows = watcher.rows_of("messages")
    assert rows
    for row in rows:
        payload = watcher.history.payload(row["connection"], row["message"])
        assert payload is None or len(payload) == row["payload_bytes"]
    assert watcher.history.payload(rows[-1]["connection"], rows[-1]["message"]) is not None
