"""The run loop: batches, ticks, and all the ways to end."""

import itertools
import threading
from types import SimpleNamespace

import pytest
from oracle import captures
from oracle.live import Recorder
from oracle.runs import CAPTURES, OPTIONS, Clock, Played, Watcher, complete, rows

from analyzer import pipeline
from analyzer.alternatives.polls import PollHeads
from analyzer.analysis import Collector
from analyzer.capture.source import open_capture
from analyzer.diagnosis.stage import DiagnosisStage
from analyzer.errors import ReportError
from analyzer.http.stage import HttpStage
from analyzer.inside.stage import InsideStage
from analyzer.live import run
from analyzer.live.stop import Stop
from analyzer.options import Options
from analyzer.tables.build import TableBuilder
from analyzer.tables.conditions import Conditions
from analyzer.tables.news import News
from analyzer.tables.schema import TABLES
from analyzer.tables.summary import Summary
from analyzer.tls.stage import TlsStage
from analyzer.websocket.stage import WebSocketStage


def test_observers_know_the_time_before_the_first_rows():
    """A screen says how long ago something was."""
    told = []

    class Ordered(Watcher):
        def tick(self, now_ns, stats):
            told.append("tick")
            super().tick(now_ns, stats)

        def write(self, rows):
            told.append("rows")
            super().write(rows)

    clock = Clock()
    run.run(Played("tomcat-chat.pcap", clock), OPTIONS, [], [Ordered(clock)], clock=clock)
    assert "rows" in told
    assert told[0] == "tick"


@pytest.mark.parametrize("name", ["tomcat-chat.pcap", "lossy.pcap", "chat-long-poll.pcap"])
def test_the_same_tables_as_of_a_file(name):
    clock = Clock()
    source, watcher = Played(name, clock), Watcher(clock)
    summary = run.run(source, OPTIONS, [], [watcher], clock=clock)
    collector = Collector()
    expected = pipeline.run(CAPTURES / name, Options(), [collector])
    assert rows(watcher) == rows(collector)
    assert summary.capture.packets == expected.capture.packets
    assert summary.capture.files == ["played"]
    assert source.closed
    assert watcher.ended == ["closed"]
    assert [stats.analysed for _, stats in watcher.ticks] == sorted(
        stats.analysed for _, stats in watcher.ticks
    )
    assert watcher.ticks[-1][1].analysed == expected.capture.packets


def test_ticks_come_each_tenth_of_a_second_without_packets():
    clock = Clock()
    source, watcher = Played("npm-ws-basic.pcap", clock, endless=True), Watcher(clock)
    run.run(source, OPTIONS, [], [watcher], until=run.Until(seconds=2.0), clock=clock)
    times = [when for when, _ in watcher.ticks]
    assert max(b - a for a, b in itertools.pairwise(times)) <= 0.1 + 1e-9
    assert clock.now == pytest.approx(1002.0)
    assert all(0 < wait <= run.TICK_S + 1e-9 for wait in source.waited)


@pytest.mark.parametrize("count", [1, 10, 11, 37])
def test_so_many_packets_and_no_more(count):
    clock = Clock()
    source = Played("tomcat-chat.pcap", clock, endless=True)
    summary = run.run(source, OPTIONS, until=run.Until(packets=count), clock=clock)
    assert summary.capture.packets == count


def test_what_was_asked_for_ends_it_with_all_that_came():
    clock, stop = Clock(), Stop()
    source, watcher = Played("npm-ws-basic.pcap", clock, endless=True), Watcher(clock)

    class Asks(Watcher):
        def tick(self, now_ns, stats):
            if stats.analysed > 5:
                stop()

    run.run(source, OPTIONS, [], [watcher, Asks()], stop=stop, clock=clock)
    assert source.stopped
    assert watcher.ended == ["closed"]
    stop()
    with pytest.raises(KeyboardInterrupt):
        stop()


@pytest.mark.parametrize(
    ("name", "awaited"),
    [("why-hung-peer.pcap", "ping-unanswered"), ("npm-ws-closes.pcap", "websocket-close-error")],
)
def test_the_first_finding_or_diagnosis_that_is_awaited_ends_it(name, awaited, monkeypatch):
    clock, stop = Clock(), Stop()
    passing = SimpleNamespace(monotonic_ns=lambda: round(clock.now * 1e9))
    monkeypatch.setattr(pipeline, "time", passing)
    source = Played(name, clock, endless=True)
    seeks = Conditions([awaited], {awaited})
    until = run.Until(seconds=60.0)
    run.run(source, OPTIONS, [run.UntilFound(seeks, stop)], until=until, stop=stop, clock=clock)
    assert clock.now < 1050.0  # and not when the time was over
    assert len(seeks.reasons()) == 1
    assert awaited in seeks.reasons()[0]


@pytest.mark.parametrize("fails", [False, True])
def test_the_end_is_told_before_what_is_open_is_settled(fails):
    clock, order = Clock(), []

    class Ordered(Watcher):
        def write(self, rows):
            if rows.table.name == "ledger":
                order.append("settled")

        def tick(self, now_ns, stats):
            order.append("tick")
            if fails:
                raise ReportError("cannot write x: No space left on device")

    source = Played("npm-ws-basic.pcap", clock)
    run.outcome_of(
        source, OPTIONS, [], [Ordered()], ending=lambda: order.append("ending"), clock=clock
    )
    assert order.count("ending") == 1
    after = order[order.index("ending") :]
    assert "tick" not in after
    assert ("settled" in after) is not fails  # a watcher that failed is shown no more


def test_a_writer_that_fails_ends_the_run_and_costs_the_others_nothing():
    clock = Clock()
    source, watcher = Played("npm-ws-basic.pcap", clock), Watcher()
    full = Watcher()

    def write(rows):
        raise ReportError("cannot write x: No space left on device")

    full.write = write
    outcome = run.outcome_of(source, OPTIONS, [full], [watcher], clock=clock)
    assert "No space left" in str(outcome.failure)
    assert source.closed
    assert source.stopped
    assert watcher.ended == full.ended == ["closed"]
    read = outcome.summary.capture.packets
    assert 0 < read < len(captures.packets_of(open_capture(CAPTURES / "npm-ws-basic.pcap")))
    # As of a file that ends there.
    begin, again = Played("npm-ws-basic.pcap", clock), Watcher()
    run.run(begin, OPTIONS, [again], until=run.Until(packets=read), clock=clock)
    assert rows(watcher) == rows(again)
    with pytest.raises(ReportError, match="No space left"):
        run.run(Played("npm-ws-basic.pcap", clock), OPTIONS, [full], clock=clock)


def test_a_fault_of_a_stage_leaves_the_rows_before_it(monkeypatch):
    clock, watcher = Clock(), Watcher()
    pushes = itertools.count()
    push = TableBuilder.push

    def fails(self, *given):
        if next(pushes) == 8:
            raise AssertionError("a fault of our own")
        return push(self, *given)

    monkeypatch.setattr(TableBuilder, "push", fails)
    source = Played("npm-ws-basic.pcap", clock)
    outcome = run.outcome_of(source, OPTIONS, [watcher], clock=clock)
    assert isinstance(outcome.failure, AssertionError)
    assert watcher.ended == ["closed"]
    assert source.closed
    seen, all_rows = rows(watcher)["messages"], complete("npm-ws-basic.pcap")["messages"]
    assert seen
    assert set(seen) <= set(all_rows)


STAGES = [TlsStage, HttpStage, WebSocketStage, InsideStage, TableBuilder]


SIDES = [(News, "push"), (PollHeads, "push"), (DiagnosisStage, "push"), (Summary, "add")]


@pytest.mark.parametrize(("stage", "name"), SIDES)
def test_a_fault_of_what_makes_no_table_costs_no_row(monkeypatch, stage, name):
    """All packets are one batch, in which it fails, and it does so again at the end."""

    def fails(self, *given, **more):
        raise AssertionError("a fault of our own")

    monkeypatch.setattr(stage, name, fails)
    watcher, expected = Watcher(), Watcher()
    source = Played("socket-io-room.pcap", Clock(), batch_bytes=1 << 20)
    outcome = run.outcome_of(source, OPTIONS, [watcher], [Recorder()], clock=Clock())
    assert isinstance(outcome.failure, AssertionError)
    monkeypatch.undo()
    run.run(Played("socket-io-room.pcap", Clock()), OPTIONS, [expected], clock=Clock())
    seen, wanted = rows(watcher), rows(expected)
    for table in ("connections", "messages", "handshakes", "frames"):
        assert seen[table] == wanted[table], table


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("again", [False, True])
def test_a_fault_of_a_stage_leaves_the_rows_of_what_is_open(monkeypatch, stage, again):
    """Three connections are open when a stage fails, once or from then on."""
    clock, watcher = Clock(), Watcher()
    pushes = itertools.count()
    push = stage.push

    def fails(self, *given, **more):
        count = next(pushes)
        if count == 14 or (again and count > 14):
            raise AssertionError("a fault of our own")
        return push(self, *given, **more)

    monkeypatch.setattr(stage, "push", fails)
    source = Played("socket-io-room.pcap", clock, batch_bytes=600)
    outcome = run.outcome_of(source, OPTIONS, [watcher], clock=clock)
    assert isinstance(outcome.failure, AssertionError)
    monkeypatch.undo()
    expected = Watcher()
    run.run(Played("socket-io-room.pcap", clock), OPTIONS, [expected], clock=clock)

    def numbers(of, *columns):
        values = of.rows(next(table for table in TABLES if table.name == columns[0])).values
        return set(zip(*(list(values[name]) for name in columns[1:]), strict=True))

    wanted = numbers(expected, "connections", "connection", "client_port")
    assert len(wanted) == 3
    if not again:
        assert wanted <= numbers(watcher, "connections", "connection", "client_port")
    elif stage in (InsideStage, TableBuilder):
        assert not numbers(watcher, "connections", "connection")
    said = numbers(watcher, "messages", "connection", "message", "payload_bytes")
    every = numbers(expected, "messages", "connection", "message", "payload_bytes")
    assert said <= every


def test_a_source_that_fails_ends_it_as_its_end_would():
    clock, watcher = Clock(), Watcher()

    class Broken(Played):
        def read(self, timeout_s):
            batch = super().read(timeout_s)
            if batch is None:
                raise ReportError("the cable is out")
            return batch

    outcome = run.outcome_of(Broken("npm-ws-basic.pcap", clock), OPTIONS, [watcher], clock=clock)
    assert str(outcome.failure) == "the cable is out"
    found = rows(watcher)
    assert {name: found[name] for name in complete("npm-ws-basic.pcap")} == complete(
        "npm-ws-basic.pcap"
    )


def test_packets_are_kept_before_they_are_unmasked():
    clock = Clock()
    kept = []

    class Keeper:
        def keep(self, batch):
            kept.extend(captures.packets_of([batch]))

        def close(self):
            kept.append("closed")

    run.run(Played("npm-ws-basic.pcap", clock), OPTIONS, keeper=Keeper(), clock=clock)
    assert kept == [*captures.packets_of(open_capture(CAPTURES / "npm-ws-basic.pcap")), "closed"]


def test_few_packets_wait_for_each_other(monkeypatch):
    clock = Clock()
    slept = []
    here, really_sleep = threading.current_thread(), run.time.sleep

    def sleep(seconds):
        # Threads of other tests sleep by the same function.
        slept.append(seconds) if threading.current_thread() is here else really_sleep(seconds)

    monkeypatch.setattr(run.time, "sleep", sleep)
    run.run(Played("npm-ws-basic.pcap", clock), Options(live_pace_s=0.04), clock=clock)
    assert slept
    assert all(0 < each <= 0.04 for each in slept)
    slept.clear()

    class Slow(Watcher):
        def write(self, rows):
            clock.now += 0.002

    run.run(Played("npm-ws-basic.pcap", clock), Options(live_pace_s=0.04), [Slow()], clock=clock)
    # A batch that takes long is followed by a longer wait: both have a bound.
    assert max(slept) > 0.04
    assert all(0 < each <= 0.08 for each in slept)
    slept.clear()
    busy = Played("npm-ws-basic.pcap", clock)
    busy.more = True
    run.run(busy, Options(live_pace_s=0.04), clock=clock)
    assert slept == []


STEPS = [-3600 * 10**9, -2 * 10**9, 3600 * 10**9]


def stepped(name, step):
    """The tables' columns that are no times, where the clock steps in the middle."""
    collector = Collector()
    made = pipeline.Pipeline(Options(), [collector])
    total = sum(len(batch.rows) for batch in open_capture(CAPTURES / name))
    for batch in open_capture(CAPTURES / name, Options(batch_bytes=4000)):
        batch.rows["time"][batch.rows["packet"] > total // 2] += step
        made.push(batch)
    made.finish()
    found = {}
    for table in TABLES:
        # `series` counts by time.
        if table.name in ("alternatives", "scaling", "http_groups", "tls_sessions", "series"):
            continue
        rows_of = collector.rows(table)
        columns = [
            [repr(value) for value in rows_of.values[column.name]]
            for column in table.columns
            if not column.name.endswith(("_us", "_s", "_at")) and "time" not in column.name
        ]
        found[table.name] = sorted(zip(*columns, strict=True))
    return found


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("name", ["tomcat-chat.pcap", "lossy.pcap", "chat-long-poll.pcap"])
def test_a_clock_that_steps_changes_nothing_but_times(name, step):
    assert stepped(name, step) == stepped(name, 0)
