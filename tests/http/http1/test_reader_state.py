"""What one side keeps back."""

from oracle.conversations import rows_of

from analyzer.http.handover import KIND, LENGTH, Piece
from analyzer.http.http1.reader_state import HEAD, HOLD, Side
from analyzer.tcp.bytestream import DATA, GAP_CUT


def held(sizes, limit):
    side = Side(0)
    side.mode = HOLD
    told = []
    for row, data in rows_of([(0, b"x" * size) for size in sizes]):
        told.append(side.hold(Piece(row, -1, None, data), 0, limit))
    return side, told


def test_rows_over_the_limit_are_one_gap():
    side, told = held([4, 4, 4, 4], 8)
    assert told == [True, True, False, True]
    assert [(piece.row[KIND], piece.row[LENGTH]) for piece in side.held] == [
        (DATA, 4),
        (DATA, 4),
        (GAP_CUT, 8),
    ]


def test_release_reads_on_at_a_head():
    side, _ = held([4, 4], 8)
    assert len(side.release()) == 2
    assert (side.mode, side.held, side.held_bytes) == (HEAD, [], 0)
