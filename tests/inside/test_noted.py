"""Notes of parts in topics, put together, are what one process decides."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from analyzer.columns import NULL
from analyzer.inside._noted import Notes
from analyzer.inside.calls import Call, DoneCall, Moment, PlainCalls
from analyzer.inside.fanout import Spreading
from analyzer.inside.item import DELIVER, DELIVER_MAYBE, PUBLISH, PUBLISH_MAYBE, SUBSCRIBE
from analyzer.inside.joined import Joined, Renumbered
from analyzer.inside.labels import Label, Labels, Says
from analyzer.inside.noted import HASHING, Noted, NotingRows, NotingShared
from analyzer.inside.stage import InsideBatch
from analyzer.options import Options

SECOND = 10**9
NONE = np.zeros((0, 2), np.int64)


def batch_of(calls=(), rows=None):
    rows = np.zeros((0, 11), np.int64) if rows is None else rows
    others = np.arange(1, 1 + len(calls), dtype=np.int64)
    plain = PlainCalls(rows, others, Labels(0))
    return InsideBatch(None, None, (), Says(), list(calls), plain)  # type: ignore[arg-type]


def steps(random, count):
    """Parts in topics, one a packet; bodies of the same few, so that they meet."""
    for packet in range(1, count + 1):
        kind = random.choice([PUBLISH, PUBLISH_MAYBE, DELIVER, DELIVER_MAYBE, SUBSCRIBE])
        server = random.choice([(1, 2, 3)] * 5 + [(4, 5, 6)])
        member = random.randrange(7)
        since = random.choice([NULL, 0, 0, packet * SECOND // 20])
        where = (server, random.choice(["stomp", "stomp", "mqtt"]), member, since)
        topic = random.choice([*"aaaabbbbcd", None])
        body = random.choice([None, b"", b"short", b"long enough to tell", b"and another, as long"])
        yield packet, (kind, where, (member, packet), topic, body, packet * SECOND // 10)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("count", [1, 2, 3])
def test_any_parts(seed, count):
    options = Options(max_inside_topics=random_limit(seed), max_inside_publications=40)
    whole, joined = Spreading(options), Joined(options, count)
    shards = [NotingShared(options) for _ in range(count)]
    rows = [NotingRows(shared.notes) for shared in shards]
    # Connection n is number n // count of shard n % count.
    numbers = [np.arange(shard, 21, count) for shard in range(count)]
    expected, found = [], []
    for packet, (kind, where, stands, *rest) in steps(Random(seed), 300):
        whole.take(kind, where, stands, *rest)
        number, shard = divmod(where[2], count)
        shards[shard].notes.reach(packet)
        own = (where[0], where[1], number, where[3])
        shards[shard].spreading.take(kind, own, (number, stands[1]), *rest)
        if packet % 50 == 0:
            expected += whole.take_deliveries().rows.tolist()
            noted = [one.take(some) for one, some in zip(shards, rows, strict=True)]
            batch = joined.push([batch_of() for _ in shards], noted, numbers, [])
            found += batch.deliveries.rows.tolist()
    assert found == expected
    assert len(found) > 3
    assert joined.finish() == whole.finish()


def random_limit(seed):
    return (4, 6, 100)[seed % 3]


def test_a_limit_is_told_once():
    options = Options(max_inside_topics=1)
    joined, shared = Joined(options, 1), NotingShared(options)
    told = []
    for packet, topic in enumerate("aabb"):
        shared.notes.reach(packet)
        shared.spreading.take(SUBSCRIBE, ((), "stomp", 0, NULL), (0, 0), topic, None, 0)
        noted = shared.take(NotingRows(shared.notes))
        told.append(joined.push([batch_of()], [noted], [np.arange(1)], []).findings)
    assert [len(each) for each in told] == [0, 0, 1, 0]
    assert told[2][0].detail == "max_inside_topics"


# --- calls


def called(number, connection):
    asked = Moment(0, 0, 1, 1, 1, 1)
    return DoneCall(connection, NULL, "stomp", Call(number, "SEND", None, 0, asked, 0))


def noted(asked=NONE, over=NONE, labels=(), named=NONE):
    parts = np.zeros((0, 11), np.int64)
    keys = [np.array(each, np.int64).reshape(-1, 2) for each in (asked, over, named)]
    return Noted(parts, [], keys[0], keys[1], list(labels), keys[2], NONE, HASHING)


def test_calls_are_numbered_by_their_requests():
    joined = Joined(Options(), 2)
    numbers = [np.array([0, 2]), np.array([1])]
    first = joined.push(
        [batch_of(), batch_of()],
        [noted(asked=[(20, -1), (60, -1)]), noted(asked=[(40, -1)])],
        numbers,
        [],
    )
    assert first.calls == []
    # Those of the second batch are over before the batch is, or with their connections.
    batch = joined.push(
        [
            batch_of([called(1, 1), called(0, 0)]),
            batch_of([called(0, 0), called(1, 0)]),
        ],
        [
            noted(over=[(90, -1), (201, 0)]),
            noted(asked=[(70, -1)], over=[(80, -1), (201, 0)]),
        ],
        numbers,
        [1, 0],
    )
    found = [(each.call.number, each.connection) for each in batch.calls]
    assert found == [(1, 1), (2, 2), (3, 1), (0, 0)]
    assert batch.plain_calls.others.tolist() == [1, 2, 3, 4]


def test_labels_are_numbered_as_they_came():
    joined = Joined(Options(), 2)
    a, b, c = (Label("x", name) for name in "abc")
    shards = [noted(labels=[a, b], named=[(2, -1), (8, -1)]), noted(labels=[c], named=[(6, -1)])]
    batches = [batch_of(), batch_of()]
    batches[0].says.codes = np.array([2, 0, 1], np.int32)
    batches[1].says.codes = np.array([1], np.int32)
    batch = joined.push(batches, shards, [np.arange(1)] * 2, [])
    assert joined.labels.known[1:] == [a, c, b]
    assert [each.tolist() for each in batch.codes] == [[3, 0, 1], [2]]


def test_numbers_are_forgotten_when_all_of_a_block_were_asked_for():
    renumbered = Renumbered()
    renumbered.add(np.arange(10_000) * 3)
    assert renumbered.take(np.array([4095, 4096, 9999])).tolist() == [12285, 12288, 29997]
    before = len(renumbered)
    assert renumbered.take(np.arange(4095)).tolist() == [3 * each for each in range(4095)]
    assert len(renumbered) == before - 4096
    assert renumbered.take(np.zeros(0, np.int64)).tolist() == []


def test_processes_that_hash_otherwise_are_refused():
    joined = Joined(Options(), 1)
    other = noted()._replace(hashing=HASHING + 1)
    with pytest.raises(ValueError, match="PYTHONHASHSEED"):
        joined.push([batch_of()], [other], [np.arange(1)], [])


def test_notes_grow():
    notes = Notes()
    for number in range(1000):
        notes.reach(number)
        notes.ask()
        notes.end()
        notes.part(PUBLISH, (1, 2, 3), 4, (5, 6), 7, number)
    parts, asked, over = notes.take()
    assert asked[:, 0].tolist() == over[:, 0].tolist() == [2 * each for each in range(1000)]
    assert parts[:, 0].tolist() == [2 * each for each in range(1000)]
    assert parts[999, 1:].tolist() == [PUBLISH, 1, 2, 3, 4, 5, 6, 7, 999, -1]
    assert [len(each) for each in notes.take()] == [0, 0, 0]


def test_what_is_late_comes_behind_the_batch():
    notes = Notes()
    notes.reach(5)
    notes.until = 9
    notes.is_late, notes.ending = True, 3
    assert notes.key() == (19, 3)
