"""Legs whose keys differ: what proves a pair, and what looks like one and is none."""

from __future__ import annotations

from itertools import count

import pytest

from analyzer.columns import NULL
from analyzer.options import Options
from analyzer.tables.leg_pairs import Candidates, Leg, Pair
from analyzer.tables.ways import Seen
from analyzer.websocket._payload import digest_of

CLIENT, SERVER = 0, 1
MS = 1_000_000
USER, PROXY, HOST = (0, 1), (0, 2), (0, 3)
NEAR = Leg(1, 1, "a", 0, 10 * MS, 40 * MS, 41 * MS, 41 * MS, USER, PROXY, 80)
NESTED = Leg(0, 0, "b", 12 * MS, 20 * MS, 30 * MS, 31 * MS, 31 * MS, PROXY, HOST, 9000)
BEHIND = NESTED._replace(syn=42 * MS, asked=43 * MS, heard=44 * MS, answered=45 * MS)


def pairs(*legs: Leg, **options: object) -> list[tuple[int, int, int]]:
    """Near, far and rank of each pair, of connections in order of their opening."""
    candidates = Candidates(Options(**options))
    made = [pair for leg in legs for pair in candidates.pairs(leg)]
    return [(*(leg.number for leg in pair.legs), pair.rank) for pair in made]


def test_handshakes_that_lie_within_each_other() -> None:
    assert pairs(NESTED, NEAR) == [(1, 0, 2)]


def test_a_leg_that_opens_behind_the_answer() -> None:
    assert pairs(NEAR, BEHIND._replace(opened=45 * MS)) == [(1, 0, 1)]


@pytest.mark.parametrize(
    "far",
    [
        NESTED._replace(server=PROXY, port=80, client=(0, 9)),  # another client of the server
        NESTED._replace(client=USER),  # the same client at another server
        NESTED._replace(client=(0, 7), server=PROXY, port=81),  # at another port of it
        NESTED._replace(key="a"),  # matched by the key, or not at all
        BEHIND._replace(asked=10_000 * MS),  # much later
        NESTED._replace(asked=5 * MS),  # asked before there was a reason to
    ],
)
def test_what_no_proxy_opened(far: Leg) -> None:
    assert pairs(far, NEAR) == []


def test_a_proxy_with_two_addresses() -> None:
    assert pairs(NESTED._replace(client=(0, 8)), NEAR) == [(1, 0, 1)]


def test_of_one_met_in_its_middle_nobody_knows_who_began() -> None:
    one = NEAR._replace(asked=NULL, heard=NULL, answered=NULL)
    here = one._replace(number=0, client=(0, 2), server=(0, 2), port=81, key=None)
    there = here._replace(number=1, port=82)
    assert {found[:2] for found in pairs(here, there)} == {(0, 1), (1, 0)}


def test_only_the_next_ones_are_compared() -> None:
    others = [
        BEHIND._replace(number=n, port=9000 + n, asked=(60 + n) * MS, opened=(60 + n) * MS)
        for n in range(2, 20)
    ]
    found = pairs(*reversed(others), NEAR, max_leg_candidates=3)
    assert [far for _, far, _ in found] == [2, 3, 4]


# --- what is said


def talked(pair: Pair, messages: list[tuple[int, int, str, float]]) -> Pair:
    """A pair that has seen messages: (leg, sender, text, ms)."""
    for packet, (leg, sender, text, at) in enumerate(messages, start=1):
        data = text.encode()
        seen = Seen(digest_of(data), len(data), round(at * MS), packet, False)
        pair.take(pair.legs[leg].number, sender, seen)
    return pair


def exchanges(turns: int, texts: str = "message %d") -> list[tuple[int, int, str, float]]:
    """A client that asks and is answered over a proxy, so many times."""
    clock = count(100)
    return [
        (leg, sender, texts % (2 * number + sender), next(clock))
        for number in range(turns)
        for leg, sender in ((0, CLIENT), (1, CLIENT), (1, SERVER), (0, SERVER))
    ]


def pair(far: Leg = BEHIND, rank: int = 1) -> Pair:
    made = Pair.of(NEAR, far)
    made.rank = rank
    return made


def test_a_conversation_through_a_proxy() -> None:
    assert not talked(pair(), exchanges(3)).is_proven
    assert talked(pair(), exchanges(4)).is_proven
    assert talked(pair(NESTED, 2), exchanges(2)).is_proven


@pytest.mark.parametrize("texts", ["%.1s", "ping%.0s"])
def test_heartbeats_prove_nothing(texts: str) -> None:
    assert not talked(pair(), exchanges(40, texts)).is_proven


def test_a_script_against_two_servers() -> None:
    # Both ask and are answered, this one and then that one: answers come in the wrong order.
    messages = [
        (leg, sender, f"message {2 * number + sender}", 100 + 10 * number + 2 * sender + leg)
        for number in range(40)
        for sender in (CLIENT, SERVER)
        for leg in (0, 1)
    ]
    made = talked(pair(), messages)
    assert made.is_refuted
    assert not made.is_proven


def test_two_that_hear_one_broadcast() -> None:
    begin = [
        (leg, CLIENT, f"subscribe {n}", 100 + 10 * n + leg) for n in range(9) for leg in (0, 1)
    ]
    feed = [(leg, SERVER, f"tick {n}", 300 + 10 * n - leg) for n in range(99) for leg in (1, 0)]
    made = talked(pair(), begin + feed)
    assert made.evidence > 20
    assert not made.is_proven


def test_two_that_say_different_things() -> None:
    messages = [(leg, CLIENT, f"{leg} says {n}", 100 + n) for n in range(9) for leg in (0, 1)]
    assert talked(pair(), messages).is_refuted


def test_one_that_only_listens_is_not_held_for_ever() -> None:
    assert talked(pair(), [(0, SERVER, f"tick {n}", 100 + n) for n in range(64)]).is_refuted


def test_a_message_that_the_proxy_keeps_does_not_refute() -> None:
    messages = [each for each in exchanges(6) if each[:3] != (1, CLIENT, "message 4")]
    assert talked(pair(), messages).is_proven
