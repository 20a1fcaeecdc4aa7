import numpy as np
import pytest

from analyzer.tcp import bytestream, connections

HOT = (connections.SLOT, connections.TRACK, connections.COUNT)
COLD = (connections.ENTRY, connections.RARE, connections.RECENT, connections.PIECE)


def test_rings_are_powers_of_two():
    for size in (connections.ARENA_BYTES, connections.RECENTS, connections.PIECES):
        assert size & (size - 1) == 0


def test_layouts_are_aligned_like_c():
    for dtype in HOT + COLD:
        assert dtype == np.dtype(dtype.descr and [(n, dtype[n]) for n in dtype.names], align=True)


def test_what_each_segment_needs_fills_whole_cache_lines():
    assert {dtype.itemsize for dtype in HOT} == {connections.CACHE_LINE}


@pytest.mark.parametrize("count", [1, 1000])
def test_rows_begin_at_a_cache_line(count):
    rows = connections.aligned(count, connections.TRACK)
    assert len(rows) == count
    assert rows.ctypes.data % connections.CACHE_LINE == 0
    assert not rows.view(np.uint8).any()


def test_counts_have_their_column_in_direction():
    assert set(connections.COUNT.names) < set(bytestream.DIRECTION.names)
