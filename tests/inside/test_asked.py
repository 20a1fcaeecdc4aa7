"""Ids that may come back: a set that forgets its oldest."""

from collections import OrderedDict

from hypothesis import given
from hypothesis import strategies as st

from analyzer.inside._asked import Asked

TOKENS = [b"%d" % number for number in (*range(12), 10**17, 10**18, 2**64)]
TOKENS += [b'"a"', b'"7"', b"-1", b"1.5", b"007", b'"' + b"x" * 100 + b'"']


@given(st.lists(st.tuples(st.booleans(), st.sampled_from(TOKENS)), max_size=80), st.integers(1, 20))
def test_it_is_an_ordered_dict_with_an_end(steps, most):
    asked, plain = Asked(most), OrderedDict[bytes, None]()
    for adds, token in steps:
        if adds:
            asked.add(token)
            plain[token] = None
            if len(plain) > most:
                plain.popitem(last=False)
        elif token in plain:
            asked.remove(token)
            del plain[token]
        assert len(asked) == len(plain)
        assert [each in asked for each in TOKENS] == [each in plain for each in TOKENS]


def test_it_grows_and_forgets():
    asked = Asked(1000)
    assert b"0" not in asked
    assert b"" not in asked
    for number in range(5000):
        asked.add(b"%d" % (number << 20))
    assert len(asked) == 1000
    known = [b"%d" % (number << 20) in asked for number in range(5000)]
    assert known == [False] * 4000 + [True] * 1000
