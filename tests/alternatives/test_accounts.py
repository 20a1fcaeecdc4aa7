"""Accounts: heads of answers that were coded, and what gzip adds to them."""

import numpy as np
import pytest
from oracle.compared import heads, known

from analyzer.alternatives.accounts import Account
from analyzer.alternatives.coded import CODING_FIELD, Coding, pooled
from analyzer.alternatives.sampling import POLLS, SAMPLE, SINGLE


def test_plain_answers_do_not_say_content_encoding():
    """Half of the real answers were in gzip: the mean of 150 bytes has half of the field."""
    account = Account(known(heads=[heads(coded={"poll": 0.5})]))
    assert account.head("poll", "answer")[0][0] == 150 - 0.5 * CODING_FIELD
    assert account.head("poll", "request")[0][0] == 300
    assert account.head("sse", "answer")[0][0] == 180


def test_answers_in_gzip_say_so():
    made = np.zeros((1, POLLS), SAMPLE)
    row = made[0]
    row["answers"][SINGLE], row["in_gzip"][SINGLE] = 2, 1
    row["plain"][SINGLE], row["coded"][SINGLE] = 400, 100
    one = known()
    one.coding = Coding(made, pooled(made), np.ones(1, bool))
    pushes = one.answers(1)
    coded, field = Account(one).in_gzip(SINGLE, pushes, np.zeros(1))
    # Three messages of 100 bytes, a list around each; one of two answers is in gzip.
    assert coded.payload_bytes[0] == pytest.approx((300 + 3 * 2) / 4)
    assert field[0] == CODING_FIELD / 2
    one.coding = None
    same, field = Account(one).in_gzip(SINGLE, pushes, np.zeros(1))
    assert same is pushes
    assert field[0] == 0


def test_answers_whose_header_and_body_are_written_apart():
    said = heads(answer_writes={"poll": 2.0})
    for http2, more in ((False, 7), (True, 0)):
        account = Account(known(heads=[said]), http2=http2)
        account.split("poll", np.full(1, 7.0))
        assert account.traffic.server_packets == more
        account.split("post", np.full(1, 7.0))
        assert account.traffic.server_packets == more
