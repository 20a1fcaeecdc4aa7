from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.tcp.holding import OVERHEAD_BYTES, Held, Origin, Piece, first_difference


def piece(offset, data, cut=0):
    origin = Origin(1, 0, -1, 0, 66, len(data), 66 + len(data))
    return Piece(offset, offset + len(data), 0, data[: len(data) - cut], origin)


@settings(deadline=None, max_examples=80)
@given(
    st.booleans(),
    st.lists(st.tuples(st.integers(0, 30), st.binary(min_size=1, max_size=12)), max_size=12),
)
def test_policy_decides_byte_by_byte(keep_first, given_pieces):
    held, expected, lost_bytes, total = Held(keep_first), {}, 0, 0
    for offset, data in given_pieces:
        lost, differs = held.insert(piece(offset, data))
        clash = [offset + i for i, b in enumerate(data) if expected.get(offset + i, b) != b]
        assert differs == (clash[0] if clash else -1)
        lost_bytes += sum(p.end - p.offset for p in lost)
        total += len(data)
        for i, byte in enumerate(data):
            if keep_first:
                expected.setdefault(offset + i, byte)
            else:
                expected[offset + i] = byte
    assert {p.offset + i: b for p in held.pieces for i, b in enumerate(p.data)} == expected
    assert lost_bytes == total - len(expected)
    assert held.charge == sum(len(p.data) + OVERHEAD_BYTES for p in held.pieces)
    ends = [(p.offset, p.end) for p in held.pieces]
    assert ends == sorted(ends)


def test_pieces_leave_up_to_the_next_hole():
    held = Held(True)
    for offset in (10, 0, 5, 20):
        held.insert(piece(offset, b"abcde"))
    assert [p.offset for p in held.pop_ready(0)] == [0, 5, 10]
    assert held.begin == 20
    assert held.pop_ready(15) == []
    assert [p.offset for p in held.pop_all()] == [20]
    assert held.charge == 0
    assert held.begin == -1


def test_bytes_cut_by_snaplen_do_not_differ():
    assert first_difference(piece(0, b"abcdef", cut=3), piece(2, b"cXXX")) == -1
    assert first_difference(piece(0, b"abcdef", cut=2), piece(2, b"cXXX")) == 3
