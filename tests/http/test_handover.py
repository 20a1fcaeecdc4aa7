"""Rows that leave: tails, rows put in, places among them."""

from oracle.conversations import HEADER_BYTES, batch_of, rows_of

from analyzer.http.handover import KIND, LENGTH, OFFSET, WIRE, Handover, Piece, tail
from analyzer.tcp.bytestream import GAP_CUT, PURE


def batch():
    return batch_of(rows_of([(0, b"abc"), (1, b"defgh"), (0, "ack"), (0, b"ij")]))


def pieces(stream):
    return [Piece(row, index, stream) for index, row in enumerate(stream.rows.tolist())]


def test_all_rows_leave_uncopied():
    stream = batch()
    handover = Handover(stream)
    for piece in pieces(stream):
        handover.hand_on(piece)
    assert handover.rows() is stream.rows


def test_tail_of_a_row_moves_all_its_places():
    stream = batch()
    handover = Handover(stream)
    handover.hand_on(pieces(stream)[1], 2)
    (row,) = handover.rows()
    original = stream.rows[1]
    assert (row["start"], row["offset"]) == (original["start"] + 2, original["offset"] + 2)
    assert (row["into"], row["length"], row["payload"], row["wire"]) == (2, 3, 5, 0)
    assert original["wire"] == HEADER_BYTES + 5


def test_row_taken_whole_does_not_leave():
    stream = batch()
    handover = Handover(stream)
    handover.hand_on(pieces(stream)[1], 5)
    assert not len(handover.rows())


def test_kept_rows_go_in_before_the_row_looked_at():
    earlier = pieces(batch())[0].kept(1)
    stream = batch()
    handover = Handover(stream)
    handover.hand_on(pieces(stream)[0])
    handover.at = 3
    mark = handover.place()
    handover.hand_on(earlier)
    handover.hand_on(pieces(stream)[3])
    rows = handover.rows()
    data = stream.records.data
    assert [data[r["start"] : r["start"] + r["length"]].tobytes() for r in rows] == [
        b"abc",
        b"bc",
        b"ij",
    ]
    assert handover.positions([mark, handover.place()]) == [1, 2]


def test_pieces():
    _, second, third, _ = pieces(batch())
    assert second.data == b"defgh"
    assert third.data == b""
    assert third.row[KIND] == PURE
    gap = second.without_bytes(2)
    assert (gap.row[KIND], gap.row[LENGTH], gap.data) == (GAP_CUT, 3, b"")
    assert tail(second.row, 5)[LENGTH] == 0
    assert tail(second.row, 5)[OFFSET] == 5
    assert tail(second.row, 5)[WIRE] == 0
