"""--where of a live run: the same rows as a file gives, decided when connections open."""

from __future__ import annotations

import numpy as np
import pytest
from oracle.live import CAPTURES, Recorder, replay
from oracle.rows import table_rows

import analyzer
from analyzer.errors import OptionError
from analyzer.live.choice import KNOWN, Choice
from analyzer.options import Options
from analyzer.tables.schema import CONNECTIONS

OPTIONS = Options(alternatives=False)


def test_the_columns_are_those_that_do_not_change():
    assert set(KNOWN) == {
        *("client_ip", "client_port", "server_ip", "server_port"),
        *("host", "path", "scheme", "subprotocol", "http_version"),
    }


@pytest.mark.parametrize("name", ["wire_bytes", "close_code", "messages", "connection"])
def test_another_column_is_an_error_that_lists_these(name):
    with pytest.raises(OptionError) as raised:
        Choice(f"{name} > 1")
    assert f"no column {name!r}; columns: {', '.join(KNOWN)}" in str(raised.value)


@pytest.mark.parametrize(
    "where", ["server_port", "server_port == server_port.max()", "path ++", ""]
)
def test_what_is_no_condition_is_found_before_the_run(where):
    with pytest.raises(OptionError):
        Choice(where)


def test_what_fails_on_a_value_does_not_hold_for_it():
    rows = table_rows(CONNECTIONS, [{"path": each} for each in ("8", "/chat", None, "9")])
    assert Choice("path.astype('int') == 9")(rows).tolist() == [False, False, False, True]


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("socket-io-room.pcap", "client_port % 4 != 0"),
        ("npm-ws-subprotocol.pcap", "subprotocol == 'chat.v2'"),
        ("http2-awkward.pcap", "http_version == '2' and path.str.contains('e')"),
        ("npm-ws-basic.pcap", "path == '/nowhere'"),
    ],
)
def test_rows_are_those_of_a_file(name, where):
    """What is asked for here was known at the beginning of each connection."""
    recorder = Recorder()
    pipeline = replay(name, [recorder], OPTIONS, decide=Choice(where))
    summary = pipeline.finish()
    expected = analyzer.analyze(CAPTURES / name, where=where, alternatives=False)
    every = analyzer.analyze(CAPTURES / name, alternatives=False)
    wanted = set(expected.connections["connection"])
    assert summary.capture.selected == (len(wanted), len(every.connections))
    for table in ("connections", "handshakes", "frames", "messages", "ledger", "pings"):
        assert len(recorder.rows_of(table)) == len(getattr(expected, table)), table
    for table in ("connections", "messages"):
        told = {row["connection"] for row in recorder.news_of(table)}
        assert told == set(getattr(expected, table)["connection"])
    counted = sum(each["messages"] for each in summary.messages)
    assert counted == len(expected.messages) == len(recorder.news_of("messages"))
    sides = ("client_messages", "server_messages")
    assert sum(row[side] for row in recorder.rows_of("series") for side in sides) == counted


class Listener(Recorder):
    def __init__(self) -> None:
        super().__init__()
        self.payloads: set[int] = set()

    def heard(self, said) -> None:
        numbers = said.rows["connection"][np.asarray(said.places) >= 0]
        self.payloads |= set(numbers.tolist())


def test_payload_and_the_ledger_so_far_are_those_of_wanted_connections():
    listener = Listener()
    where = "client_port % 4 != 0"
    expected = analyzer.analyze(CAPTURES / "socket-io-room.pcap", where=where, alternatives=False)
    wanted = set(expected.connections["connection"])
    pipeline = replay("socket-io-room.pcap", [listener], OPTIONS, decide=Choice(where))
    assert listener.payloads == wanted
    assert 0 < len(wanted) < pipeline.summary.capture.selected[1]
    pipeline.settle()
    sides = pipeline.snapshot().ledger
    assert sum(side["wire_bytes"] for side in sides) == expected.ledger["wire_bytes"].sum()
