"""Tunnels, byte by byte from their specifications."""

from __future__ import annotations

import pytest
from oracle.packets import decode, ethernet
from scapy.layers.inet import IP, TCP, UDP
from scapy.packet import Raw

INNER = bytes(IP(src="192.0.2.1", dst="192.0.2.2") / TCP(dport=80) / Raw(b"body"))
FRAME = bytes(ethernet(type=0x0800)) + INNER
LENGTH = len(INNER).to_bytes(2, "big")
PPP = b"\xff\x03\x00\x21" + INNER


def gtp(flags, rest):
    # TS 29.281 5.1: flags, G-PDU, length of all behind the first 8 bytes, TEID
    return flags + b"\xff" + len(rest).to_bytes(2, "big") + b"\0\0\0\x07" + rest


IP_TUNNELS = {
    # RFC 3378 3: version 3, reserved
    "etherip": (97, b"\x30\x00" + FRAME),
    # GRE with S: sequence; 8 bytes of version 1, VLAN, session, index
    "erspan2": (47, b"\x10\x00\x88\xbe" + bytes(4) + b"\x10\x05\x00\x09" + bytes(4) + FRAME),
    # 12 bytes: version 2 ..., the last bit (O) 0 or, with 8 bytes more, 1
    "erspan3": (47, b"\x10\x00\x22\xeb" + bytes(4) + b"\x20\x05\x00\x09" + bytes(8) + FRAME),
    "erspan3-sub": (
        47,
        b"\x10\x00\x22\xeb"
        + bytes(4)
        + b"\x20\x05\x00\x09"
        + bytes(7)
        + b"\x01"
        + bytes(8)
        + FRAME,
    ),
    # RFC 2637 4.1: K and S, version 1; payload length, call; sequence; PPP
    "pptp": (47, b"\x30\x01\x88\x0b" + len(PPP).to_bytes(2, "big") + b"\x00\x05" + bytes(4) + PPP),
    "pptp-ack": (
        47,
        b"\x30\x81\x88\x0b" + len(PPP).to_bytes(2, "big") + b"\x00\x05" + bytes(8) + PPP,
    ),
    # RFC 4023 3: an MPLS label stack in IP
    "mpls-in-ip": (137, b"\x00\x01\x41\x40" + INNER),
}
UDP_TUNNELS = {
    # draft-ietf-nvo3-vxlan-gpe 3: flags I and P, next protocol 1 IPv4, 3 Ethernet
    "vxlan-gpe-ip": (4789, b"\x0c\x00\x00\x01\x00\x00\x07\x00" + INNER),
    "vxlan-gpe-ethernet": (4789, b"\x0c\x00\x00\x03\x00\x00\x07\x00" + FRAME),
    # RFC 8926 3.5: two words of options
    "geneve-options": (
        6081,
        b"\x02\x00\x65\x58\x00\x00\x07\x00" + b"\x01\x02\x80\x01abcd" + FRAME,
    ),
    # TS 29.281 5.2: flag E; sequence, N-PDU, next type 0x85; the PDU session container
    # of TS 38.415: 1 word, its content, next type 0
    "gtp-session": (2152, gtp(b"\x34", b"\0\0\0\x85" + b"\x01\x10\x09\x00" + INNER)),
    "gtp-two-extensions": (
        2152,
        gtp(b"\x34", b"\0\0\0\x85" + b"\x01\x10\x09\xc0" + b"\x02abcdef\x00" + INNER),
    ),
    # flag S alone: the next type counts for nothing
    "gtp-sequence": (2152, gtp(b"\x32", b"\0\x05\0\x85" + INNER)),
}


def over_ip(protocol, content):
    return bytes(ethernet() / IP(src="10.0.0.1", dst="10.0.0.2", proto=protocol) / Raw(content))


def over_udp(port, content):
    outer = ethernet() / IP(src="10.0.0.1", dst="10.0.0.2")
    return bytes(outer / UDP(sport=5000, dport=port) / Raw(content))


PACKETS = {name: over_ip(*what) for name, what in IP_TUNNELS.items()}
PACKETS |= {name: over_udp(*what) for name, what in UDP_TUNNELS.items()}


@pytest.mark.parametrize("packet", PACKETS.values(), ids=PACKETS)
def test_tunnel(packet):
    batch, findings = decode([packet])
    assert not findings
    assert not batch.not_tcp
    (row,) = batch.rows
    assert (row["destination_port"], row["length"]) == (80, 4)
    assert row["link_bytes"] == len(packet) - len(INNER)
    assert batch.records.data[int(row["start"]) :][:4].tobytes() == b"body"


@pytest.mark.parametrize("packet", PACKETS.values(), ids=PACKETS)
def test_a_tunnel_cut_anywhere_is_a_cut_header(packet):
    for snaplen in range(34, len(packet) - 4):
        batch, _ = decode([packet], snaplen=snaplen)
        cut = {"header cut", "tcp header cut", "udp"}
        assert len(batch.rows) == 0
        assert set(batch.not_tcp) <= cut


@pytest.mark.parametrize(
    ("port", "content"),
    [
        (4789, b"\x00" * 8 + FRAME),  # RFC 7348 5: the I flag MUST be 1
        (6081, b"\x40\x00\x65\x58" + bytes(4) + FRAME),  # version 1
        (2152, b"\x30\x01\x00\x00" + bytes(12)),  # echo request
        (2152, gtp(b"\x34", b"\0\0\0\x85" + b"\x00\x10\x09\x00" + INNER)),  # length 0
    ],
)
def test_other_traffic_on_a_tunnels_port_is_udp(port, content):
    assert decode([over_udp(port, content)])[0].not_tcp == {"udp": 1}


def test_a_mere_acknowledgement_of_pptp_is_gre():
    # RFC 2637 4.1: no payload, no sequence number
    assert decode([over_ip(47, b"\x20\x81\x88\x0b\0\0\0\x05" + bytes(4))])[0].not_tcp == {"gre": 1}
