"""The kernel of publications finds what plain Python finds."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import publications as plain

from analyzer.columns import NULL
from analyzer.inside._publications import Publications

SECOND = 10**9
# Few of each, so that they meet; the last two lie in one bucket.
marks = st.tuples(
    st.sampled_from([3, -5, 1 << 40]), st.sampled_from([7, -(2**63), 7 + (1 << 50)]), st.just(4)
)
members = st.integers(0, 3)
# More than a minute apart, before and behind each other.
times = st.integers(0, 14).map(lambda tens: 10 * tens * SECOND)
published = st.tuples(st.just("publish"), marks, members, times, st.booleans())
delivered = st.tuples(st.just("deliver"), marks, members, times, st.sampled_from([NULL, 0, SECOND]))


def run(publications, steps):
    out = []
    for number, (kind, mark, member, time, more) in enumerate(steps):
        if kind == "publish":
            publications.remember(mark, member, (member, number), time, counted=more)
        else:
            found = publications.match(mark, member, more, time)
            out.append(found and found[1:])
            if found is not None:
                publications.deliver(number % 3, found[0], (member, number), time)
        out.append(len(publications))
    return out, publications.take_deliveries().tolist(), len(publications.take_deliveries())


@settings(max_examples=300)
@given(st.lists(st.one_of(published, delivered), max_size=60), st.integers(0, 12))
def test_the_same_as_plain_python(steps, most):
    assert run(Publications(most), steps) == run(plain.Publications(most), steps)


@pytest.mark.parametrize("most", [1, 300, 2000])
def test_many(most):
    """So many that all tables grow, and equal ones by the hundred."""
    random, steps = Random(most), []
    for number in range(1500):
        mark = (random.randrange(3), random.choice([0, number, number]), 1)
        time = number * SECOND // 50 - random.choice([0, 0, 0, SECOND])
        more = random.random() < 0.5
        kind = random.choice(["publish", "publish", "deliver"])
        since = random.choice([NULL, 0, time - SECOND])
        steps.append(
            (kind, mark, random.randrange(400), time, since if kind == "deliver" else more)
        )
    assert run(Publications(most), steps) == run(plain.Publications(most), steps)


def test_what_a_member_had_longest_ago_is_forgotten_first():
    for kind in (Publications, plain.Publications):
        one = kind(2)
        one.remember((1, 1, 1), 0, (0, 0), 5, counted=True)
        found = [one.match((1, 1, 1), member, 0, 9) is not None for member in (1, 2, 1, 3, 2, 1)]
        assert found == [True, True, False, True, False, True]
