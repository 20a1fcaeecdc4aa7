"""How conversations begin, and what they need before anything is said in them."""

import numpy as np
import pytest

from analyzer.http.exchanges import Handshake
from analyzer.inside.beginnings import MUTE, NEW, UNHEARD, Beginnings
from analyzer.inside.recognition import TRIES
from analyzer.options import Options


def handshake(alike=-1, **fields):
    return Handshake(**({"slot": 0, "client_side": 0, "path": "/feed"} | fields), alike=alike)


def test_one_without_a_name_is_mute_at_first():
    beginning = Beginnings(Options()).of(handshake())
    assert beginning.setting.path == "/feed"
    mute, tries, looks = beginning.mute
    assert (tries, looks > TRIES) == (TRIES, True)
    assert mute.is_mute(b"{1}", True)


@pytest.mark.parametrize(
    "known",
    [
        None,  # joined in the middle: the first message may decide
        handshake(subprotocol="mqtt"),
        handshake(path="/socket.io/?EIO=4&transport=websocket&sid=abc"),
    ],
)
def test_what_needs_a_talk_at_once(known):
    assert Beginnings(Options()).of(known).mute is None


def test_those_that_are_alike_begin_alike():
    beginnings = Beginnings(Options())
    first = beginnings.of(handshake(7))
    assert beginnings.of(handshake(7)) is first
    assert beginnings.of(handshake(8)) is not first
    assert beginnings.of(handshake(-1)) is not beginnings.of(handshake(-1))
    for alike in range(100, 2000):  # more than are remembered
        beginnings.of(handshake(alike, path=f"/{alike}"))
    assert beginnings.of(handshake(7)) == first


def test_states_by_slot():
    beginnings = Beginnings(Options())
    slots = np.array([3, 900, 3, 5], np.int64)
    assert beginnings.new(slots) == [3, 5, 900]
    beginnings[900], beginnings[5] = UNHEARD, MUTE
    assert beginnings.new(slots) == [3]
    assert [beginnings[slot] for slot in (3, 5, 900)] == [NEW, MUTE, UNHEARD]
    assert [beginnings.end(slot) for slot in (900, 3, 4000)] == [UNHEARD, NEW, NEW]
    assert beginnings.new(slots) == [3, 900]  # another connection's
    assert beginnings.new(slots[:0]) == []
