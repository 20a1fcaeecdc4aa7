"""What was asked for on the command line, made into observers."""

from __future__ import annotations

import io
import json
import socket

import pytest
from oracle.live import replay

import analyzer
from analyzer.errors import OptionError, ReportError
from analyzer.live.watch import MAX_IDLE_S, WatchRequest, build_observers, live_options, modules
from analyzer.options import Options
from analyzer.report.event_lines import EventWriter
from analyzer.report.live_view import LiveView
from analyzer.report.metrics import MetricsServer
from analyzer.report.rotation import RotatingWriter


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_nothing_is_asked_for():
    assert build_observers(WatchRequest()) == []


def test_events_of_a_run():
    stream = io.BytesIO()
    observers = build_observers(WatchRequest(events="messages,closes", events_stream=stream))
    replay("npm-ws-basic.pcap", observers).finish()
    kinds = {json.loads(line)["event"] for line in stream.getvalue().splitlines()}
    assert kinds == {"message", "close"}


def test_a_terminal_gets_the_screen(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stdout", Terminal())
    kinds = [type(each) for each in build_observers(WatchRequest(screen=True, source="lo"))]
    assert kinds == [LiveView]
    asked = WatchRequest(screen=True, events="pings", events_stream=io.BytesIO())
    assert [type(each) for each in build_observers(asked)] == [EventWriter]


@pytest.mark.parametrize("term", ["dumb", "xterm"])
def test_without_a_terminal_for_it_the_screen_is_events(monkeypatch, term):
    monkeypatch.setenv("TERM", term)
    monkeypatch.setattr("sys.stdout", Terminal() if term == "dumb" else io.StringIO())
    asked = WatchRequest(screen=True, events_stream=io.BytesIO())
    assert [type(each) for each in build_observers(asked)] == [EventWriter]


def test_metrics_and_parts(tmp_path):
    asked = WatchRequest(
        metrics=":0", csv=tmp_path / "csv", parquet=tmp_path / "parquet", rotate="1h"
    )
    observers = build_observers(asked)
    assert [type(each) for each in observers] == [MetricsServer, RotatingWriter, RotatingWriter]
    replay("npm-ws-basic.pcap", observers).finish()
    for each in observers:
        each.close()
    (part,) = (tmp_path / "csv").iterdir()
    whole = analyzer.analyze("captures/npm-ws-basic.pcap")
    # No time passed between packets, so that rows came in the same order.
    assert len(analyzer.read_csv(part).messages) == len(whole.messages)


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        (WatchRequest(events="x"), OptionError),
        (WatchRequest(metrics="x"), OptionError),
        (WatchRequest(metrics_labels="host"), OptionError),
        (WatchRequest(rotate="1h"), OptionError),
        (WatchRequest(csv="/no/such/folder", rotate="1h"), ReportError),
        (WatchRequest(csv="x", rotate="never"), OptionError),
    ],
)
def test_what_cannot_be_is_said_before_the_run(asked, error):
    with pytest.raises(error):
        build_observers(asked)


def test_a_failure_undoes_what_was_made():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(OptionError):
        build_observers(WatchRequest(metrics=f":{port}", events="nonsense"))
    (again,) = build_observers(WatchRequest(metrics=f":{port}"))
    again.close()


def test_limits_of_a_run_without_end():
    made = live_options(Options())
    assert made.max_idle_s == MAX_IDLE_S
    assert made.closed_linger_s < Options().closed_linger_s
    assert live_options(Options(max_idle_s=7, payload="none")).max_idle_s == 7
    assert live_options(Options(payload="none")).payload == "none"
    for idle in (0, -1, float("nan"), float("inf")):
        with pytest.raises(OptionError):
            Options(max_idle_s=idle)


def test_what_keys_take_is_loaded_before_rights_are_given_up(monkeypatch):
    """Else they cannot be imported, and the screen takes no key."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stdout", Terminal())
    assert {"termios", "tty"} <= set(modules(WatchRequest(screen=True)))
