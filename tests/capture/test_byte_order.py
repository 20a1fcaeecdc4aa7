"""16 and 32 bits, against the struct module. The readers' tests cover the compiled twins."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.capture.byte_order import u16, u32


@given(raw=st.binary(min_size=4, max_size=12), big=st.booleans())
def test_as_struct_reads_them(raw: bytes, big: bool) -> None:
    data = np.frombuffer(raw, np.uint8)
    order = ">" if big else "<"
    for at in range(len(raw) - 3):
        assert u16(data, at, big) == struct.unpack_from(f"{order}H", raw, at)[0]
        assert u32(data, at, big) == struct.unpack_from(f"{order}I", raw, at)[0]


@pytest.mark.parametrize("big", [False, True])
def test_bytes_that_are_not_there_are_an_error(big: bool) -> None:
    data = np.zeros(3, np.uint8)
    with pytest.raises(IndexError):
        u16(data, 2, big)
    with pytest.raises(IndexError):
        u32(data, 0, big)
