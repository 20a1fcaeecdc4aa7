"""Kinds of messages: by the words of a protocol inside, else by type and size."""

import json

import numpy as np
import pytest
from oracle.chats import captured, chat, one

from analyzer.alternatives.kinds import Kinds, kinds_by_size
from analyzer.columns import NULL, empty
from analyzer.inside.labels import Detail, Label, Labels, Says
from analyzer.websocket.frames import MESSAGE


def test_sizes():
    # A power of two to the next, empty ones apart, text and binary apart.
    found = kinds_by_size(np.array([0, 1, 64, 100, 127, 128]))
    assert len(set(found[:2].tolist())) == 2
    assert len(set(found[2:5].tolist())) == 1
    assert found[5] != found[4]
    text, binary = kinds_by_size(np.array([9, 9]), np.array([1, 2]))
    assert text != binary
    assert (found < 0).all()


def messages(*sizes):
    rows = empty(MESSAGE, len(sizes))
    rows["payload_bytes"] = sizes
    rows["transfer_bytes"] = 7
    rows["opcode"] = 1
    return rows


def test_labels():
    labels = Labels(10)
    price = labels.number(Label("json", "object", "price", None))
    bare = labels.number(Label("json", "object", None, None))
    much = Label("json", "object", "much", None)
    says = Says(np.array([price, bare, price, 0, 0], np.int32), {3: Detail(label=much)}, labels)
    kinds, named = Kinds().of(messages(5, 5, 50, 5, NULL), says)
    assert named.tolist() == [True, False, True, True, False]
    assert kinds[0] == kinds[2] != kinds[3]
    # What cannot be inflated counts as it was sent.
    assert kinds[1] == kinds[4] == kinds_by_size(np.array([7]), np.array([1]))[0]


def test_labels_that_come_later():
    labels, kinds = Labels(10), Kinds()
    first = labels.number(Label("json", "object", "a", None))
    before, _ = kinds.of(messages(5), Says(np.array([first], np.int32), {}, labels))
    second = labels.number(Label("json", "object", "b", None))
    after, _ = kinds.of(messages(5, 5), Says(np.array([first, second], np.int32), {}, labels))
    assert before[0] == after[0] != after[1]


FEED = [(50 * n, "server", json.dumps({"jsonrpc": "2.0", "method": f"set{n % 2}"}).encode())
        for n in range(200)]  # fmt: skip


@pytest.mark.parametrize("inside", [True, False])
def test_a_feed_of_two_values(inside):
    """10 s, two values that change ten times a second each: ten polls fetch both, or one."""
    data = captured(chat(said=FEED, end=9_999))
    row = one(data, "short-poll-latest", inside=inside)
    values = 2 if inside else 1
    assert row["kinds_known"] == inside
    # One more as often as no poll comes between the last message and the end: 0.95.
    assert row["requests"] == round(10 + 0.95)
    # Each holds for 50 ms, or of two kinds for 100: that part of the polls finds it, and it has
    # waited half of that. The last of each is never superseded: one poll finds it, 500 ms later.
    holds, count = 0.05 * values, 200 // values
    found = (count - 1) * holds + 1
    assert row["messages"] == round(values * found)
    every = one(data, "short-poll", inside=inside)
    size = len(FEED[0][2])
    saved = every["application_bytes"] - row["application_bytes"]
    assert saved == pytest.approx((200 - row["messages"]) * (size + 1), abs=60)
    waits = (count - 1) * holds * 1000 * holds / 2 + 500
    assert row["added_latency_ms_mean"] == pytest.approx(waits / found)
