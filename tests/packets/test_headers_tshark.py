"""The header walk, against tshark on crafted stacks."""

from __future__ import annotations

import struct
import subprocess

import pytest
from oracle.packets import decode, ethernet
from scapy.layers.inet import IP, TCP, UDP, IPOption_NOP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrHopByHop
from scapy.layers.l2 import GRE, Dot1AD, Dot1Q
from scapy.layers.ppp import PPP, PPPoE
from scapy.layers.vxlan import VXLAN
from scapy.packet import Raw

from analyzer.packets.segments import address_text

FIELDS = ("frame.number", "ip.src", "ipv6.src", "tcp.srcport", "tcp.seq_raw", "tcp.len")
OUTER = IP(src="10.0.0.1", dst="10.0.0.2")
OUTER6 = IPv6(src="fd00::1", dst="fd00::2")
INNER = [
    IP(src="192.0.2.1", dst="192.0.2.2", id=7),
    IP(src="192.0.2.1", dst="192.0.2.2", options=[IPOption_NOP()] * 8),
    IPv6(src="2001:db8::1", dst="2001:db8::2"),
    IPv6(src="2001:db8::1", dst="2001:db8::2") / IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt(),
]
LABEL = b"\x00\x01\x41\x40"


def ether(ethertype, content):
    return ethernet(type=ethertype) / Raw(content)


def stacks():
    """Return packets of all pairs of a lower part and an innermost header."""
    lower = [
        lambda top: ethernet() / top,
        lambda top: ethernet() / Dot1Q(vlan=5) / top,
        lambda top: ethernet() / Dot1AD(vlan=5) / Dot1Q(vlan=6) / top,
        lambda top: ether(0x8847, LABEL + bytes(top)),
        lambda top: ethernet() / PPPoE(sessionid=9) / PPP() / top,
        lambda top: ethernet() / OUTER / top,
        lambda top: ethernet() / OUTER6 / top,
        lambda top: ethernet() / OUTER / GRE(key_present=1, seqnum_present=1) / top,
        lambda top: ethernet() / OUTER / GRE(proto=0x6558) / ethernet() / top,
        lambda top: (
            ethernet()
            / OUTER
            / UDP(sport=5, dport=4789, chksum=0)
            / VXLAN(vni=7)
            / ethernet()
            / top
        ),
        lambda top: (
            ethernet() / OUTER6 / UDP(sport=5, dport=4789) / VXLAN(vni=7) / ethernet() / top
        ),
        lambda top: (
            ethernet()
            / OUTER
            / UDP(sport=5, dport=6081)
            / Raw(b"\x01\x00\x65\x58\x00\x00\x07\x00" + b"\x01\x02\x00\x00")
            / Raw(bytes(ethernet() / top))
        ),
        lambda top: (
            ethernet()
            / OUTER
            / UDP(sport=5, dport=2152)
            / Raw(b"\x30\xff" + len(top).to_bytes(2, "big") + b"\0\0\0\x07" + bytes(top))
        ),
    ]
    out = []
    for build in lower:
        for ip in INNER:
            seq = 2**32 - 3 - 1000 * len(out)
            tcp = TCP(sport=1024 + len(out), dport=9000, seq=seq, flags="PA")
            packet = bytes(build(ip / tcp / Raw(bytes(len(out) % 7))))
            out.append(packet.ljust(60, b"\0"))  # Ethernet pads to its minimum
    return out


@pytest.mark.tshark
def test_innermost_headers_are_those_of_tshark(tmp_path):
    packets = stacks()
    path = tmp_path / "stacks.pcap"
    header = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 1 << 18, 1)
    records = [struct.pack("<IIII", i, 0, len(p), len(p)) + p for i, p in enumerate(packets)]
    path.write_bytes(header + b"".join(records))
    fields = [word for name in FIELDS for word in ("-e", name)]
    run = subprocess.run(
        ["tshark", "-n", "-r", str(path), "-T", "fields", *fields],
        capture_output=True,
        text=True,
        check=True,
    )
    batch, findings = decode(packets)
    assert not findings
    found = []
    for row in batch.rows:
        source = address_text(row["source_high"], row["source_low"], row["version"])
        found.append((row["packet"], source, row["source_port"], row["seq"], row["length"]))
    expected = []
    for line in run.stdout.splitlines():
        number, v4, v6, *numbers = line.split("\t")
        # The innermost is the last value; which family it is shows in the addresses.
        inner = v6 if "2001:db8::1" in v6 else v4
        last = [int(text.split(",")[-1]) for text in numbers]
        expected.append((int(number), inner.split(",")[-1], *last))
    assert len(expected) == len(packets)
    assert found == expected
