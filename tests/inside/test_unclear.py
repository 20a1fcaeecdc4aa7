"""Messages that wait: in the order of their conversations, within limits."""

import numpy as np
import pytest
from oracle.spoken import heard, said, upgrade
from oracle.stages import CLIENT, SERVER, TEXT, client, server

from analyzer.inside._mute import Mute
from analyzer.inside._unclear import Unclear
from analyzer.inside.calls import Moment
from analyzer.inside.talk import Waiting
from analyzer.options import Options

MUTE = Mute(lambda first: {b"go"}, frozenset())


def waiting(at, payload=b"abc", sender=0):
    return Waiting(at, payload, True, Moment(sender, at, 100 + at, 100 + at, at * 10, at * 10))


def run(unclear, *messages, at=0):
    """Run over messages (slot, payload); return where it stopped."""
    slots, payloads = zip(*messages, strict=True)
    count = len(messages)
    moments = np.zeros((6, count), np.int64)
    moments[1] = range(count)
    moments[2] = moments[3] = range(100, 100 + count)
    columns = np.arange(count, dtype=np.int64), np.array(slots, np.int64)
    return unclear.run(at, list(payloads), *columns, np.ones(count, np.uint8), moments)


def test_messages_wait_as_they_are():
    unclear = Unclear(1000, 10**6)
    messages = [waiting(at, b"x" * at) for at in range(70)] + [waiting(70, None, 1)]
    for each in messages:
        unclear.wait(5, each)
        unclear.wait(-3, each)
    assert unclear.waiting(-3) == unclear.waiting(5) == messages
    assert unclear.waiting(900) == []
    assert (unclear.count, unclear.held_bytes) == (142, 2 * sum(range(70)))


def test_the_run_takes_what_is_mute():
    unclear = Unclear(100, 1000)
    unclear.enter(1, MUTE, 8, 32)
    assert unclear.goes(1)
    assert not unclear.goes(2)
    assert not unclear.goes(4000)
    assert run(unclear, (1, b"abc"), (1, b"ab"), (1, b"go"), (1, b"abc")) == 2
    assert [each.payload for each in unclear.waiting(1)] == [b"abc", b"ab"]
    assert unclear.waiting(1)[1].moment == Moment(0, 1, 101, 101, 0, 0)
    # Two looks; a message of two bytes is no try.
    assert unclear.learn(1) == (2, 1, 0)
    assert unclear.learn(1) == (0, 0, 0)
    assert not unclear.goes(1)
    assert run(unclear, (1, b"abc")) == 0


@pytest.mark.parametrize(("tries", "looks", "taken"), [(3, 32, 3), (8, 2, 2)])
def test_nothing_is_heard_behind_the_last_try(tries, looks, taken):
    unclear = Unclear(100, 1000)
    unclear.enter(1, MUTE, tries, looks)
    unclear.enter(2, MUTE, 99, 99)
    assert run(unclear, *[(1, b"abc")] * (taken - 1)) == taken - 1
    assert len(unclear.waiting(1)) == unclear.count == taken - 1
    assert unclear.take_passed() == ([], [], [])
    # What comes behind it may say anything, and that of others waits.
    assert run(unclear, (2, b"ab"), (1, b"abc"), (1, b"go"), (2, b"abc"), (1, b"abc")) == 5
    assert unclear.take_passed() == ([], [1], [1])
    assert (unclear.count, unclear.held_bytes) == (2, 5)
    unclear.leave(1, is_over=True)
    assert run(unclear, (1, b"abc")) == 0


def test_what_waits_longest_goes_first():
    unclear = Unclear(3, 1000)
    for slot in (7, 70, 7, 71):
        unclear.wait(slot, waiting(slot))
    assert unclear.take_passed() == ([("inside_wait_messages", 7, 171)], [7], [])
    assert unclear.count == 2
    for slot in (7, 7):
        unclear.wait(slot, waiting(slot))
    assert unclear.take_passed() == ([], [70], [])
    unclear.wait(-2, waiting(1, b"x" * 2000))
    assert unclear.take_passed() == ([("max_inside_wait_bytes", 7, 101)], [71, 7, -2], [])
    assert (unclear.count, unclear.held_bytes) == (0, 0)


def test_many_conversations_one_after_the_other():
    unclear = Unclear(1000, 10**6)
    for slot in range(500):
        unclear.enter(slot, MUTE, 8, 32)
        unclear.wait(slot, waiting(slot))
    for slot in range(0, 500, 2):
        unclear.leave(slot, is_over=True)
    assert (unclear.count, unclear.held_bytes) == (250, 750)
    assert [unclear.goes(slot) for slot in range(4)] == [False, True, False, True]
    for slot in range(1, 500, 2):
        assert [each.place for each in unclear.waiting(slot)] == [slot]


def test_messages_that_were_read_do_not_make_room_for_more():
    """What made a protocol clear never waited."""
    ask = [client(TEXT, b'{"jsonrpc":"2.0","method":"a"}')] * 2
    quiet = [*[(SERVER, "ack")] * 4, server(TEXT, b'{"a":1}')]
    talks = [[*upgrade(), *each] for each in [ask] * 20 + [quiet] * 24]
    tables = heard(talks, (), Options(inside_wait_messages=20))
    assert set(said(tables, "inner")) == {("json-rpc",), (None,)}
    assert (tables["findings"]["id"] == "inside-limit").sum() == 1


@pytest.mark.parametrize("cuts", [(), range(1, 400), range(0, 400, 7)])
def test_rows_that_left_are_not_anothers(cuts):
    """What waits behind rows that had to leave is read, but no longer told in a row."""
    late = client(TEXT, b'{"jsonrpc":"2.0","method":"late"}')
    silent, ack = server(TEXT, b'{"a":1}'), (CLIENT, "ack")
    one = [late, *[ack] * 12, silent, *[ack] * 4, late, *[ack] * 2]
    talks = [[*upgrade(), *one], *[[*upgrade(), *[silent] * 12, *[silent, ack] * 4]] * 3]
    messages = heard(talks, cuts, Options(inside_wait_messages=2))["messages"]
    told = messages[messages["inner"].notna()]
    assert told[["connection", "message", "name"]].values.tolist() == [[0, 2, "late"]]
