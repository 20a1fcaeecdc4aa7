"""The batch between tcp and http: rows whose two declarations must not drift apart."""

from __future__ import annotations

import numpy as np

from analyzer.tcp import bytestream
from analyzer.tcp.bytestream import CHUNK, CONNECTION, DIRECTION, Connection


def test_connection_as_python_values_has_the_fields_of_its_row() -> None:
    assert Connection._fields == CONNECTION.names


def test_row_becomes_python_values_in_order() -> None:
    row = np.zeros(1, CONNECTION)
    row["tcp_stream"], row["port1"], row["timed_out"] = 7, 443, 1
    made = Connection(*row[0].item())
    assert (made.tcp_stream, made.port0, made.port1, made.timed_out) == (7, 0, 443, 1)
    assert all(type(value) is int for value in made)


def test_rows_are_laid_out_as_c_lays_out_structs() -> None:
    for dtype in (CHUNK, CONNECTION, DIRECTION):
        assert dtype.isalignedstruct
        assert dtype.names is not None


def test_ends_are_told_apart() -> None:
    ends = [value for name, value in vars(bytestream).items() if name.startswith("END_")]
    assert len(ends) == len(set(ends)) == 6
