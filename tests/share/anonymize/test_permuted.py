"""Permutations: no two values meet, and what is alike at its beginning does not stay so."""

from __future__ import annotations

import pytest

from analyzer.share.anonymize.permuted import MOST, permuted, permuted_word

KEY = bytes(range(32))
SMALL = bytes(range(97, 123))
DIGITS = b"0123456789"


@pytest.mark.parametrize("size", [1, 2, 3, 10, 90, 257, 1024])
def test_every_value_has_its_own(size: int) -> None:
    assert sorted(permuted(each, size, KEY) for each in range(size)) == list(range(size))


def test_another_key_is_another_permutation() -> None:
    one, other = ([permuted(each, 100, key) for each in range(100)] for key in (KEY, b"other"))
    # Two permutations of 100 agree in one place on average.
    assert sum(a == b for a, b in zip(one, other, strict=True)) < 8


def test_words_that_begin_alike_do_not_stay_alike() -> None:
    words = [b"kitch" + bytes((a, b)) for a in SMALL for b in SMALL[:8]]
    made = [permuted_word(each, [SMALL] * 7, KEY) for each in words]
    assert len(set(made)) == len(words)
    # 208 words of 26 letters: about 8 begin with any one.
    assert max(sum(each[0] == letter for each in made) for letter in SMALL) < 25


def test_characters_stay_in_their_alphabets() -> None:
    for word in (b"a1b2", b"a1" * (MOST // 2 + 1)):
        made = permuted_word(word, [SMALL, DIGITS] * (len(word) // 2), KEY)
        assert made[::2].islower()
        assert made[1::2].isdigit()


def test_no_word_becomes_one_that_is_taken() -> None:
    taken = {bytes((letter,)) for letter in SMALL[5:]}
    made = {permuted_word(bytes((letter,)), [SMALL], KEY, taken) for letter in SMALL[:5]}
    assert made == {bytes((letter,)) for letter in SMALL[:5]}
