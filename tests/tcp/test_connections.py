import numpy as np

from analyzer.tcp import connections


def test_arena_and_ring_are_powers_of_two():
    for size in (connections.ARENA_BYTES, connections.RING):
        assert size & (size - 1) == 0


def test_layouts_are_aligned_like_c():
    for dtype in (
        connections.ENTRY,
        connections.SLOT,
        connections.TRACK,
        connections.RECENT,
        connections.DELIVERED,
    ):
        assert dtype == np.dtype(dtype.descr and [(n, dtype[n]) for n in dtype.names], align=True)
