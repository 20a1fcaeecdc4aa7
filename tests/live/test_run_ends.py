"""Ends of a run that leave something out: twice asked, or late after SIGTERM."""

import pytest
from oracle import captures
from oracle.runs import CAPTURES, OPTIONS, Clock, Played, Watcher, complete, rows

from analyzer import pipeline
from analyzer.capture.source import open_capture
from analyzer.capture.stats import CaptureStats
from analyzer.findings import CAPTURE_DROPS, Finding
from analyzer.live import run
from analyzer.live.stop import Stop
from analyzer.tables.schema import FINDINGS


def test_a_second_wish_leaves_the_comparison_out_and_nothing_else():
    clock, stop, watcher = Clock(), Stop(), Watcher()

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


class Behind(Played):
    """A source whose packets have all arrived, while the analysis is slow."""

    arrived = len(list(captures.packets_of(open_capture(CAPTURES / "npm-ws-basic.pcap"))))

    def stop(self):
        """Close the door; what is in stays in."""

    def stats(self):
        return CaptureStats(self.arrived, 0, self.packets, True)

    def last_words(self):
        return [Finding(CAPTURE_DROPS, detail="7 of 9")]


@pytest.mark.parametrize("keeps", [False, True])
@pytest.mark.parametrize("twice", [False, True])
def test_packets_that_wait_are_left_out_when_the_time_to_end_is_over(twice, keeps):
    clock, stop, watcher = Clock(), Stop(), Watcher()
    source, kept = Behind("npm-ws-basic.pcap", clock, batch_bytes=400), []

    class Ends(Watcher):
        def tick(self, now_ns, stats):
            if stats.analysed > 5 and not stop.asked:
                stop()
                (stop if twice else stop.pass_time)()

    class Keeper:
        def keep(self, batch):
            kept.extend(captures.packets_of([batch]))

        def close(self):
            pass

    outcome = run.outcome_of(
        source,
        OPTIONS,
        [watcher, Ends()],
        stop=stop,
        clock=clock,
        keeper=Keeper() if keeps else None,
    )
    assert (outcome.failure, outcome.hurried) == (None, twice)
    said = dict(zip(*(watcher.rows(FINDINGS).values[name] for name in ("id", "text")), strict=True))
    analysed = outcome.summary.capture.packets
    assert 5 < analysed < Behind.arrived
    left = Behind.arrived - analysed
    detail = f"analysed: {left} behind packet {analysed}"
    if keeps:
        unwritten = Behind.arrived - len(kept)
        assert bool(unwritten) is twice
        detail += f", {unwritten} of them not written to a file either"
    assert said["capture-not-read"].endswith(f"{detail}.")
    assert "7 of 9" in said["capture-drops"]
    if keeps and not twice:
        # What is not analysed is on the disk.
        assert kept == list(captures.packets_of(open_capture(CAPTURES / "npm-ws-basic.pcap")))


def test_a_comparison_that_takes_too_long_after_sigterm_is_left_out(monkeypatch):
    clock, stop, watcher = Clock(), Stop(), Watcher()
    expected = complete("npm-ws-basic.pcap")

    def slow(self):
        stop.pass_time()
        stop.pass_time()

    monkeypatch.setattr(pipeline.Pipeline, "compared", slow)
    outcome = run.outcome_of(
        Played("npm-ws-basic.pcap", clock), OPTIONS, [watcher], stop=stop, clock=clock
    )
    assert (outcome.left_out, outcome.hurried, outcome.failure) == (True, False, None)
    found = rows(watcher)
    assert found.pop("alternatives") == found.pop("scaling") == []
    assert found == expected
