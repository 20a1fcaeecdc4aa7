"""The thread that takes packets over while the analysis is busy."""

import os
import threading

import numpy as np
import pytest
from oracle import namespaces

from analyzer.capture.draining import Drained, joined
from analyzer.capture.interfaces import Interface
from analyzer.capture.live import LiveCapture
from analyzer.capture.records import RECORD, RecordBatch
from analyzer.options import Options

SIZE = 10


def batch(numbers):
    rows = np.zeros(len(numbers), RECORD)
    rows["time"] = numbers
    rows["start"] = np.arange(len(rows)) * SIZE
    rows["captured"] = rows["original"] = SIZE
    text = "".join(f"{number:0{SIZE}}" for number in numbers)
    return RecordBatch(rows, np.frombuffer(text.encode(), np.uint8).copy(), len(text))


class Kernel:
    """A ring with room for so many blocks; what does not fit is dropped and counted."""

    def __init__(self, room):
        self.interface, self.up, self.more = Interface("fake"), True, False
        self.room, self.blocks, self.dropped, self.received = room, [], 0, 0
        self.lock = threading.Lock()
        self.bell, self.rings = os.pipe()
        self.fails = None
        self.silent = False

    def put(self, numbers):
        with self.lock:
            self.received += len(numbers)
            if len(self.blocks) >= self.room or self.silent:
                self.dropped += len(numbers)
                return
            self.blocks.append(batch(numbers))
            os.write(self.rings, b"\0")

    def fileno(self):
        return self.bell

    def read(self, packets):
        if self.fails:
            raise self.fails
        with self.lock:
            if not self.blocks:
                return RecordBatch()
            os.read(self.bell, 1)
            return self.blocks.pop(0)

    def counters(self):
        return self.received, self.dropped

    def failed(self):
        self.up = False

    def retry(self):
        self.up = True
        return True

    def silence(self):
        self.silent = True

    def close(self):
        for each in (self.bell, self.rings):
            os.close(each)


@pytest.fixture
def kernel():
    return Kernel(4)


def content(found):
    return [int(found.data[row["start"] : row["start"] + SIZE].tobytes()) for row in found.rows]


def test_a_stall_costs_nothing_while_the_queue_has_room(kernel):
    source = Drained(kernel, 10_000, 1 << 20)
    assert len(source.read(0).rows) == 0
    for number in range(0, 200, 2):
        kernel.put([number, number + 1])
        # Nobody reads the queue; the thread empties the ring of four.
        namespaces.wait_for(lambda: not kernel.blocks)
    assert kernel.dropped == 0
    assert source.more
    found = source.read(7)
    assert content(found) == list(range(200))
    assert found.rows["time"].tolist() == list(range(200))
    assert found.rows["packet"].tolist() == list(range(8, 208))
    assert not source.more
    source.close()


def test_the_queue_is_bounded_by_bytes_and_the_ring_behind_it_drops(kernel):
    source = Drained(kernel, 3 * SIZE, 1 << 20)
    source.read(0)
    for number in range(3):
        kernel.put([number])
        namespaces.wait_for(lambda: not kernel.blocks)
    for number in range(3, 20):
        kernel.put([number])
    assert source._held == 3 * SIZE
    assert source.counters() == (20, 13)
    found = []
    for _ in range(100):
        found += content(source.read(0))
        if len(found) == 7:
            break
    assert found == [0, 1, 2, 3, 4, 5, 6]
    source.close()


def test_who_reads_often_takes_from_the_interface_itself(kernel):
    """Poll says when: the thread has nothing to do, and is not woken."""
    source = LiveCapture([Drained(kernel, 10_000, 1 << 20)], Options())
    takers = set()
    take = kernel.read
    kernel.read = lambda packets: (takers.add(threading.current_thread()), take(packets))[1]
    found = []
    for number in range(100):
        kernel.put([number])
        found += content(source.read(5.0))
    assert found == list(range(100))
    assert takers == {threading.main_thread()}
    source.close()


def test_the_thread_helps_who_is_behind(kernel):
    source = Drained(kernel, 10_000, SIZE)
    source.read(0)
    kernel.put([1])
    kernel.more = True  # as a ring with another batch says
    assert content(source.read(0)) == [1]
    kernel.put([2])
    # Sooner than a reader that was not heard of for a while would be helped.
    namespaces.wait_for(lambda: not kernel.blocks)
    assert source._held == SIZE
    kernel.more = False
    assert content(source.read(1)) == [2]
    source.close()


def test_a_read_is_a_batch_and_says_that_there_is_more(kernel):
    source = Drained(kernel, 10_000, 2 * SIZE)
    source.read(0)
    for number in range(5):
        kernel.put([number])
        namespaces.wait_for(lambda: not kernel.blocks)
    assert content(source.read(0)) == [0, 1]
    assert source.more
    assert content(source.read(2)) == [2, 3]
    assert content(source.read(4)) == [4]
    assert not source.more
    source.close()


def test_an_interface_that_goes_and_comes_back(kernel):
    source = LiveCapture([Drained(kernel, 10_000, 1 << 20)], Options())
    source.read(0.0)
    kernel.up = False
    batch = source.read(0.0)
    assert [each.kind.id for each in batch.findings] == ["capture-interface-down"]
    kernel.put([1])
    found = []

    def back():
        found.extend(source.read(0.05).rows["time"].tolist())
        return found

    namespaces.wait_for(back)
    assert found == [1]
    source.close()


def test_what_came_before_the_stop_is_read_to_its_end(kernel):
    source = LiveCapture([Drained(kernel, 2 * SIZE, SIZE)], Options())
    source.read(0.0)
    for number in range(4):
        kernel.put([number])
    source.stop()
    kernel.put([99])
    found = []
    while (made := source.read(0.1)) is not None:
        found += made.rows["time"].tolist()
    assert found == [0, 1, 2, 3]
    source.close()


def test_a_fault_of_the_thread_is_told(kernel):
    source = Drained(kernel, 10_000, 1 << 20)
    source.read(0)
    kernel.fails = OSError(5, "Input/output error")
    namespaces.wait_for(lambda: source._failure is not None)
    with pytest.raises(OSError, match="Input/output"):
        source.read(0)
    source.close()


@pytest.mark.parametrize("sizes", [[1], [3, 1, 2], [0, 2]])
def test_joined_batches_keep_order_and_content(sizes):
    numbers = iter(range(100))
    parts = [[next(numbers) for _ in range(size)] for size in sizes]
    found = joined([batch(part) for part in parts])
    assert content(found) == [number for part in parts for number in part]
