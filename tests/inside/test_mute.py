"""Mute messages: what is found to say nothing would have been denied by all that look at it."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.inside._mute import Mute, Words
from analyzer.inside.protocol import Setting
from analyzer.inside.recognition import Recogniser
from analyzer.inside.registry import GENERIC, PROTOCOLS

LETTERS = st.text("ab\"'", max_size=4).map(str.encode)


@given(st.sets(LETTERS.filter(bool), max_size=6), st.text("ab\"'", max_size=30).map(str.encode))
def test_words(words, payload):
    assert Words(words).are_in(payload) == any(word in payload for word in words)


def test_what_is_mute():
    asked = []

    def words_of(first):
        asked.append(first)
        return {b'"type"', b"\\"} if first == b"{" else None if first == b"[" else {b"go"}

    mute = Mute(words_of, frozenset({b"ping"}))
    said = [b'{"a":1}', b'{"a":"type"}', b'{"type":1}', b'{"a":"\\n"}', b"[1]", b"", b"ping"]
    said += [b"ping!", b"let go", b"{", b" {}", b"\xef\xbb\xbf{}"]
    assert [mute.is_mute(each, True) for each in said] == [
        *(True, False, False, False, False, False, False),
        *(True, False, True, False, False),
    ]
    assert mute.is_mute(b" {}", False)
    assert sorted(set(asked)) == sorted(asked)  # once for each first byte


def everything_said(pick):
    """A message of a few words that protocols look for, or of none."""
    words = [each for protocol in PROTOCOLS for each in protocol.needs] + list(GENERIC.names)
    members = [
        pick.choice(['"seq":1', '"px":"x"', '"a":{"b":[]}'])
        if pick.random() < 0.7
        else f"{pick.choice(words).decode()}:{pick.choice(['1', 'null', 'true'])}"
        for _ in range(pick.randrange(4))
    ]
    whole = f"{{{','.join(members)}}}"
    return pick.choice([whole, whole[:-1], f"[{whole}]", whole[1:], "7", "ping"]).encode()


@pytest.mark.parametrize("seed", range(4))
def test_mute_messages_are_of_no_protocol(seed):
    pick = random.Random(seed)
    mute, tries, looks = Recogniser(Setting(path="/ws"), PROTOCOLS, GENERIC).mute
    assert (tries, looks) == (8, 32)
    said = [everything_said(pick) for _ in range(500)]
    silent = [each for each in said if mute.is_mute(each, True)]
    assert 100 < len(silent) < 400
    everything = [each for each in PROTOCOLS if not each.needs_path]
    for payload in silent:
        assert not GENERIC.is_beat(payload, 0, True)
        assert not any(
            each.looks(payload, sender, True)
            for each in (*everything, GENERIC)
            for sender in (0, 1)
            if not each.begins or payload[:1] in each.begins
        )


def test_where_even_silence_may_decide():
    recogniser = Recogniser(Setting(path="/ws"), PROTOCOLS, GENERIC)
    assert recogniser.see(b'{"type":"a"}', 0, True) is None
    assert recogniser.mute[1:] == (7, 31)
    recogniser.learn(3, 0, 2)
    assert recogniser.mute[1:] == (5, 28)
    assert Recogniser(Setting(joined=True), PROTOCOLS, GENERIC).mute is None
