"""Captures as live sources, and a clock that tests move."""

from pathlib import Path

from analyzer import pipeline
from analyzer.analysis import Collector
from analyzer.capture.records import RecordBatch
from analyzer.capture.source import open_capture
from analyzer.capture.stats import CaptureStats
from analyzer.options import Options
from analyzer.tables.schema import TABLES

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

    def last_words(self):
        return []

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


def complete(name):
    """All rows of a file but those of the comparison with other transports."""
    collector = Collector()
    pipeline.run(CAPTURES / name, Options(), [collector])
    found = rows(collector)
    return {table: found[table] for table in found if table not in ("alternatives", "scaling")}
