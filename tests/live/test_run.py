"""The run loop: batches, ticks, and all the ways to end."""

import itertools
import signal
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from oracle import captures

from analyzer import pipeline
from analyzer.analysis import Collector
from analyzer.capture.records import RecordBatch
from analyzer.capture.source import open_capture
from analyzer.capture.stats import CaptureStats
from analyzer.errors import ReportError
from analyzer.http.stage import HttpStage
from analyzer.inside.stage import InsideStage
from analyzer.live import run
from analyzer.options import Options
from analyzer.tables.build import TableBuilder
from analyzer.tables.conditions import Conditions
from analyzer.tables.schema import TABLES
from analyzer.tls.stage import TlsStage
from analyzer.websocket.stage import WebSocketStage

CAPTURES = Path(__file__).parents[2] / "captures"
OPTIONS = Options(live_pace_s=0.0)


class Clock:
    """Seconds that pass only when someone waits."""

    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


class Played:
    """A file as a live source; waits by the clock of the test when it has given all."""

    names = ("played",)
    link_types = ()
    more = False

    def __init__(self, name, clock, *, endless=False, batch_bytes=3000):
        self.clock, self.endless = clock, endless
        self.capture = open_capture(CAPTURES / name, Options(batch_bytes=batch_bytes))
        self.batches = iter(self.capture)
        self.packets = 0
        self.stopped = self.closed = False
        self.waited = []

    def read(self, timeout_s):
        batch = None if self.stopped else next(self.batches, None)
        if batch is not None:
            self.packets += len(batch.rows)
            self.clock.now += 0.001
            return batch
        if self.stopped or not self.endless:
            return None
        self.waited.append(timeout_s)
        self.clock.now += timeout_s
        return RecordBatch()

    def stop(self):
        self.stopped = True

    def stats(self):
        return CaptureStats(self.packets, 0, self.packets, True)

    def close(self):
        self.capture.close()
        self.closed = True


class Watcher(Collector):
    def __init__(self, clock=None):
        super().__init__()
        self.clock = clock
        self.ticks = []
        self.ended = []

    def tick(self, now_ns, stats):
        assert now_ns > 1_600_000_000 * 10**9
        self.ticks.append((self.clock() if self.clock else 0.0, stats))

    def close(self):
        self.ended.append("closed")

    def abort(self):
        self.ended.append("aborted")


def rows(collector):
    found = {}
    for table in TABLES:
        made = collector.rows(table)
        columns = [[repr(v) for v in made.values[column.name]] for column in table.columns]
        found[table.name] = sorted(zip(*columns, strict=True))
    return found


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
    clock, stop = Clock(), run.Stop()
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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals(number):
    before = signal.getsignal(number)
    with run.signals() as stop:
        assert not stop.asked
        signal.raise_signal(number)
        assert stop.asked
        assert not stop.hurried
        signal.raise_signal(number)
        assert stop.hurried
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(number)
    assert signal.getsignal(number) is before


def test_a_terminal_that_closes_asks_once_however_often_it_says_so():
    with run.signals() as stop:
        signal.raise_signal(signal.SIGHUP)
        signal.raise_signal(signal.SIGHUP)
        assert (stop.asked, stop.hurried) == (True, False)


def test_nohup_outlives_its_terminal():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with run.signals() as stop:
            signal.raise_signal(signal.SIGHUP)
            assert not stop.asked
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_what_is_optional_is_interrupted_by_the_second():
    stop = run.Stop()
    stop.optional = True
    stop()
    with pytest.raises(run.Hurried):
        stop()


def complete(name):
    """All rows of a file but those of the comparison with other transports."""
    collector = Collector()
    pipeline.run(CAPTURES / name, Options(), [collector])
    found = rows(collector)
    return {table: found[table] for table in found if table not in ("alternatives", "scaling")}


def test_a_second_wish_leaves_the_comparison_out_and_nothing_else():
    clock, stop, watcher = Clock(), run.Stop(), Watcher()

    class Twice(Watcher):
        def write(self, rows):
            # When what is open is settled, all has been read.
            if rows.table.name == "ledger":
                stop()
                stop()

    outcome = run.outcome_of(
        Played("npm-ws-basic.pcap", clock), OPTIONS, [watcher, Twice()], stop=stop, clock=clock
    )
    assert (outcome.hurried, outcome.failure) == (True, None)
    found = rows(watcher)
    assert found.pop("alternatives") == found.pop("scaling") == []
    assert found == complete("npm-ws-basic.pcap")
    assert watcher.ended == ["closed"]


@pytest.mark.parametrize(
    ("name", "awaited"),
    [("why-hung-peer.pcap", "ping-unanswered"), ("npm-ws-closes.pcap", "websocket-close-error")],
)
def test_the_first_finding_or_diagnosis_that_is_awaited_ends_it(name, awaited, monkeypatch):
    clock, stop = Clock(), run.Stop()
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
    busy = Played("npm-ws-basic.pcap", clock)
    busy.more = True
    run.run(busy, Options(live_pace_s=0.04), clock=clock)
    assert slept == []


def test_another_thread_has_no_signals_to_take():
    errors = []

    def body():
        try:
            with run.signals():
                pass
        except ValueError as error:
            errors.append(error)

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    assert len(errors) == 1


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
