"""Live capture: several interfaces, drops, clocks, interfaces that go and come back."""

import socket
from pathlib import Path

import numpy as np
import pytest
from oracle import namespaces

from analyzer.capture import live
from analyzer.capture.interfaces import Interface
from analyzer.capture.live import LiveCapture, open_live
from analyzer.capture.records import RECORD, RecordBatch
from analyzer.capture.source import open_capture
from analyzer.errors import CaptureAccessError
from analyzer.options import Options

CAPTURES = Path(__file__).parents[2] / "captures"
SECOND = 10**9


class Fake:
    """A handle whose packets and counters a test says; polled by a pair of sockets."""

    def __init__(self, name, *batches):
        self.interface = Interface(name)
        self.up, self.more = True, False
        self.batches = list(batches)
        self.counts = (0, 0)
        self.silent = False
        self.back = False
        self.ends = socket.socketpair()

    def fileno(self):
        return self.ends[0].fileno()

    def read(self, packets):
        times = self.batches.pop(0) if self.batches else []
        rows = np.zeros(len(times), RECORD)
        rows["time"] = times
        rows["packet"] = np.arange(packets + 1, packets + 1 + len(rows))
        rows["start"] = np.arange(len(rows)) * 10
        rows["captured"] = rows["original"] = 10
        data = np.frombuffer((self.interface.name * 10 * len(times)).encode(), np.uint8).copy()
        return RecordBatch(rows, data, len(data))

    def counters(self):
        return self.counts

    def failed(self):
        self.up = False

    def retry(self):
        self.up = self.back
        return self.up

    def silence(self):
        self.silent = True

    def close(self):
        for end in self.ends:
            end.close()


def ids(batch):
    return [finding.kind.id for finding in batch.findings]


def test_several_interfaces_in_the_order_of_time(monkeypatch):
    a, b = Fake("a", [10, 30, 50]), Fake("b", [20, 30, 60])
    source = LiveCapture([a, b], Options())
    batch = source.read(0.0)
    assert list(batch.rows["time"]) == [10, 20, 30, 30, 50, 60]
    assert list(batch.rows["packet"]) == [1, 2, 3, 4, 5, 6]
    assert list(batch.interfaces) == [0, 1, 0, 1, 0, 1]
    content = [batch.data[row["start"] : row["start"] + 10].tobytes() for row in batch.rows]
    assert content == [name * 10 for name in (b"a", b"b", b"a", b"b", b"a", b"b")]
    assert source.stats().analysed == 6
    b.batches = [[70]]
    batch = source.read(0.0)
    assert list(batch.rows["packet"]) == [7]
    assert list(batch.interfaces) == [1]
    # Packets of just now are held back until the other interface had its time to speak.
    late = live.time.time_ns() + 10**10
    monkeypatch.setattr(live.time, "time_ns", lambda: late)
    source._merger._now = live.time.time_ns
    a.batches = [[late - 1]]
    assert len(source.read(0.0).rows) == 0
    source.stop()
    found = []
    while (batch := source.read(0.0)) is not None:
        found += list(batch.rows["time"])
    assert found == [late - 1]
    source.close()


def test_drops_are_told_at_first_when_they_doubled_and_at_the_end():
    handle = Fake("a")
    source = LiveCapture([handle], Options())
    told = []
    for dropped in (0, 1, 1, 2, 3, 4, 5, 7, 8, 9):
        handle.counts = (100, dropped)
        assert source.stats().dropped == dropped
        batch = source.read(0.0)
        told += [(dropped, str(each.detail)) for each in batch.findings]
    assert [dropped for dropped, _ in told] == [1, 2, 4, 8]
    assert told[-1][1].startswith("8 of 100 so far")
    source.stop()
    assert handle.silent
    last = []
    while (batch := source.read(0.0)) is not None:
        last += [str(each.detail) for each in batch.findings]
    assert [text.split(" so far")[0] for text in last] == ["9 of 100"]
    source.close()


def test_a_clock_that_steps_back_is_told_once():
    start = 1000 * SECOND
    handle = Fake(
        "a",
        [start, start + SECOND, start + SECOND - 1000],
        [start + 2 * SECOND, start - 3600 * SECOND, start - 3599 * SECOND],
        [start - 3598 * SECOND],
        [start + 5 * SECOND],
    )
    source = LiveCapture([handle], Options())
    found = []
    for _ in range(5):
        found += source.read(0.0).findings
    assert [(each.kind.id, each.packet, each.detail) for each in found] == [
        ("capture-clock", 5, "by 3602.0 s")
    ]
    source.close()


def test_an_interface_that_goes_and_comes_back(monkeypatch):
    monkeypatch.setattr(live, "_RETRY_S", 0.0)
    a, b = Fake("a"), Fake("b")
    source = LiveCapture([a, b], Options())
    assert source.stats().interface_up
    b.ends[1].close()  # POLLHUP
    a.batches = [[1]]
    batch = source.read(1.0)
    assert ids(batch) == ["capture-interface-down"]
    assert batch.findings[0].detail == "b"
    assert len(batch.rows) == 1
    assert not source.stats().interface_up
    b.back = True
    batch = source.read(0.0)
    assert ids(batch) == ["capture-interface-up"]
    assert source.stats().interface_up
    source.close()


def test_no_such_interface():
    with pytest.raises(CaptureAccessError, match="there is no interface nope") as error:
        open_live(["nope"], Options())
    assert "lo" in error.value.hint


# --- with the kernel -------------------------------------------------------------------


def frames_of(name):
    frames = []
    for batch in open_capture(CAPTURES / name):
        data = bytes(batch.data)
        frames += [data[r["start"] : r["start"] + r["captured"]] for r in batch.rows]
    return frames


def until(source, condition):
    """Batches until one of them, or what came so far, is as wanted."""
    batches = []

    def step():
        batches.append(source.read(0.1))
        return condition(batches)

    namespaces.wait_for(step)
    return batches


def seen(id_):
    return lambda batches: any(id_ in ids(batch) for batch in batches)


def count(number):
    return lambda batches: sum(len(batch.rows) for batch in batches) >= number


@namespaces.needed
@pytest.mark.parametrize("backend", ["ring", "scapy"])
@pytest.mark.parametrize("how", ["down", "deleted"])
def test_a_real_interface_goes_and_comes_back(how, backend):
    if backend == "scapy":
        pytest.importorskip("scapy")
    frames = frames_of("npm-ws-basic.pcap")[:5]
    with namespaces.namespace() as space:
        space.veth()
        with space.entered():
            source = open_live(["in0"], Options(), backend=backend)
            namespaces.send("out0", frames)
            until(source, count(5))
            if how == "down":
                space.ip("link", "set", "in0", "down")
            else:
                space.ip("link", "del", "in0")
            until(source, seen("capture-interface-down"))
            assert not source.stats().interface_up
            if how == "down":
                space.ip("link", "set", "in0", "up")
            else:
                space.veth()
            until(source, seen("capture-interface-up"))
            namespaces.send("out0", frames)
            batches = until(source, count(5))
            assert source.stats() == live.CaptureStats(10, 0, 10, True)
            assert int(batches[-1].rows["packet"][-1]) == 10
            source.close()


@namespaces.needed
def test_an_interface_that_is_down_at_first():
    with namespaces.namespace() as space:
        space.veth()
        space.ip("link", "set", "in0", "down")
        with space.entered():
            source = open_live(["in0", "lo"], Options())
            assert ids(source.read(0.0)) == ["capture-interface-down"]
            space.ip("link", "set", "in0", "up")
            until(source, seen("capture-interface-up"))
            namespaces.send("out0", frames_of("npm-ws-basic.pcap")[:2])
            until(source, count(2))
            source.stop()
            while source.read(0.1) is not None:
                pass
            source.close()
