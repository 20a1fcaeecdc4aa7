"""Samples applied to all answers: ratios, rests, errors; numbers by hand."""

import numpy as np
import pytest

from analyzer.alternatives.coded import Coding, pooled, relative_error
from analyzer.alternatives.lanes import SIZE_CLASSES, Answers
from analyzer.alternatives.sampling import POLLS, SAMPLE, SINGLE


def samples(*pairs):
    """SAMPLE rows of one connection in the way SINGLE; (plain, coded) of each answer."""
    out = np.zeros((1, POLLS), SAMPLE)
    row = out[0, SINGLE : SINGLE + 1]
    for plain, coded in pairs:
        row["answers"] += 1
        row["in_gzip"] += coded < plain
        row["plain"] += plain
        row["coded"] += coded
        row["plain_squares"] += plain**2
        row["coded_squares"] += coded**2
        row["products"] += plain * coded
        row["sizes"][0, 3] += 1
    return out


def brought(answers, messages, payload):
    one = np.ones(1)
    sizes = np.zeros((1, SIZE_CLASSES))
    return Answers(answers * one, messages * one, payload * one, 0 * one, sizes)


ALL = np.ones(1, bool)
NONE = np.zeros((1, POLLS), SAMPLE)


def test_all_answers_shrink_as_those_that_were_deflated():
    made = samples((100, 40), (300, 100))
    coding = Coding(made, pooled(made), ALL)
    # Ten answers of one message each: 980 bytes, two of a list around each; 400 of 1,000 seen.
    coded = coding.answers(SINGLE, brought(10, 10, 980), np.zeros(1))
    assert coded.answers.payload_bytes[0] == pytest.approx(1000 * 140 / 400)
    assert coded.answers.sizes[0, 3] == 10
    assert coded.share[0] == 1
    # Both are off the ratio of 0.35 by 5 bytes: 1.96 * sqrt(2 * 50) / 140 of the sum.
    assert relative_error(made[:, SINGLE])[0] == pytest.approx(1.96 * 10 / 140)
    assert coded.error[0] == pytest.approx(350 * 0.6**0.5 * 0.14)


def test_what_was_all_deflated_is_not_off():
    made = samples((100, 40), (300, 100))
    coding = Coding(made, pooled(made), ALL)
    coded = coding.answers(SINGLE, brought(2, 2, 396), np.zeros(1))
    assert coded.answers.payload_bytes[0] == 140
    assert coded.error[0] == 0


def test_a_connection_without_a_sample_takes_that_of_the_others():
    pool = pooled(np.concatenate([samples((100, 40)), samples((300, 100))]))
    coding = Coding(NONE, pool, ALL)
    assert coding.known[0]
    coded = coding.answers(SINGLE, brought(2, 2, 396), np.zeros(1))
    assert coded.answers.payload_bytes[0] == 140
    # Nothing of its own was seen.
    assert coded.error[0] == pytest.approx(140 * 0.14)


def test_nothing_is_known_without_samples_or_without_a_client_that_takes_gzip():
    assert not Coding(NONE, pooled(NONE), ALL).known[0]
    made = samples((100, 40))
    assert not Coding(made, pooled(made), ~ALL).known[0]


def test_one_answer_says_nothing_of_others():
    made = samples((100, 40))
    coded = Coding(made, pooled(made), ALL).answers(SINGLE, brought(9, 9, 900), np.zeros(1))
    assert np.isnan(coded.error[0])


def test_an_envelope_shrinks_with_the_rest():
    made = samples((100, 50))
    coded = Coding(made, pooled(made), ALL).answers(SINGLE, brought(1, 1, 98), np.full(1, 20.0))
    assert coded.answers.payload_bytes[0] == 60
