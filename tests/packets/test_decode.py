"""The packets stage, against packets that scapy makes."""

from __future__ import annotations

import ipaddress
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.packets import decode, ethernet, records
from scapy.contrib.geneve import GENEVE
from scapy.contrib.gtp import GTP_U_Header
from scapy.contrib.mpls import MPLS
from scapy.layers.inet import ICMP, IP, TCP, UDP, IPOption_NOP
from scapy.layers.inet6 import (
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
)
from scapy.layers.l2 import ARP, GRE, LLC, SNAP, CookedLinux, Dot1AD, Dot1Q, Dot3
from scapy.layers.ppp import HDLC, PPP, PPPoE
from scapy.layers.vxlan import VXLAN
from scapy.packet import Raw

from analyzer.options import Options
from analyzer.packets.decode import PacketDecoder
from analyzer.packets.segments import address_text

V4 = IP(src="192.0.2.1", dst="198.51.100.2", id=77)
V6 = IPv6(src="2001:db8::1", dst="2001:db8::2", fl=5)
OUTER = IP(src="10.9.9.1", dst="10.9.9.2")
OUTER6 = IPv6(src="fd00::1", dst="fd00::2")
TS = [("NOP", None), ("NOP", None), ("Timestamp", (3, 4))]
BODY = b"GET / HTTP/1.1\r\n"
SLL2 = struct.pack(">HHIHBB8s", 0x0800, 0, 1, 1, 0, 6, bytes(8))

# name, link type, layers below the innermost IP header
STACKS = [
    ("ethernet", 1, ethernet()),
    ("vlan", 1, ethernet() / Dot1Q(vlan=5)),
    ("qinq", 1, ethernet() / Dot1AD(vlan=5) / Dot1Q(vlan=6) / Dot1Q(vlan=7)),
    ("mpls", 1, ethernet() / MPLS(label=20, s=0) / MPLS(label=21, s=1)),
    ("pppoe", 1, ethernet() / PPPoE(sessionid=9) / PPP()),
    (
        "snap",
        1,
        Dot3(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
        / LLC(dsap=0xAA, ssap=0xAA, ctrl=3)
        / SNAP(OUI=0),
    ),
    ("snap-jumbo", 1, ethernet(type=0x8870) / LLC(dsap=0xAA, ssap=0xAA, ctrl=3) / SNAP(OUI=0)),
    ("sll", 113, CookedLinux()),
    ("raw", 101, None),
    ("raw12", 12, None),
    ("raw14", 14, None),
    ("ppp", 9, PPP()),
    ("ppp-hdlc", 9, HDLC() / PPP()),
    ("serial", 50, HDLC() / PPP()),
    ("gre", 1, ethernet() / OUTER / GRE()),
    ("gre-all", 1, ethernet() / OUTER / GRE(chksum_present=1, key_present=1, seqnum_present=1)),
    ("gre-teb", 1, ethernet() / OUTER6 / GRE(proto=0x6558) / ethernet()),
    ("erspan1", 1, ethernet() / OUTER / GRE(proto=0x88BE) / ethernet()),
    ("vxlan", 1, ethernet() / OUTER / UDP(sport=999, dport=4789) / VXLAN(vni=7) / ethernet()),
    ("vxlan8472", 1, ethernet() / OUTER / UDP(dport=8472) / VXLAN(flags=8) / ethernet() / Dot1Q()),
    ("geneve", 1, ethernet() / OUTER / UDP(dport=6081) / GENEVE(vni=7, proto=0x6558) / ethernet()),
    ("gtp", 1, ethernet() / OUTER / UDP(dport=2152) / GTP_U_Header(teid=3)),
    ("gtp-seq", 1, ethernet() / OUTER / UDP(dport=2152) / GTP_U_Header(teid=3, S=1, seq=8)),
    ("ipip", 1, ethernet() / OUTER),
    ("ip-in-6", 1, ethernet() / OUTER6),
]


def built(below, ip, tcp, body=BODY):
    top = ip / tcp / Raw(body)
    return bytes(top if below is None else below / top)


def check_sum(batch):
    originals = dict(
        zip(
            batch.records.rows["packet"].tolist(),
            batch.records.rows["original"].tolist(),
            strict=True,
        )
    )
    for row in batch.rows:
        parts = sum(int(row[n]) for n in ("link_bytes", "ip_bytes", "tcp_bytes", "length"))
        assert parts == originals[int(row["packet"])]
        assert 0 <= row["captured"] <= row["length"]


@pytest.mark.parametrize(("name", "link_type", "below"), STACKS, ids=[s[0] for s in STACKS])
@pytest.mark.parametrize("ip", [V4, V6], ids=["v4", "v6"])
def test_every_stack_gives_its_innermost_segment(name, link_type, below, ip):
    tcp = TCP(sport=1234, dport=80, seq=2**32 - 2, ack=7, flags="PA", window=512, options=TS)
    packet = built(below, ip, tcp)
    batch, findings = decode([packet], link_type)
    assert not findings
    assert not batch.not_tcp
    (row,) = batch.rows
    version = 4 if ip is V4 else 6
    assert address_text(row["source_high"], row["source_low"], version) == ip.src
    assert address_text(row["destination_high"], row["destination_low"], version) == ip.dst
    assert (row["source_port"], row["destination_port"]) == (1234, 80)
    assert (row["seq"], row["ack"], row["flags"], row["window"]) == (2**32 - 2, 7, 24, 512)
    assert (row["version"], row["mss"], row["window_scale"]) == (version, 0, -1)
    assert (row["ip_bytes"], row["tcp_bytes"]) == (20 if version == 4 else 40, 32)
    # 2: by IPv4's identification; 1: by TCP's timestamps alone.
    strong = 2 if version == 4 else 1
    assert (row["length"], row["captured"], row["strong_identity"]) == (16, 16, strong)
    start = int(row["start"])
    assert batch.records.data[start : start + 16].tobytes() == BODY
    check_sum(batch)


@given(
    st.sampled_from(STACKS),
    st.booleans(),
    st.integers(0, 200),
    st.integers(0, 40),
    st.binary(max_size=20),
)
@settings(max_examples=80, deadline=None)
def test_a_cut_anywhere_keeps_lengths_of_the_wire(stack, is_v4, snaplen, padding, body):
    _, link_type, below = stack
    whole = built(below, V4 if is_v4 else V6, TCP(options=TS), body) + bytes(padding)
    full, _ = decode([whole], link_type)
    cut, findings = decode([whole], link_type, snaplen)
    check_sum(cut)
    assert len(full.rows) == 1
    if snaplen < len(whole):
        assert [f.kind.id for f in findings] == ["packets-snaplen"]
    assert len(cut.rows) + sum(cut.not_tcp.values()) == 1
    if len(cut.rows):
        (row,), (expected,) = cut.rows, full.rows
        same = [n for n in row.dtype.names if n != "captured"]
        assert [row[n] for n in same] == [expected[n] for n in same]
        missing = max(0, int(row["start"]) - 8 + len(body) - snaplen)
        assert row["captured"] == len(body) - missing


@given(st.sampled_from(STACKS), st.data())
@settings(max_examples=150, deadline=None)
def test_bytes_of_any_kind_never_raise_and_sums_hold(stack, data):
    packet = bytearray(built(stack[2], V4, TCP(options=TS)))
    for _ in range(data.draw(st.integers(1, 6))):
        packet[data.draw(st.integers(0, len(packet) - 1))] = data.draw(st.integers(0, 255))
    snaplen = data.draw(st.integers(0, len(packet)))
    batch, _ = decode([bytes(packet)], stack[1], snaplen)
    check_sum(batch)
    assert len(batch.rows) + sum(batch.not_tcp.values()) == 1


def test_syn_options_count_and_scale_is_at_most_14():
    syn = TCP(flags="S", options=[("MSS", 1460), ("SAckOK", b""), ("WScale", 15)])
    batch, _ = decode([bytes(ethernet() / V4 / syn)])
    # RFC 7323 2.3: more than 14 MUST be used as 14.
    assert (batch.rows["mss"][0], batch.rows["window_scale"][0]) == (1460, 14)


def test_options_and_extension_headers_are_ip_bytes():
    v4 = IP(options=[IPOption_NOP()] * 4) / TCP()
    v6 = V6 / IPv6ExtHdrHopByHop() / IPv6ExtHdrRouting() / IPv6ExtHdrDestOpt() / TCP()
    batch, _ = decode([bytes(ethernet() / v4), bytes(ethernet() / v6)])
    assert batch.rows["ip_bytes"].tolist() == [24, 40 + 8 + 8 + 8]


def test_padding_is_link_and_length_zero_means_to_the_end():
    padded = bytes(ethernet() / V4 / TCP()).ljust(60, b"\0")
    offloaded = bytes(ethernet() / IP(len=0) / TCP() / Raw(b"x" * 99))
    batch, _ = decode([padded, offloaded])
    assert batch.rows["length"].tolist() == [0, 99]
    assert batch.rows["link_bytes"].tolist() == [20, 14]


def test_what_is_not_tcp_is_counted_by_name():
    others = [
        ethernet() / ARP(),
        ethernet() / IP() / UDP(dport=4789) / Raw(b"other" * 9),
        ethernet() / IP() / ICMP(),
        ethernet(type=0x88CC) / Raw(b"lldp"),
        ethernet() / IP(len=900) / TCP(),
    ]
    batch, findings = decode([bytes(p) for p in others])
    assert batch.not_tcp == {
        "arp": 1,
        "udp": 1,
        "icmp": 1,
        "other ethertype 0x88cc": 1,
        "malformed": 1,
    }
    assert [(f.kind.id, f.packet, f.count) for f in findings] == [("packets-malformed", 5, 1)]


def test_unknown_link_type_is_one_finding():
    batch, findings = decode([b"abc"] * 3, link_type=147)
    assert batch.not_tcp == {"unknown link type 147": 3}
    assert [(f.kind.id, f.packet, f.count) for f in findings] == [
        ("packets-unknown-link-type", 1, 3)
    ]


@pytest.mark.parametrize("link_type", [0, 108])
@pytest.mark.parametrize("order", ["<I", ">I"])
@pytest.mark.parametrize(("family", "ip"), [(2, V4), (10, V6), (24, V6), (28, V6), (30, V6)])
def test_loopback_families_in_both_byte_orders(link_type, order, family, ip):
    batch, _ = decode([struct.pack(order, family) + bytes(ip / TCP())], link_type)
    assert batch.rows["link_bytes"].tolist() == [4]


def test_cooked_v2():
    batch, _ = decode([SLL2 + bytes(V4 / TCP())], 276)
    assert batch.rows["link_bytes"].tolist() == [20]


def test_identity_is_of_the_packet_not_of_its_way():
    one = bytes(ethernet() / IP(id=5, ttl=64) / TCP(seq=1, chksum=9))
    copy = bytes(ethernet() / Dot1Q() / IP(id=5, ttl=63) / TCP(seq=1, chksum=9))
    other = bytes(ethernet() / IP(id=6, ttl=64) / TCP(seq=1, chksum=9))
    identity = decode([one, copy, other])[0].rows["identity"].tolist()
    assert identity[0] == identity[1] != identity[2]


def test_tunnels_are_bounded():
    deep = ethernet() / OUTER / OUTER / OUTER / V4 / TCP()
    batch, findings = decode([bytes(deep)], options=Options(max_tunnel_depth=2))
    assert batch.not_tcp == {"tunnel too deep": 1}
    assert [f.kind.id for f in findings] == ["packets-tunnel-depth"]


def test_batches_do_not_matter():
    packets = [built(below, V4, TCP()) for _, link, below in STACKS if link == 1]
    whole, _ = decode(packets)
    decoder = PacketDecoder()
    parts = [decoder.push(records([p], first=i + 1)).rows for i, p in enumerate(packets)]
    names = [n for n in whole.rows.dtype.names if n != "start"]
    joined = np.concatenate(parts)
    assert all((joined[n] == whole.rows[n]).all() for n in names)
    assert ipaddress.ip_address(V4.src).version == 4
