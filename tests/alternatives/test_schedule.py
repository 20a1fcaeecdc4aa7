"""The schedule against its plain twin, whatever the messages and however they are cut."""

import random
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import alternatives as oracle

from analyzer.alternatives import lanes as layout
from analyzer.alternatives._schedule import Schedule
from analyzer.columns import NULL

MS = 1_000_000
ORIGIN = 1_700_000_000_000_000_000
CLIENT, SERVER = 0, 1
MSS = 1448

SIZES = st.one_of(
    st.sampled_from([0, 1, 125, 126, 1446, 1447, 1448, 65535, 65536, 2**31]),
    st.integers(0, 4000),
)
STEPS = st.one_of(
    st.sampled_from([0, 0, 1, 39_999_999, 40 * MS, 1000 * MS, -500 * MS, None]),
    st.integers(0, 3000 * MS),
    st.sampled_from([30_000 * MS, 30_001 * MS, 200_000 * MS]),
)


@st.composite
def messages(draw):
    """Messages of both senders; some share packets, some times are not known or set back."""
    found, time, packet = [], ORIGIN, 1
    steps = draw(st.lists(st.tuples(STEPS, SIZES, st.booleans(), st.integers(0, 2)), max_size=30))
    for step, size, sender, packets in steps:
        time = max(time + (step or 0), 0)
        # 0 packets on: begins where the one before ended.
        first = packet + (packets > 0)
        packet = first + (packets > 1)
        found.append((int(sender), None if step is None else time, size, first, packet))
    return found


def add(schedule, rows, replies=(), kinds=None):
    """Feed (number, sender, time, size, first, last) rows; `replies` are places of them."""
    columns = list(zip(*rows, strict=True)) or [()] * 6
    flags = np.zeros(len(rows), np.uint8)
    flags[list(replies)] = 1
    times = [NULL if time is None else time for time in columns[2]]
    schedule.add(
        np.array(columns[0], np.int32),
        np.array(columns[1], np.uint8),
        *(np.array(each, np.int64) for each in (times, columns[3], columns[4], columns[5])),
        flags,
        np.array(kinds if kinds is not None else [0] * len(rows), np.int64),
    )


def opened(intervals, gap=MS, hold=30_000 * MS, number=0, mss=MSS, schedule=None):
    schedule = schedule or Schedule(intervals)
    some = np.array([number], np.int64)
    schedule.open(some, np.array([ORIGIN]), np.array([gap]), hold, np.array([mss]))
    return schedule


def taken(schedule, number=0):
    """Return lanes, sizes, delays and the shared row of one finished connection."""
    some = np.array([number], np.int64)
    schedule.finish(some, 0 * some)
    arrays = [schedule.lanes_of(name, some)[0] for name in ("lanes", "sizes", "delays")]
    return (*arrays, schedule.conversations_of(some)[0])


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def assert_equals_twin(schedule, number, said, intervals, gap, hold, mss=MSS, replies=frozenset()):
    lanes, sizes, delays, shared = taken(schedule, number)
    twin = oracle.conversation(ORIGIN, gap, hold, said, intervals, replies)
    assert len(lanes) == len(twin)
    waits = [0, 0, 0, gap, 0, 0]
    waits += [max(each, gap) for each in intervals for _ in range(layout.PHASES)]
    for place, want in enumerate(twin):
        row = lanes[place]
        answers = want["answers"]
        assert row["answers"] == len(answers)
        assert row["messages"] == sum(map(len, answers))
        assert row["payload_bytes"] == sum(map(sum, answers))
        full, classes = oracle.packets(answers, mss, layout.SIZE_CLASSES)
        assert row["full_segments"] == full
        assert sizes[place].tolist() == classes
        assert row["delay"] == sum(want["delays"])
        # Of short polls the first phase of each interval tells of all.
        is_read = place == 3 or (place >= 6 and (place - 6) % layout.PHASES == 0)
        waited = want["delays"] if is_read else []
        counts = oracle.histogram(waited, waits[place], layout.DELAY_CLASSES)
        assert delays[place].tolist() == counts
        assert row["timeouts"] == want.get("timeouts", 0)
        assert row["prompt"] == want.get("prompt", 0)
        assert row["expected"] == pytest.approx(want.get("expected", 0))
        if want.get("last") is not None:
            assert row["last_answer"] == want["last"]
    for sender, name in ((CLIENT, "client"), (SERVER, "server")):
        headers = [oracle.frame_header(m[2], sender == CLIENT) for m in said if m[0] == sender]
        assert shared[f"{name}_header_bytes"] == sum(headers)
    assert (shared["origin"], shared["gap"], shared["hold"]) == (ORIGIN, gap, hold)
    followers, unasked = oracle.followers(said, replies)
    assert (shared["followed"], shared["unasked"]) == (len(followers), unasked)
    assert shared["by_ids"] == bool(replies)


INTERVALS = st.lists(st.sampled_from([MS, 7 * MS, 500 * MS, 1000 * MS, 60_000 * MS]), max_size=3)
GAPS = st.sampled_from([1, MS, 41 * MS, 900 * MS, 5000 * MS])
HOLDS = st.sampled_from([1, 10 * MS, 1000 * MS, 30_000 * MS])


@settings(deadline=None, max_examples=150)
@given(messages(), INTERVALS, GAPS, HOLDS, st.sampled_from([1, 15, 16, 536, 1448, 65495]))
def test_equals_the_plain_twin(said, intervals, gap, hold, mss):
    schedule = opened(intervals, gap, hold, mss=mss)
    add(schedule, [(0, *message) for message in said])
    assert_equals_twin(schedule, 0, said, intervals, gap, hold, mss)


@settings(deadline=None, max_examples=100)
@given(messages(), INTERVALS, st.data())
def test_replies_ride_in_responses(said, intervals, data):
    served = [place for place, message in enumerate(said) if message[0] == SERVER]
    chosen = data.draw(st.sets(st.sampled_from(served))) if served else set()
    schedule = opened(intervals)
    add(schedule, [(0, *message) for message in said], chosen)
    assert_equals_twin(schedule, 0, said, intervals, MS, 30_000 * MS, replies=frozenset(chosen))


@settings(deadline=None, max_examples=60)
@given(
    st.lists(messages(), min_size=1, max_size=4),
    st.lists(st.integers(0, 40), max_size=6),
    st.randoms(use_true_random=False),
)
def test_any_cut_of_connections_side_by_side(conversations, cuts, rng):
    """Connections do not know of each other, and a cut of the input changes nothing."""
    intervals, gap, hold = [500 * MS, MS], 3 * MS, 1000 * MS
    # Numbers far apart: the arrays grow while connections are open.
    numbers = [5 + 40 * place for place in range(len(conversations))]
    schedule = opened(intervals, gap, hold, number=numbers[0])
    for number in numbers[1:]:
        opened(intervals, gap, hold, number=number, schedule=schedule)
    waiting = [[(n, *m) for m in said] for n, said in zip(numbers, conversations, strict=True)]
    rows = []
    while any(waiting):
        rows.append(rng.choice([some for some in waiting if some]).pop(0))
    bounds = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    for begin, end in pairwise(bounds):
        add(schedule, rows[begin:end])
    for number, said in zip(numbers, conversations, strict=True):
        assert_equals_twin(schedule, number, said, intervals, gap, hold)


@settings(deadline=None, max_examples=30)
@given(messages(), messages())
def test_a_number_used_again_remembers_nothing(before, said):
    intervals, gap, hold = [1000 * MS], MS, 1000 * MS
    schedule = opened(intervals, gap, hold, number=3)
    add(schedule, [(3, *message) for message in before])
    opened(intervals, gap, hold, number=3, schedule=schedule)
    add(schedule, [(3, *message) for message in said])
    assert_equals_twin(schedule, 3, said, intervals, gap, hold)


def test_growth_keeps_what_is_half_done():
    intervals = [1000 * MS]
    said = [(SERVER, ORIGIN + 100 * MS, 10, 1, 1), (SERVER, ORIGIN + 200 * MS, 20, 2, 2)]
    schedule = opened(intervals)
    add(schedule, [(0, *said[0])])
    opened(intervals, number=5000, schedule=schedule)
    add(schedule, [(0, *said[1])])
    assert_equals_twin(schedule, 0, said, intervals, MS, 30_000 * MS)
    assert not taken(schedule, 5000)[0]["messages"].any()


def test_messages_of_no_connection_pass_by():
    schedule = opened([1000 * MS])
    add(schedule, [(-1, SERVER, ORIGIN, 5, 1, 1), (10_000, SERVER, ORIGIN, 5, 1, 1)])
    assert not taken(schedule)[0]["answers"].any()


def test_finishing_twice_counts_once():
    schedule = opened([1000 * MS])
    add(schedule, [(0, SERVER, ORIGIN + 1, 5, 1, 1)])
    assert same(taken(schedule), taken(schedule))


def test_nothing_at_all():
    schedule = Schedule([])
    none = np.zeros(0, np.int64)
    schedule.open(none, none, none, 0, none)
    add(schedule, [])
    schedule.finish(none, none)
    assert schedule.lanes_of("lanes", none).shape == (0, layout.SHORT_POLL)


def test_the_example_of_the_documentation():
    """docs/alternatives.md, "An example by hand": polls at 1 s and 5 s bring news."""
    schedule = opened([1000 * MS])
    times = (500, 700, 4200)
    said = [(SERVER, ORIGIN + time * MS, 100, n, n) for n, time in enumerate(times, 1)]
    said.append((CLIENT, ORIGIN + 5000 * MS, 50, 9, 9))
    add(schedule, [(0, *message) for message in said])
    lanes, _, delays, shared = taken(schedule)
    phases = lanes[layout.SHORT_POLL :]
    assert len(phases) == layout.PHASES == 4
    # At 0.125, 0.375, 0.625 and 0.875 s, then each second. Messages at 0.5 and 0.7 s come apart
    # only where a poll lies between them.
    assert phases["answers"].tolist() == [2, 2, 3, 2]
    assert set(phases["messages"]) == {3}
    assert set(phases["payload_bytes"]) == {300}
    assert phases["expected"][0] == pytest.approx(1 + 0.2 + 1)
    assert phases["last_answer"].tolist() == [5, 4, 4, 4]
    assert phases["delay"].tolist() == [
        (625 + 425 + 925) * MS,
        (875 + 675 + 175) * MS,
        (125 + 925 + 425) * MS,
        (375 + 175 + 675) * MS,
    ]
    assert delays[layout.SHORT_POLL].sum() == 3
    assert lanes[layout.POSTS]["answers"] == 1
    # A request is open each time: nothing waits; none lasts 30 s.
    held = lanes[layout.LONG_POLL]
    assert (held["answers"], held["delay"], held["timeouts"]) == (3, 0, 0)
    assert held["last_answer"] == 4200 * MS
    assert (shared["server_header_bytes"], shared["client_header_bytes"]) == (6, 6)


@pytest.mark.parametrize("time", [0, ORIGIN - 1, 2**62, None])
def test_hostile_times(time):
    """1970, before the opening, the end of time, none."""
    said = [(SERVER, time, 1, 1, 1), (SERVER, ORIGIN, 1, 2, 2)]
    schedule = opened([1000 * MS])
    add(schedule, [(0, *message) for message in said])
    assert_equals_twin(schedule, 0, said, [1000 * MS], MS, 30_000 * MS)


def test_a_long_poll_is_held_and_asked_again():
    """Held 1 s, asked again 0.1 s later: open at 0 to 1, 1.1 to 2.1, 2.2 to 3.2 s."""
    for time, timeouts, answered, delay in (
        (1000, 0, 1000, 0),  # at the last moment
        (1050, 1, 1100, 50),  # in the gap
        (1100, 1, 1100, 0),
        (2150, 2, 2200, 50),
        (3200, 2, 3200, 0),
    ):
        schedule = opened([], gap=100 * MS, hold=1000 * MS)
        add(schedule, [(0, SERVER, ORIGIN + time * MS, 1, 1, 1)])
        lane = taken(schedule)[0][layout.LONG_POLL]
        assert (lane["timeouts"], lane["last_answer"]) == (timeouts, answered * MS)
        assert lane["delay"] == delay * MS


# --- the latest of each kind


def polled_in_each_phase(said, kinds, interval, phases=400):
    """Return messages, payload and ns of waits that polls bring, the mean over phases."""
    sums = np.zeros(3)
    for phase in range(phases):
        first = interval * (2 * phase + 1) // (2 * phases)
        answers = {}
        for (_, time, size, _, _), kind in zip(said, kinds, strict=True):
            at = time - ORIGIN
            tick = -((first - at) // interval)
            # What comes later takes its place in the same answer.
            answers[tick, kind] = (size, first + tick * interval - at)
        for size, wait in answers.values():
            sums += (1, size, wait)
    return sums / phases


@pytest.mark.parametrize("seed", range(4))
def test_polls_for_the_latest_are_the_mean_over_all_phases(seed):
    randomness = random.Random(seed)
    time, said, kinds = ORIGIN, [], []
    for packet in range(1, 60):
        time += randomness.choice([0, 40, 300, 300, 900, 2500]) * MS
        said.append((SERVER, time, randomness.randrange(500), packet, packet))
        kinds.append(randomness.randrange(5))
    intervals = [1000 * MS, 250 * MS]
    schedule = opened(intervals)
    add(schedule, [(0, *each) for each in said], kinds=kinds)
    taken(schedule)
    for interval, found in zip(intervals, schedule.latest_of(np.zeros(1, int))[0], strict=True):
        want = polled_in_each_phase(said, kinds, interval)
        assert found.tolist() == pytest.approx(want, rel=0.01)


def test_a_kind_that_is_forgotten_counts_as_delivered():
    """Twice as many kinds as there is room for: none supersedes another."""
    said = [(SERVER, ORIGIN + n * MS, 10, n + 1, n + 1) for n in range(2 * layout.KINDS)]
    schedule = opened([1000 * MS])
    add(schedule, [(0, *each) for each in said], kinds=range(len(said)))
    taken(schedule)
    assert schedule.latest_of(np.zeros(1, int))["messages"][0, 0] == 2 * layout.KINDS


def test_messages_of_one_kind_at_one_time_supersede_each_other():
    said = [(SERVER, ORIGIN + 5 * MS, 10 * n, n + 1, n + 1) for n in range(1, 5)]
    schedule = opened([1000 * MS])
    add(schedule, [(0, *each) for each in said])
    taken(schedule)
    (found,) = schedule.latest_of(np.zeros(1, int))[0].tolist()
    assert found == (1, 40, 500 * MS)
    # The next connection in its place begins anew.
    opened([1000 * MS], schedule=schedule)
    assert schedule.latest_of(np.zeros(1, int))["messages"][0, 0] == 0
