"""The header walk, against dpkt on single layers, and its bounds."""

from __future__ import annotations

import dpkt
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.packets import decode, records

from analyzer.packets.decode import PacketDecoder


@st.composite
def ethernet_packets(draw):
    """Return an Ethernet packet of TCP over IPv4 or IPv6, made by dpkt."""
    short, word = st.integers(0, 0xFFFF), st.integers(0, 2**32 - 1)
    tcp = dpkt.tcp.TCP(
        sport=draw(short),
        dport=draw(short),
        seq=draw(word),
        ack=draw(word),
        flags=draw(st.integers(0, 255)),
        win=draw(short),
        data=draw(st.binary(max_size=40)),
    )
    tcp.opts = b"\x01" * (4 * draw(st.integers(0, 10)))
    tcp.off = 5 + len(tcp.opts) // 4
    if draw(st.booleans()):
        addresses = st.binary(min_size=4, max_size=4)
        ip = dpkt.ip.IP(src=draw(addresses), dst=draw(addresses), p=6, id=draw(short), data=tcp)
        ip.len = len(ip)
        return bytes(dpkt.ethernet.Ethernet(type=0x0800, data=ip))
    addresses = st.binary(min_size=16, max_size=16)
    ip6 = dpkt.ip6.IP6(src=draw(addresses), dst=draw(addresses), nxt=6, data=tcp)
    ip6.plen = len(tcp)
    return bytes(dpkt.ethernet.Ethernet(type=0x86DD, data=ip6))


@given(ethernet_packets())
@settings(max_examples=60, deadline=None)
def test_fields_are_those_of_dpkt(packet):
    ip = dpkt.ethernet.Ethernet(packet).data
    tcp = ip.data
    batch, _ = decode([packet])
    (row,) = batch.rows
    names = ("source_port", "destination_port", "seq", "ack", "window")
    assert [row[n] for n in names] == [tcp.sport, tcp.dport, tcp.seq, tcp.ack, tcp.win]
    assert row["flags"] & 0xFF == tcp.flags
    assert (row["tcp_bytes"], row["length"]) == (tcp.off * 4, len(tcp.data))
    source = int(row["source_high"]) << 64 | int(row["source_low"])
    mapped = b"" if len(ip.src) == 16 else bytes(10) + b"\xff\xff"
    assert source == int.from_bytes(mapped + ip.src, "big")


@given(
    st.binary(max_size=120), st.sampled_from([1, 0, 9, 12, 50, 51, 101, 104, 113, 228, 229, 276])
)
@settings(max_examples=200, deadline=None)
def test_nothing_is_read_outside_the_captured_bytes(packet, link_type):
    outcomes = []
    for around in (0x00, 0xFF):
        batch = records([packet], link_type)
        batch.data[:8] = around
        batch.data[batch.used - 8 :] = around
        decoded = PacketDecoder().push(batch)
        outcomes.append(
            (decoded.not_tcp, [[row[n] for n in row.dtype.names] for row in decoded.rows])
        )
    assert outcomes[0] == outcomes[1]


def test_names_of_other_packets_are_bounded():
    packets = [bytes(12) + (0x9200 + i).to_bytes(2, "big") for i in range(200)]
    batch, _ = decode(packets)
    assert sum(batch.not_tcp.values()) == 200
    assert batch.not_tcp["other ethertype"] == 200 - 64
    assert len(np.unique(list(batch.not_tcp))) == 65
