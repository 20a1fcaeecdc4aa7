"""DNS messages in packets: over UDP and TCP, IPv4 and IPv6, against scapy."""

from __future__ import annotations

import pytest
from scapy.layers.dns import DNS, DNSQR
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.utils import wrpcap

from analyzer.capture.source import open_capture
from analyzer.options import DEFAULT
from analyzer.packets import decode

QUERY = bytes(DNS(id=3, qd=DNSQR(qname="app.test", qtype="A")))
V4 = IP(src="10.0.0.5", dst="10.0.0.1")
V6 = IPv6(src="2001:db8::5", dst="2001:db8::1")


def found(tmp_path, *packets):
    path = tmp_path / "dns.pcap"
    wrpcap(str(path), [Ether() / packet for packet in packets])
    decoder = decode.PacketDecoder()
    made = []
    for records in open_capture(path, DEFAULT):
        batch = decoder.push(records)
        made += batch.datagrams
    return made


@pytest.mark.parametrize(("network", "ends"), [(V4, V4), (V6, V6)])
def test_over_udp(tmp_path, network, ends):
    there = network / UDP(sport=5000, dport=53) / QUERY
    back = network / UDP(sport=53, dport=5000) / QUERY
    one, other = found(tmp_path, there, back)
    assert (one.packet, one.source, one.destination) == (1, ends.src, ends.dst)
    assert (one.source_port, one.destination_port, one.payload) == (5000, 53, QUERY)
    assert (other.packet, other.source_port, other.payload) == (2, 53, QUERY)


def test_over_tcp_several_in_a_segment(tmp_path):
    framed = len(QUERY).to_bytes(2, "big") + QUERY
    segment = V4 / TCP(sport=5000, dport=53, flags="PA") / (framed + framed + framed[:9])
    assert [each.payload for each in found(tmp_path, segment)] == [QUERY, QUERY]


def test_other_ports_are_none(tmp_path):
    assert found(tmp_path, V4 / UDP(sport=5000, dport=5353) / QUERY) == []


def test_a_length_that_lies(tmp_path):
    packet = V4 / UDP(sport=5000, dport=53, len=4) / QUERY
    assert [each.payload for each in found(tmp_path, packet)] in ([], [b""])
    packet = V4 / UDP(sport=5000, dport=53, len=9000) / QUERY
    assert [each.payload for each in found(tmp_path, packet)] == [QUERY]
