"""A proxy that buffers against its plain twin, byte by byte."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import buffers as oracle

from analyzer.alternatives import lanes as layout
from analyzer.alternatives._buffers import Buffers
from analyzer.alternatives._schedule import Schedule
from analyzer.columns import NULL

MS = 1_000_000
ORIGIN = 1_700_000_000_000_000_000
MSS = 1448
ONE = np.zeros(1, np.int64)

PUSHES = st.lists(
    st.tuples(
        st.one_of(st.sampled_from([0, 1, 50 * MS]), st.integers(0, 400 * MS)),
        st.one_of(st.sampled_from([0, 1, 62, 63, 64, 127]), st.integers(0, 700)),
    ),
    max_size=40,
)


def filled(pushes, room, wait, end, cut=0):
    """Return the lane, sizes, delays and their range of one stream; times since the origin."""
    buffers = Buffers(room, wait)
    buffers.open(ONE, ONE + ORIGIN, ONE + MSS)
    for some in (pushes[:cut], pushes[cut:]):
        count = len(some)
        buffers.add(
            np.zeros(count, np.int32),
            np.ones(count, np.uint8),
            np.array([ORIGIN + time for time, _ in some], np.int64),
            np.array([size for _, size in some], np.int64),
            np.zeros(count, np.uint8),
        )
    buffers.finish(ONE, ONE + end)
    lane, sizes, delays = (buffers.rows_of(name, ONE)[0, 0] for name in NAMES)
    return lane, sizes, delays, int(buffers.ranges_of(ONE)[0])


NAMES = ("lanes", "sizes", "delays")


@settings(deadline=None, max_examples=200)
@given(
    PUSHES,
    st.sampled_from([1, 2, 64, 256, 4096]),
    st.sampled_from([NULL, 1, 90 * MS, 1000 * MS]),
    st.integers(0, 2000 * MS),
    st.integers(0, 40),
)
def test_equals_the_plain_twin(steps, room, wait, after, cut):
    time, pushes = 0, []
    for step, size in steps:
        time += step
        pushes.append((time, size))
    end = time + after
    writes, arrivals = oracle.passed_on(pushes, room, None if wait == NULL else wait, end)
    lane, sizes, delays, spanned = filled(pushes, room, wait, end, cut)
    assert lane["answers"] == len(writes)
    assert lane["messages"] == len(pushes) == len(arrivals)
    assert lane["payload_bytes"] == sum(size for _, size in pushes)
    assert lane["full_segments"] == sum(body // MSS for _, body, _ in writes)
    width = MSS // layout.SIZE_CLASSES + 1
    classes = np.bincount([body % MSS // width for _, body, _ in writes], minlength=16)
    assert sizes.tolist() == classes.tolist()
    waits = [arrival - time for arrival, (time, _) in zip(arrivals, pushes, strict=True)]
    assert lane["delay"] == pytest.approx(sum(waits), abs=1)
    # Classes are as wide as a sixteenth of the longest wait at most, and so are those of places in
    # a buffer.
    longest = max(waits, default=0)
    assert spanned <= max(2 * longest, 31) + 64
    found = np.repeat(np.arange(layout.DELAY_CLASSES) + 0.5, delays) * (spanned + 1) / 32
    found = [0.0] * (len(waits) - len(found)) + found.tolist()
    assert found == pytest.approx(sorted(waits), abs=longest / 8 + 2)


def test_nginx_with_its_default_of_4_kib():
    """13 messages of 299 bytes and a line feed are 3,900; the 14th fills the buffer at 4,096."""
    pushes = [(number * 20 * MS, 299) for number in range(28)]
    lane, *_ = filled(pushes, 4096, NULL, 1000 * MS)
    assert oracle.passed_on(pushes, 4096, None, 1000 * MS)[0] == [
        (13 * 20 * MS, 4096, 13),
        (27 * 20 * MS, 4096, 14),
        (1000 * MS, 208, 1),
    ]
    waits = sum(13 - n for n in range(13)) + sum(27 - n for n in range(13, 27))
    assert (lane["answers"], lane["delay"]) == (3, (waits * 20 + 1000 - 540) * MS)


def test_one_byte_passes_at_once():
    lane, _, delays, _ = filled([(0, 10), (5 * MS, 0), (9 * MS, 3000)], 1, NULL, 10**12)
    assert (lane["answers"], lane["delay"], delays.sum()) == (3, 0, 0)


@pytest.mark.parametrize("size", [2**62, 2**63 - 1, -1])
def test_lengths_that_lie(size):
    lane, *_ = filled([(0, size), (1, 5)], 4096, 5, 100)
    assert (lane["messages"], lane["answers"] > 0) == (2, True)


@pytest.mark.parametrize("time", [-ORIGIN, -1, 2**61])
def test_times_that_jump(time):
    lane, _, delays, spanned = filled([(time, 5), (7, 5)], 4096, NULL, 100)
    assert lane["messages"] == 2
    assert lane["delay"] >= 0
    assert delays.sum() <= 2
    assert spanned > 0


def test_a_number_used_again_remembers_nothing():
    buffers = Buffers(64, NULL)
    for _ in range(2):
        buffers.open(ONE + 40, ONE + ORIGIN, ONE + MSS)
        at = np.array([ORIGIN], np.int64)
        one = np.ones(1, np.uint8)
        buffers.add(np.array([40], np.int32), one, at, ONE + 10, 0 * one)
    buffers.finish(ONE + 40, ONE + 5)
    buffers.finish(ONE + 40, ONE + 5)
    assert buffers.rows_of("lanes", ONE + 40)["messages"].tolist() == [[1]]
    assert buffers.rows_of("delays", ONE + 40).sum() == 1


def test_its_lane_is_the_last_and_only_with_the_option():
    assert Schedule([MS]).buffer_ranges_of(ONE).size == 0
    schedule = Schedule([MS], (4096, NULL))
    schedule.open(ONE, ONE, ONE, 1, ONE + MSS)
    assert schedule.lanes_of("lanes", ONE).shape == (1, layout.SHORT_POLL + layout.PHASES + 1)
    # Replies ride in responses; the client's messages are no part of the stream.
    replies = np.array([1, 0, 0], np.uint8)
    senders = np.array([1, 0, 1], np.uint8)
    some = np.array([1, 2, 3], np.int64)
    schedule.add(np.zeros(3, np.int32), senders, some, some, some, some, replies, 0 * some)
    schedule.finish(ONE, ONE + 9)
    assert schedule.lanes_of("lanes", ONE)[0, -1]["payload_bytes"] == 3
