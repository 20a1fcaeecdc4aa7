"""Rare link types, byte by byte from their descriptions, and against scapy's and tshark's."""

from __future__ import annotations

import struct
import subprocess

import pytest
from oracle import captures
from oracle.packets import decode, ethernet
from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6
from scapy.packet import Raw

from analyzer.packets.segments import address_text

BODY = TCP(sport=1234, dport=80, seq=0x80C0FFEE) / Raw(b"body")
V4 = bytes(IP(src="192.0.2.1", dst="192.0.2.2") / BODY)
V6 = bytes(IPv6(src="2001:db8::1", dst="2001:db8::2") / BODY)
FRAME = bytes(ethernet(type=0x0800))
SNAP = b"\xaa\xaa\x03\0\0\0\x08\x00"


def attribute(order, kind, content):
    # length counts the head of four bytes, not the padding
    return struct.pack(order + "HH", len(content) + 4, kind) + content + bytes(-len(content) % 4)


def nflog(order, family, packet, odd=b"pfx\0"):
    # a header (1), a prefix (10) of any length, the packet (9)
    head = bytes([family, 0, 0, 5])
    body = attribute(order, 1, b"\x08\0\x03\0") + attribute(order, 10, odd)
    return head + body + attribute(order, 9, packet)[: 4 + len(packet)]


def pflog(family, size):
    head = bytes([size, family, 0, 0]) + b"em0".ljust(16, b"\0")
    return head.ljust((size + 3) & ~3, b"\0")


def tags(*pairs):
    return b"".join(struct.pack(">HH", tag, len(text)) + text for tag, text in pairs) + bytes(4)


def pktap(link_type, size=108, kind=1):
    return struct.pack("<III", size, kind, link_type).ljust(size, b"\0")


# name: link type, what stands before IP, the packet
LINKS = {
    "nflog": (239, nflog("<", 2, V4)[: -len(V4)], V4),
    "nflog-big-endian": (239, nflog(">", 2, V4)[: -len(V4)], V4),
    "nflog-v6": (239, nflog("<", 10, V6)[: -len(V6)], V6),
    "nflog-bridge": (239, nflog("<", 7, V6, b"odd length\0")[: -len(V6)], V6),
    "pflog-openbsd": (117, pflog(2, 61), V4),
    "pflog-v6": (117, pflog(24, 100), V6),
    "pflog-freebsd-v6": (117, pflog(28, 69), V6),
    "enc-little": (109, struct.pack("<I", 2) + bytes(8), V4),
    "enc-big-v6": (109, struct.pack(">I", 24) + bytes(8), V6),
    "frame-relay": (107, b"\x18\x41\x03\xcc", V4),
    "frame-relay-4-bytes": (107, b"\x18\x40\x40\x41\x03\x8e", V6),
    "frame-relay-padded-snap": (107, b"\x18\x41\x03\x00\x80\0\0\0\x08\x00", V4),
    "frame-relay-bridged": (107, b"\x18\x41\x03\x00\x80\x00\x80\xc2\x00\x07" + FRAME, V4),
    "frame-relay-cisco": (107, b"\x18\x41\x08\x00", V4),
    "frame-relay-ppp": (107, b"\x18\x41\x03\xcf\x00\x21", V4),
    "frame-relay-direction": (206, b"\x01\x18\x41\x03\xcc", V4),
    "exported-ip": (252, tags((12, b"ip\0\0")), V4),
    "exported-ipv6": (252, tags((30, b"\0\0\0\x07"), (12, b"ipv6")), V6),
    "exported-ethernet": (252, tags((12, b"eth_withoutfcs\0\0")) + FRAME, V4),
    "ipoib": (242, bytes(40) + b"\x08\x00\0\0", V4),
    "ip1394": (138, bytes(16) + b"\x86\xdd", V6),
    "atm-llc": (11, SNAP, V4),
    "ppp-direction": (204, b"\x00\xff\x03\x00\x21", V4),
    "chdlc-direction": (205, b"\x01\x0f\x00\x08\x00", V4),
    "ppi-ethernet": (192, struct.pack("<BBHI", 0, 0, 8, 1) + FRAME, V4),
    "ppi-raw": (192, struct.pack("<BBHI", 0, 0, 20, 101) + bytes(12), V6),
    "ppi-wlan": (192, struct.pack("<BBHI", 0, 0, 8, 105) + b"\x08\0" + bytes(22) + SNAP, V4),
    "pktap-ethernet": (258, pktap(1) + FRAME, V4),
    "pktap-raw": (258, pktap(12), V4),
    "pktap-loopback": (258, pktap(0, 124) + struct.pack("<I", 30), V6),
}


@pytest.mark.parametrize(("link_type", "below", "packet"), LINKS.values(), ids=LINKS)
def test_link_type(link_type, below, packet):
    batch, findings = decode([below + packet], link_type)
    assert not findings
    assert not batch.not_tcp
    (row,) = batch.rows
    assert (row["link_bytes"], row["length"]) == (len(below), 4)
    assert (row["source_port"], row["destination_port"]) == (1234, 80)
    assert batch.records.data[int(row["start"]) :][:4].tobytes() == b"body"


@pytest.mark.parametrize(("link_type", "below", "packet"), LINKS.values(), ids=LINKS)
def test_a_rare_link_cut_anywhere_is_a_cut_header(link_type, below, packet):
    for snaplen in range(len(below) + len(packet) - 4):
        batch, _ = decode([below + packet], link_type, snaplen)
        assert len(batch.rows) == 0
        assert set(batch.not_tcp) <= {"header cut", "tcp header cut"}, snaplen


@pytest.mark.parametrize(("link_type", "below", "packet"), LINKS.values(), ids=LINKS)
def test_a_rare_link_of_random_bytes_never_raises(link_type, below, packet):
    whole = below + packet
    for at in range(len(below)):
        for value in (0, 1, 0x7F, 0xFF, whole[at] ^ 0x80):
            changed = whole[:at] + bytes([value]) + whole[at + 1 :]
            batch, _ = decode([changed], link_type)
            assert len(batch.rows) + sum(batch.not_tcp.values()) == 1


def test_pseudo_headers_do_not_nest():
    ppi = struct.pack("<BBHI", 0, 0, 8, 192)
    assert decode([ppi * 9 + V4], 192)[0].not_tcp == {"unknown link type 192": 1}


@pytest.mark.parametrize(
    ("link_type", "packet", "label"),
    [
        (239, nflog("<", 3, b"\0\1\x08\0\6\4"), "other address family"),
        (239, b"\x02\x00\0\0" + attribute("<", 1, b"abcd") + b"\x03\0\x09\0" + V4, "malformed"),
        (117, pflog(2, 20) + V4, "malformed"),
        (107, b"\x00\x01\x03\x08" + bytes(8), "llc"),
        (252, tags((12, b"http")) + b"GET / HTTP/1.1\r\n", "exported pdu"),
        (258, pktap(1, kind=0) + FRAME + V4, "malformed"),
    ],
)
def test_what_holds_no_packet_of_ip_is_named(link_type, packet, label):
    assert decode([packet], link_type)[0].not_tcp == {label: 1}


@pytest.mark.tshark
# tshark has no name for these two link types, and reads NFLOG in one byte order only.
@pytest.mark.parametrize(
    "name",
    sorted(set(LINKS) - {"frame-relay-direction", "chdlc-direction", "nflog-big-endian"}),
)
def test_tshark_reads_the_same(name, tmp_path):
    link_type, below, packet = LINKS[name]
    path = tmp_path / "link.pcap"
    path.write_bytes(captures.pcap([(0, below + packet, len(below + packet))], link_type=link_type))
    names = ["ip.src", "ipv6.src", "tcp.srcport", "tcp.dstport", "tcp.seq_raw", "tcp.payload"]
    fields = [word for field in names for word in ("-e", field)]
    command = ["tshark", "-n", "-r", str(path), "-T", "fields", *fields]
    line = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    v4, v6, *read = line.rstrip("\n").split("\t")
    batch, _ = decode([below + packet], link_type)
    (row,) = batch.rows
    start = int(row["start"])
    payload = batch.records.data[start : start + int(row["length"])].tobytes()
    mine = [row["source_port"], row["destination_port"], row["seq"], payload.hex()]
    assert [str(value) for value in mine] == read
    assert address_text(row["source_high"], row["source_low"], row["version"]) == (v4 or v6)
