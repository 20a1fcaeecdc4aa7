"""Sets of numbers that grow, and the rows that belong to them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from oracle.rows import table_rows

from analyzer.columns import NULL
from analyzer.tables.chosen import Chosen, Numbers, numbers_of
from analyzer.tables.schema import CONNECTIONS, FINDINGS, HANDSHAKES, SERIES


@given(st.sets(st.integers(0, 300)), st.lists(st.integers(-9, 400), max_size=40))
def test_numbers_are_a_set(numbers, asked):
    made = Numbers(np.array(sorted(numbers), np.int64))
    assert set(made) == numbers
    assert len(made) == len(numbers)
    assert made.mask(asked).tolist() == [each in numbers for each in asked]
    assert [each in made for each in asked] == [each in numbers for each in asked]


def test_a_set_grows_and_null_is_no_member():
    made = Numbers()
    for number in (5, 70_000, 5, NULL):
        made.add(number)
    assert sorted(made) == [5, 70_000]
    assert not made.mask([NULL]).any()
    assert "5" not in made
    assert numbers_of(made) is made
    assert numbers_of(None) is None


def test_rows_of_no_connection_go_with_their_tcp_connection():
    chosen = Chosen(Numbers([3]), Numbers([7]))

    def streams(table, rows, column="tcp_stream"):
        return np.asarray(chosen.of(table_rows(table, rows)).values[column]).tolist()

    rows = [{"connection": 3, "tcp_stream": 7}, {"connection": 4, "tcp_stream": 8}]
    assert streams(CONNECTIONS, rows) == [7]
    refused = [{"tcp_stream": 7}, {"tcp_stream": 8}, {"tcp_stream": 7, "connection": 4}]
    assert streams(HANDSHAKES, refused) == [7]
    # A second connection of a TCP connection (HTTP/2) is none of theirs; the capture's own stay.
    assert streams(FINDINGS, [*refused, {}]) == [7, NULL]
    assert chosen.of(table_rows(SERIES, [{"messages": 1}, {}])).count == 2
