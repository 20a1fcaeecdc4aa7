"""The event stream: lines of JSON that say what the tables say."""

from __future__ import annotations

import io
import json

import pytest
from oracle.live import replay
from oracle.rows import table_rows
from oracle.sample import HOSTILE, message

from analyzer.analysis import Collector
from analyzer.errors import OptionError
from analyzer.options import Options
from analyzer.report.event_lines import DEFAULT, FINAL, NEWS, EventWriter, kinds
from analyzer.report.json import JsonWriter
from analyzer.tables.schema import BY_NAME, MESSAGES

ALL = (*NEWS, *FINAL)
TABLE_OF = dict((*NEWS.values(), *FINAL.values()))


def events_of(name, wanted=ALL, **options):
    stream = io.BytesIO()
    writer = EventWriter(stream, wanted)
    json_stream = io.BytesIO()
    document = JsonWriter(json_stream)
    pipeline = replay(name, [writer, Both(document)], Options(**options))
    pipeline.finish()
    document.close()
    lines = stream.getvalue().decode().splitlines()
    return [json.loads(line) for line in lines], json.loads(json_stream.getvalue())


class Both(Collector):
    """The JSON report beside the events, as an observer that is told nothing more."""

    def __init__(self, writer):
        super().__init__()
        self._writer = writer

    def write(self, rows):
        self._writer.write(rows)

    def attach(self, snapshot):
        pass

    def news(self, rows):
        pass

    def tick(self, now_ns, stats):
        pass


@pytest.mark.parametrize("name", ["npm-ws-basic.pcap", "npm-ws-pings.pcap", "handshakes.pcap"])
def test_events_say_what_the_json_report_says(name):
    events, document = events_of(name)
    for event in events:
        table = TABLE_OF[event["event"]]
        assert list(event)[1:] == [column.name for column in BY_NAME[table].columns]
    for kind, table in FINAL.values():
        said = [{k: v for k, v in e.items() if k != "event"} for e in events if e["event"] == kind]
        assert sorted(map(str, said)) == sorted(map(str, document[table])), kind
    assert sum(event["event"] == "message" for event in events) == len(document["messages"])


def test_only_what_is_asked_for():
    events, document = events_of("npm-ws-closes.pcap", ("closes",))
    assert {event["event"] for event in events} == {"close"}
    assert [event["close_kind"] for event in events] == [
        row["close_kind"] for row in document["connections"]
    ]


def test_times_are_utc_with_nanoseconds():
    events, _ = events_of("npm-ws-basic.pcap", ("handshakes",))
    for event in events:
        assert len(event["started_at"]) == len("2026-01-02T03:04:05.000000000Z")
        assert event["started_at"].endswith("Z")


def test_hostile_text_stays_on_its_line():
    stream = io.BytesIO()
    text = f"{HOSTILE}\n}},\n{{\r\u2028"
    EventWriter(stream, ("messages",)).news(
        table_rows(MESSAGES, [message(0, "client", payload_preview=text)] * 3)
    )
    lines = stream.getvalue().split(b"\n")
    assert len(lines) == 4
    assert {json.loads(line)["payload_preview"] for line in lines[:3]} == {text}
    assert b"\x1b" not in stream.getvalue()


def test_each_event_is_flushed():
    class Counting(io.BytesIO):
        flushed = 0

        def flush(self):
            self.flushed = self.tell()

    stream = Counting()
    writer = EventWriter(stream, ("messages",))
    writer.news(table_rows(MESSAGES, [message(0, "client")]))
    assert stream.flushed == len(stream.getvalue()) > 0


def test_a_reader_that_went_away_is_told():
    class Closed(io.BytesIO):
        def write(self, data):
            raise BrokenPipeError

    writer = EventWriter(Closed(), ("messages",))
    with pytest.raises(BrokenPipeError):
        writer.news(table_rows(MESSAGES, [message(0, "client")]))
    writer.abort()


def test_kinds():
    assert kinds("") == DEFAULT
    assert kinds("closes, messages,closes") == ("closes", "messages")
    assert set(kinds("handshakes,messages,pings,closes,findings,diagnoses")) == set(DEFAULT)
    with pytest.raises(OptionError, match="'pongs'"):
        kinds("messages,pongs")
