"""Link layers that scapy does not make, byte by byte from their specifications."""

from __future__ import annotations

import pytest
from oracle.packets import decode, ethernet
from scapy.layers.inet import IP, TCP

PACKET = bytes(IP(src="192.0.2.1", dst="192.0.2.2") / TCP(dport=80))
ETHER = bytes(ethernet())[:12]
LABEL = bytes.fromhex("00014140")  # RFC 3032 2.1: label 20, bottom of stack, TTL 64

LINKS = {
    # RFC 4448 4.6: label stack, control word 0, Ethernet
    "mpls-pseudowire": (1, ETHER + b"\x88\x47" + LABEL + bytes(4) + bytes(ethernet(type=0x0800))),
    # RFC 1661 6.5: protocol field of one byte; RFC 1662 6.3: no address and control
    "ppp-compressed": (9, b"\x21"),
    "ppp-address": (9, b"\xff\x03\x00\x21"),
    # Cisco HDLC, unicast: address 0f, control 0, ethertype
    "cisco-hdlc": (104, b"\x0f\x00\x08\x00"),
    "cisco-hdlc-multicast": (50, b"\x8f\x00\x08\x00"),
    # RFC 2516 4: version and type 1, code 0, session 9, length; then PPP
    "pppoe": (51, b"\x11\x00\x00\x09" + (42).to_bytes(2, "big") + b"\x00\x21"),
    "vlan-9100": (1, ETHER + b"\x91\x00\x00\x05\x08\x00"),
}


@pytest.mark.parametrize(("link_type", "below"), LINKS.values(), ids=LINKS)
def test_link_layer(link_type, below):
    batch, findings = decode([below + PACKET], link_type)
    assert not findings
    assert not batch.not_tcp
    assert batch.rows["link_bytes"].tolist() == [len(below)]


def test_tags_are_bounded():
    many = ETHER + b"\x81\x00\x00\x05" * 17 + b"\x08\x00" + PACKET
    some = ETHER + b"\x81\x00\x00\x05" * 16 + b"\x08\x00" + PACKET
    batch, _ = decode([many, some])
    assert batch.not_tcp == {"malformed": 1}
    assert batch.rows["packet"].tolist() == [2]


def test_a_pppoe_length_ends_the_packet():
    below = b"\x11\x00\x00\x09" + (42).to_bytes(2, "big") + b"\x00\x21"
    batch, _ = decode([below + PACKET + b"trailer"], 51)
    assert batch.rows["link_bytes"].tolist() == [len(below) + 7]
    too_long = b"\x11\x00\x00\x09" + (99).to_bytes(2, "big") + b"\x00\x21"
    assert decode([too_long + PACKET], 51)[0].not_tcp == {"malformed": 1}
