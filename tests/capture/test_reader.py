"""The buffer below all readers."""

import itertools
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import captures

from analyzer.capture.pcap import PcapReader
from analyzer.capture.pcapng import PcapngReader
from analyzer.options import Options

PACKETS = [(i * 1000, bytes([i]) * (i * 7 % 50), 60) for i in range(40)]
PCAP = captures.pcap(PACKETS)
PCAPNG = (
    captures.section()
    + captures.interface()
    + b"".join(captures.enhanced(t, p, 60) + captures.block(77, b"x" * 5) for t, p, _ in PACKETS)
)


def test_room_filled_and_push_give_the_same():
    options = Options(batch_bytes=100)
    pushed = PcapReader(options)
    first = captures.packets_of([pushed.push(PCAP), pushed.finish()])
    reader, batches, at = PcapReader(options), [], 0
    while at < len(PCAP):
        room = reader.room()
        assert len(room) == 100
        piece = PCAP[at : at + 100]
        room[: len(piece)] = piece
        batches.append(reader.filled(len(piece)))
        at += len(piece)
    batches.append(reader.finish())
    assert captures.packets_of(batches) == first == captures.read_pcap(PCAP)


@pytest.mark.parametrize("size", [1, 7, 4096])
@pytest.mark.parametrize(("kind", "file"), [(PcapReader, PCAP), (PcapngReader, PCAPNG)])
def test_size_of_pieces_does_not_matter(kind, file, size):
    reader = kind(Options(batch_bytes=size))
    batches = [reader.push(file[i : i + size]) for i in range(0, len(file), size)]
    batches.append(reader.finish())
    found = captures.packets_of(batches)
    assert [packet.payload for packet in found] == [payload for _, payload, _ in PACKETS]
    assert captures.findings_of(batches) == []


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(0, len(PCAPNG)), max_size=6),
    st.integers(0, len(PCAPNG)),
    st.binary(max_size=4),
)
def test_cuts_change_neither_rows_nor_findings(cuts, at, mutation):
    file = PCAPNG[:at] + mutation + PCAPNG[at + len(mutation) :] if at > 28 else PCAPNG
    whole = PcapngReader()
    expected = [whole.push(file), whole.finish()]
    pieces = PcapngReader()
    edges = [0, *sorted(cuts), len(file)]
    found = [pieces.push(file[a:b]) for a, b in itertools.pairwise(edges)]
    found.append(pieces.finish())
    assert captures.findings_of(found) == captures.findings_of(expected)
    assert captures.packets_of(found) == captures.packets_of(expected)


def test_a_batch_has_room_to_append():
    reader = PcapReader(Options(batch_bytes=1000))
    batch = reader.push(PCAP[:900])
    data = batch.data
    batch.append(bytes(100))
    assert batch.data is data


def test_a_record_longer_than_the_batch_comes_whole():
    payload = os.urandom(5000)
    file = captures.pcap([(0, payload, 5000)])
    reader = PcapReader(Options(batch_bytes=64))
    batches = [reader.push(file[i : i + 11]) for i in range(0, len(file), 11)]
    assert captures.packets_of(batches)[0].payload == payload
    # The record's buffer is not kept for what follows.
    assert len(reader.room()) == 64


def test_packet_numbers_begin_where_told():
    reader = PcapReader(first_packet=101)
    assert reader.push(PCAP).rows["packet"].tolist() == list(range(101, 141))
    assert reader.packets == 140
