"""Which packets belong to which connection: numbers by hand, and those of tshark."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from oracle.tshark import fields

from analyzer.capture.source import open_capture
from analyzer.options import Options
from analyzer.packets.decode import PacketDecoder
from analyzer.packets.segments import SEGMENT
from analyzer.share.flows import Flow, Flows, FragmentLog, directions_of, ended_flows, flow_keys
from analyzer.tcp.reassembly import Reassembler

CAPTURES = Path(__file__).parents[2] / "captures"


def numbers(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def test_a_port_pair_that_is_used_again() -> None:
    flows = Flows([Flow(7, 1, 9, 0), Flow(7, 12, 20, 1), Flow(9, 5, 6, 0)])
    keys = np.array([7, 7, 7, 7, 7, 9, 8], np.uint64)
    found = flows.of(keys, numbers(1, 9, 10, 12, 21, 5, 5))
    assert found.tolist() == [2, 2, -1, 25, -1, 10, -1]


def test_nothing_is_chosen() -> None:
    assert Flows([]).of(np.array([1], np.uint64), numbers(1)).tolist() == [-1]


def test_keys_differ_by_direction_and_port() -> None:
    rows = np.zeros(3, SEGMENT)
    rows["source_low"], rows["destination_low"] = [1, 2, 1], [2, 1, 2]
    rows["source_port"], rows["destination_port"] = [10, 20, 11], [20, 10, 20]
    assert len(set(flow_keys(rows).tolist())) == 3


def test_every_packet_has_the_stream_that_tshark_says() -> None:
    path = CAPTURES / "npm-ws-closes.pcap"
    options = Options()
    decoder, tcp = PacketDecoder(options), Reassembler(options)
    chosen: list[Flow] = []
    streams: dict[int, int] = {}
    for records in open_capture(path, options):
        for row, _, one, other in ended_flows(tcp.push(decoder.push(records))):
            chosen += (one, other)
            streams[one.first] = row.tcp_stream
    for row, _, one, other in ended_flows(tcp.finish()):
        chosen += (one, other)
        streams[one.first] = row.tcp_stream
    flows, found = Flows(chosen), {}
    decoder = PacketDecoder(options)
    for records in open_capture(path, options):
        segments = decoder.push(records)
        packets = segments.rows["packet"].tolist()
        of = [streams[each >> 1] for each in directions_of(segments, flows).tolist()]
        found.update(zip(packets, of, strict=True))
    expected = fields(path, "tcp", "frame.number", "tcp.stream")
    assert found == {int(packet): int(stream) for packet, stream in expected}
    assert len(found) > 100


def test_fragments_stand_with_their_segment() -> None:
    decoder = PacketDecoder(Options())
    log = FragmentLog(decoder)
    rows = np.zeros(1, SEGMENT)
    rows["packet"], rows["source_port"] = 5, 80
    log._whole[5] = [2, 3, 5]
    log._whole[6] = [4, 6]  # no TCP in it
    log.settle(rows)
    (key,) = flow_keys(rows).tolist()
    assert log.of(Flows([Flow(key, 1, 9, 0)])).tolist() == [2, 3, 5]
    assert log.of(Flows([Flow(key + 1, 1, 9, 0)])).tolist() == []
