"""The record walk, and the batch that it fills."""

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import captures

from analyzer.capture import _records
from analyzer.capture.pcapng import INTERFACE
from analyzer.capture.records import RECORD, BlankBatches, RecordBatch

HEAD = 24


def walk(file, capacity, longest=1000):
    rows = np.zeros(capacity, RECORD)
    data = np.frombuffer(bytearray(file), np.uint8)
    kernel = _records.PcapWalk(0, 1, 1, longest)
    return rows, kernel.walk(data, HEAD, len(data), rows.view(np.recarray), 0, 6)


def test_walk_fills_a_row_for_each_record():
    file = captures.pcap([(5, b"abc", 3), (10**18 + 7, b"", 9)], nanoseconds=True)
    rows, result = walk(file, 8)
    assert result == (2, len(file), _records.MORE)
    assert rows[:2].tolist() == [(7, 5, 40, 3, 3, 1, 0), (8, 10**18 + 7, 59, 0, 9, 1, 0)]


def test_walk_stops_before_what_it_cannot_settle():
    file = captures.pcap([(0, b"abcd", 4)] * 3)
    assert walk(file, 2)[1] == (2, HEAD + 40, _records.FULL)
    assert walk(file[:-1], 9)[1] == (2, HEAD + 40, _records.MORE)
    assert walk(file[: HEAD + 15], 9)[1] == (0, HEAD, _records.MORE)
    assert walk(file, 9, longest=3)[1] == (0, HEAD, _records.DAMAGED)


def test_the_original_length_counts_where_more_was_stored():
    rows, _ = walk(captures.pcap([(0, b"abcd", 2), (0, b"xy", 2)]), 2)
    assert (rows[0]["captured"], rows[0]["original"]) == (2, 2)
    assert bytes(captures.pcap([(0, b"abcd", 2)])[rows[0]["start"] :][:2]) == b"ab"
    assert (rows[1]["captured"], rows[1]["original"]) == (2, 2)


def test_an_original_length_of_0_is_no_length():
    rows, _ = walk(captures.pcap([(0, b"abcd", 0)]), 1)
    assert (rows[0]["captured"], rows[0]["original"]) == (4, 4)


def test_an_original_length_beyond_31_bits_is_kept_in_bounds():
    rows, _ = walk(captures.pcap([(0, b"", 2**32 - 1)]), 1)
    assert rows[0]["original"] == 2**31 - 1


@pytest.mark.parametrize("length", [0, 12, 18, 2000])
def test_a_packet_block_of_impossible_length_is_damage(length):
    data = np.frombuffer(bytearray(struct.pack("<II", 6, length) + bytes(24)), np.uint8)
    rows, interfaces = np.zeros(1, RECORD), np.zeros(1, INTERFACE)
    kernel = _records.PacketBlockWalk(0, 1000)
    result = kernel.walk(
        data, 0, len(data), rows.view(np.recarray), 0, 0, interfaces.view(np.recarray)
    )
    assert result == (0, 0, _records.DAMAGED)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2**32 * 10**9 - 1), st.binary(max_size=40))), st.booleans()
)
def test_walk_agrees_with_its_twin(packets, big):
    file = captures.pcap([(t, p, len(p)) for t, p in packets], big=big, nanoseconds=True)
    data = np.frombuffer(bytearray(file), np.uint8)
    rows = np.zeros(len(packets), RECORD)
    kernel = _records.PcapWalk(big, 1, 1, 1000)
    count, position, _ = kernel.walk(data, HEAD, len(data), rows.view(np.recarray), 0, 0)
    assert (count, position) == (len(packets), len(file))
    found = captures.packets_of([RecordBatch(rows, data, len(data))])
    assert found == captures.read_pcap(file)


def test_append_returns_where_bytes_start_and_keeps_the_others():
    batch = RecordBatch(data=np.frombuffer(bytearray(b"abc---"), np.uint8), used=3)
    assert batch.append(b"de") == 3
    assert batch.append(b"fghij" * 10) == 5
    assert batch.data[: batch.used].tobytes() == b"abcde" + b"fghij" * 10


def test_a_piece_without_records_brings_nothing():
    blank = BlankBatches()
    assert blank.has(RecordBatch())
    assert not blank.has(RecordBatch(secrets=[(1, b"")]))
    assert not blank.has(RecordBatch(figures=b"x"))
    # Whether keys may come is news by itself.
    assert not blank.has(RecordBatch(may_bring_keys=True))
    assert blank.has(RecordBatch(may_bring_keys=True))
