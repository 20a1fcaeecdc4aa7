"""Sums of what messages say: by name, by call; whether rows were chosen or not."""

from oracle.spoken import heard, upgrade
from oracle.stages import TEXT, client, server

from analyzer.analysis import Selected, Selection
from analyzer.tables import spoken as module
from analyzer.tables.spoken import OTHER, Spoken

FRAMES = [
    b"SEND\ndestination:/a\nreceipt:1\n\nhello\0",
    b"SEND\ndestination:/a\nreceipt:2\n\n\0",
    b"SEND\ndestination:/b\n\n\0",
]
TALK = [
    *upgrade("/ws", "v12.stomp"),
    client(TEXT, FRAMES[0]),
    server(TEXT, b"RECEIPT\nreceipt-id:1\n\n\0"),
    *(client(TEXT, each) for each in (*FRAMES[1:], b"\n")),
]
PLAIN = [*upgrade("/other"), client(TEXT, b"no protocol"), client(TEXT, b"at all")]


class Taker:
    """A Writer that sums up."""

    def __init__(self):
        self.spoken = Spoken()

    def write(self, rows):
        if rows.table.name == "messages":
            self.spoken.add_messages(rows)
        elif rows.table.name == "calls":
            self.spoken.add_calls(rows)


def test_sums():
    taker = Taker()
    tables = heard([TALK, PLAIN], writer=taker)
    spoken = taker.spoken
    assert set(spoken.names) == {
        *(("stomp", "SEND", "/a"), ("stomp", "SEND", "/b"), ("stomp", "RECEIPT", "/a")),
        ("stomp", "heartbeat", None),
    }
    counts = spoken.names["stomp", "SEND", "/a"]
    assert counts["messages"] == 2
    assert counts["payload_bytes"] == len(FRAMES[0]) + len(FRAMES[1])
    messages = tables["messages"]
    mine = messages[(messages["kind"] == "SEND") & (messages["name"] == "/a")]
    assert counts["wire_bytes"] == mine["wire_bytes"].sum()
    assert spoken.heartbeats["messages"] == 1
    calls = spoken.calls["stomp", "/a"]
    assert (calls.count, calls.times.count, calls.times.median) == (2, 1, 1e6)
    assert (calls.outcomes["ok"], calls.outcomes["unanswered"]) == (1, 1)


def test_chosen_rows_give_the_same_sums():
    whole, chosen = Taker(), Taker()
    heard([TALK, PLAIN], writer=whole)
    selected = Selected(frozenset({0}), frozenset({0}))
    heard([TALK, PLAIN], writer=Selection(chosen, selected))
    assert chosen.spoken.names == whole.spoken.names


def test_names_beyond_the_limit_count_as_one(monkeypatch):
    monkeypatch.setattr(module, "MAX_NAMES", 1)
    taker = Taker()
    heard([TALK], writer=taker)
    assert len(taker.spoken.names) == 2
    assert taker.spoken.names["stomp", None, OTHER]["messages"] == 3
