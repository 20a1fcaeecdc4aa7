"""Rows that outlive their batch, and the bytes of records in several rows."""

import numpy as np
from oracle.sealed import Traffic

from analyzer.capture.records import RecordBatch
from analyzer.tcp.bytestream import CHUNK, GAP_LOST
from analyzer.tls.keeping import (
    behind,
    gathered,
    in_turn,
    joined,
    kept_rows,
    merged,
    placed,
    scatter,
)


def some():
    traffic = Traffic()
    traffic.data(0, b"abcdef")
    traffic.data(1, b"other")
    traffic.ack(0)
    traffic.data(0, b"ghi")
    return traffic.batch(0, 4, slots=1, last=False)


def test_kept_rows_are_those_of_a_direction_from_a_byte_on():
    batch = some()
    kept = kept_rows(batch.rows, batch.records.data, 0, 0, 2)
    assert kept.data == b"cdefghi"
    assert kept.rows["packet"].tolist() == [1, 3, 4]
    first = kept.rows[0]
    assert (first["offset"], first["into"], first["length"], first["span"]) == (2, 2, 4, 4)
    # The packet's wire bytes went with its first bytes.
    assert kept.rows["wire"].tolist() == [0, 66, 69]
    assert kept.cost == 7 + 3 * CHUNK.itemsize


def test_placed_rows_point_into_the_new_buffer():
    batch, records = some(), RecordBatch()
    records.append(b"before")
    rows = placed(kept_rows(batch.rows, batch.records.data, 0, 0, 0), records)
    data = records.data
    found = [data[r["start"] : r["start"] + r["length"]].tobytes() for r in rows]
    assert found == [b"abcdef", b"", b"ghi"]


def numbered(*packets):
    rows = np.zeros(len(packets), CHUNK)
    rows["packet"] = packets
    return rows


def test_directions_take_turns_and_keep_their_own_order():
    # Packet 2 came too early, and stands behind packet 5 that it waited for.
    rows = in_turn([numbered(1, 5, 2), numbered(3, 6)])
    assert rows["packet"].tolist() == [1, 3, 5, 2, 6]
    assert len(in_turn([])) == 0


def test_what_an_ack_of_the_other_side_releases_comes_behind_it():
    client, server = numbered(1, 4, 2, 4, 5), numbered(3, 4, 6)
    client["kind"][1] = GAP_LOST  # packet 4 of the server tells that nothing comes before 2
    client["offset"] = range(5)
    rows = in_turn([client, server])
    assert rows["packet"].tolist() == [1, 3, 4, 4, 2, 4, 5, 6]
    assert rows["offset"].tolist() == [0, 0, 0, 1, 2, 3, 4, 0]


def test_behind_a_packet_nothing_of_it_comes_any_more():
    rows = numbered(1, 4, 2, 5)
    assert [behind(rows, 0, packet) for packet in (0, 1, 3, 4, 5)] == [0, 1, 1, 3, 4]
    assert behind(rows, 2, 4) == 3


def test_joined_leaves_out_what_is_empty():
    assert joined([numbered(), numbered(1), numbered(2)])["packet"].tolist() == [1, 2]
    assert joined([]).dtype == CHUNK


def test_content_is_scattered_over_the_pieces_of_a_record():
    batch = some()
    pieces = [(0, 0, 0, 6), (3, 0, 6, 3)]
    data = batch.records.data
    assert gathered(pieces, batch.rows, data) == b"fghi"
    scatter(pieces, batch.rows, data, 5, b"XYZ")
    assert gathered(pieces, batch.rows, data) == b"XYZi"


def test_what_waited_comes_behind_what_its_direction_had_before():
    # Packet 4 was read behind a hole of which packet 9 told; what came after it waited for it.
    laid, resumed = numbered(1, 9, 4), numbered(3, 5, 6, 7)
    laid["direction"] = [0, 1, 1]
    resumed["direction"] = [0, 1, 0, 1]
    rows = merged(laid, resumed, {0: 4})
    of = [rows["packet"][rows["direction"] == side].tolist() for side in (0, 1)]
    assert of == [[1, 3, 6], [9, 4, 5, 7]]
    assert merged(laid[:1], resumed, {0: 6})["packet"].tolist() == [1, 3, 5, 6, 7]
