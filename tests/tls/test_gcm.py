"""Short records of AES-GCM opened together: what each of them holds, and where that ends."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.gcm import Cut, Keys
from oracle.kernels import fewer

from analyzer.tls import gcm
from analyzer.tls import records as layout
from analyzer.tls._gcm import GcmRun
from analyzer.tls.records import OPENED_RECORD, WHOLE_RECORD

KEYS13 = Keys(bytes(range(16)), bytes(range(100, 112)))
KEYS13_256 = Keys(bytes(range(32)), bytes(range(200, 212)), first=2**32 - 2)
KEYS12 = Keys(bytes(range(50, 66)), b"salt" + bytes(8), explicit=8, first=7)
KEYS12_256 = Keys(bytes(range(60, 92)), b"corn" + bytes(8), explicit=8)
ALL = [KEYS13, KEYS13_256, KEYS12, KEYS12_256]


def opened(cut: Cut, keys: dict[int, Keys], made: GcmRun | None = None):
    """Return what records hold; all others are as before."""
    made = made or GcmRun()
    found, data = cut.arrays()
    before, bytes_before = found.copy(), data.copy()
    made.begin(found, data)
    for direction, each in keys.items():
        made.add(direction, *each.numbers())
    at, done = 0, dict.fromkeys(keys, 0)
    while at < len(found):
        at = made.lay(at)
        stream, pads = made.key_stream()
        for each, (begin, end) in zip(keys.values(), made.bounds(), strict=True):
            pads[begin:end] = np.frombuffer(each.encrypted(stream[begin:end].tobytes()), np.uint8)
        for entry, record, group, order in made.large():
            direction, each = list(keys.items())[group]
            number = each.first + done[direction] + order
            content = each.opened(number, cut.bodies[record])
            if content is not None:
                made.tell(entry, len(content))
        for direction, count in zip(keys, made.open(), strict=True):
            done[direction] += count
    made.end()
    contents = {}
    for place in np.flatnonzero(found["fate"] == OPENED_RECORD).tolist():
        start, size = int(found["start"][place]), int(found["length"][place])
        skip, content = int(found["skip"][place]), int(found["content"][place])
        assert skip == keys[cut.directions[place]].explicit
        contents[place] = data[start + skip : start + skip + content].tobytes()
        bytes_before[start + skip : start + skip + content] = data[
            start + skip : start + skip + content
        ]
        if size > gcm.MOST_BYTES:
            del contents[place]  # the caller's to write
            assert (data[start : start + size] == np.frombuffer(cut.bodies[place], "u1")).all()
        before["fate"][place], before["content"][place] = OPENED_RECORD, content
        before["skip"][place] = skip
    assert (found == before).all()
    assert (data == bytes_before).all()
    counted = {d: cut_count(cut, found, d) for d in keys}
    assert counted == done
    return contents


def cut_count(cut: Cut, found, direction: int) -> int:
    pairs = zip(cut.directions, found["fate"].tolist(), strict=True)
    return sum(each == direction and fate == OPENED_RECORD for each, fate in pairs)


def small(cut: Cut, contents: dict[int, bytes]) -> dict[int, bytes]:
    return {
        place: content
        for place, content in contents.items()
        if len(cut.bodies[place]) <= gcm.MOST_BYTES
    }


@pytest.mark.parametrize("keys", ALL, ids=["13", "13-256", "12", "12-256"])
def test_each_size_up_to_the_limit_of_the_kernel(keys):
    cut = Cut()
    sizes = list(range(0, gcm.MOST_BYTES + 40, fewer(1, 97)))
    for number, size in enumerate(sizes):
        cut.add(0, keys.seal(keys.first + number, bytes(place * 7 & 255 for place in range(size))))
    contents = opened(cut, {0: keys})
    assert contents == small(cut, cut.opened({0: keys}))
    assert len(cut.opened({0: keys})) == len(sizes)


@st.composite
def talks(draw):
    """Draw records of several directions, of which some are not as they should be."""
    keys = {d: draw(st.sampled_from(ALL)) for d in draw(st.sets(st.integers(0, 5), min_size=1))}
    numbers = {direction: each.first for direction, each in keys.items()}
    cut = Cut()
    sizes = st.one_of(st.integers(0, 60), st.integers(0, fewer(1000, 200)))
    largest = st.integers(0, 17_000)
    for _ in range(draw(st.integers(0, fewer(25, 8)))):
        direction = draw(st.sampled_from([*keys, *keys, 7]))
        if direction not in keys:
            cut.add(direction, bytes(30))
            continue
        each = keys[direction]
        size = draw(largest if draw(st.integers(0, 9)) == 0 else sizes)
        content = draw(st.randoms(use_true_random=False)).randbytes(size)
        kind = draw(st.sampled_from([23, 23, 23, 23, 23, 23, 22, 0]))
        body = each.seal(numbers[direction], content, kind, draw(st.sampled_from([0, 0, 1, 40])))
        numbers[direction] += 1
        changes = {}
        what = draw(st.integers(0, 30))
        if what == 0:
            place = draw(st.integers(0, len(body) - 1))
            turned = body[place] ^ 1 << draw(st.integers(0, 7))
            body = body[:place] + bytes([turned]) + body[place + 1 :]
        elif what == 1:
            body = body[: draw(st.integers(0, len(body) - 1))]
        elif what == 2:
            changes = draw(
                st.sampled_from(
                    [{"type": 22}, {"start": -1}, {"fate": layout.BROKEN_RECORD}, {"fate": 2}]
                )
            )
        cut.add(direction, body, **changes)
    return cut, {d: each for d, each in keys.items() if d in cut.directions}


@settings(max_examples=fewer(300, 40), deadline=None)
@given(talks())
def test_what_is_opened_is_what_one_by_one_would_be(talk):
    cut, keys = talk
    assert opened(cut, keys) == small(cut, cut.opened(keys))


@pytest.mark.parametrize("keys", [KEYS13, KEYS12], ids=["13", "12"])
def test_each_bit_of_a_record_counts(keys):
    sound = [keys.seal(keys.first + number, b"some content") for number in range(3)]
    made = GcmRun()
    for bit in range(0, 8 * len(sound[1]), fewer(1, 37)):
        damaged = bytearray(sound[1])
        damaged[bit // 8] ^= 1 << bit % 8
        cut = Cut()
        for body in (sound[0], bytes(damaged), sound[2]):
            cut.add(0, body)
        assert opened(cut, {0: keys}, made) == {0: b"some content"}


@pytest.mark.parametrize("field", ["version", "type"])
@pytest.mark.parametrize("keys", [KEYS13, KEYS12], ids=["13", "12"])
def test_the_header_counts(keys, field):
    cut = Cut()
    cut.add(0, keys.seal(keys.first, b"a"))
    cut.add(0, keys.seal(keys.first + 1, b"b"), **{field: 22 if field == "type" else 0x0301})
    assert opened(cut, {0: keys}) == {0: b"a"}


def test_a_record_that_is_not_opened_ends_that_of_both_sides_but_of_no_other_connection():
    cut = Cut()
    keys = {0: KEYS13, 1: KEYS12, 2: KEYS13}
    cut.add(0, KEYS13.seal(0, b"a"))
    cut.add(1, KEYS12.seal(7, b"b"))
    cut.add(2, KEYS13.seal(0, b"c"))
    cut.add(0, KEYS13.seal(1, b"alert", kind=21))
    cut.add(1, KEYS12.seal(8, b"d"))
    cut.add(2, KEYS13.seal(1, b"e"))
    assert opened(cut, keys) == {0: b"a", 1: b"b", 2: b"c", 5: b"e"}


@pytest.mark.parametrize(
    "changes", [{"type": 22}, {"start": -1}, {"fate": layout.BROKEN_RECORD}, {"length": 15}]
)
def test_a_record_that_is_not_even_tried_ends_that_as_well(changes):
    cut = Cut()
    keys = {0: KEYS13, 1: KEYS13}
    cut.add(0, KEYS13.seal(0, b"a"))
    cut.add(1, KEYS13.seal(0, b"b"), **changes)
    cut.add(0, KEYS13.seal(1, b"c"))
    assert opened(cut, keys) == {0: b"a"}


def test_numbers_go_on_from_one_stretch_of_key_stream_to_the_next():
    cut = Cut()
    count = 2 * gcm.MOST_BLOCKS // (17_000 // 16)
    for number in range(0, 2 * count, 2):
        cut.add(0, KEYS13.seal(number, bytes(17_000)))
        cut.add(0, KEYS13.seal(number + 1, b"small"))
    assert opened(cut, {0: KEYS13}) == dict.fromkeys(range(1, 2 * count, 2), b"small")


def test_records_that_were_opened_before_are_passed_over():
    cut = Cut()
    cut.add(0, b"plain text of before", fate=OPENED_RECORD)
    cut.add(0, KEYS13.seal(0, b"a"))
    found, data = cut.arrays()
    made = GcmRun()
    made.begin(found, data)
    made.add(0, *KEYS13.numbers())
    assert made.lay(0) == 2
    assert made.bounds() == [(0, 16 * 3)]


def test_directions_with_enough_short_records():
    cut = Cut()
    for _ in range(gcm.LEAST_RECORDS):
        cut.add(4, bytes(50))
        cut.add(2, bytes(gcm.MOST_BYTES + 1))
        cut.add(9, bytes(50), fate=layout.BROKEN_RECORD)
    for _ in range(gcm.LEAST_RECORDS - 1):
        cut.add(3, bytes(50))
    cut.add(3, bytes(50), type=22)
    made = GcmRun()
    assert made.begin(*cut.arrays()) == [4]
    cut.add(3, bytes(50))
    assert made.begin(*cut.arrays()) == [4, 3]
    assert made.begin(*Cut().arrays()) == []


def test_key_stream_is_bounded():
    cut = Cut()
    count = 2 * gcm.MOST_BLOCKS // (17_000 // 16)
    for _ in range(count):
        cut.add(0, bytes(17_000))
    found, data = cut.arrays()
    made = GcmRun()
    made.begin(found, data)
    made.add(0, *KEYS13.numbers())
    first = made.lay(0)
    assert 0 < 16 * gcm.MOST_BLOCKS - 17_008 < 17_000 * first < 16 * gcm.MOST_BLOCKS + 17_008
    assert len(made.large()) == first
    assert made.lay(count) == count


def test_a_record_beyond_the_buffer_is_refused():
    """Who calls has cut the records from the buffer; if not, no byte beyond it is read."""
    cut = Cut()
    cut.add(0, KEYS13.seal(0, b"a"))
    found, data = cut.arrays()
    found["length"] += 100
    made = GcmRun()
    made.begin(found, data)
    made.add(0, *KEYS13.numbers())
    with pytest.raises(IndexError, match="beyond"):
        made.lay(0)


@given(st.binary(min_size=8, max_size=20), st.integers(0, 2**64 - 1))
def test_words_are_the_highest_byte_first(data, word):
    buffer = np.frombuffer(bytearray(data), np.uint8)
    assert gcm.big(buffer, len(data) - 8) == int.from_bytes(data[-8:], "big")
    gcm.put(buffer, 0, word)
    assert buffer.tobytes() == word.to_bytes(8, "big") + data[8:]


def test_what_is_not_opened_keeps_its_fate():
    cut = Cut()
    cut.add(0, bytes(40))
    found, _ = cut.arrays()
    assert opened(cut, {0: KEYS13}) == {}
    assert found["fate"].tolist() == [WHOLE_RECORD]
