"""Rare link types and tunnels: addresses, ports and payload as scapy, dpkt and tshark read them."""

from __future__ import annotations

import struct
import subprocess

import dpkt
import pytest
from oracle import captures
from oracle.packets import decode, ethernet, innermost
from scapy.contrib import macsec
from scapy.contrib.tzsp import TZSP, TZSPTagEnd, TZSPTagRawRSSIByte
from scapy.layers.dot11 import Dot11, Dot11QoS, RadioTap
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import LLC, SNAP, Ether
from scapy.layers.l2tp import L2TP
from scapy.layers.ppi import PPI
from scapy.layers.ppp import HDLC, PPP
from scapy.packet import Raw

from analyzer.packets.segments import address_text

BODY = b"the body"
V4 = IP(src="192.0.2.1", dst="192.0.2.2") / TCP(sport=1234, dport=8080, seq=77) / Raw(BODY)
V6 = IPv6(src="2001:db8::1", dst="2001:db8::2") / TCP(sport=1234, dport=8080, seq=77) / Raw(BODY)
ENDS = {"addr1": "02:00:00:00:00:01", "addr2": "02:00:00:00:00:02", "addr3": "02:00:00:00:00:03"}
LONG = LLC(dsap=0xAA, ssap=0xAA, ctrl=3) / SNAP(OUI=0)
OUTER = ethernet() / IP(src="10.0.0.1", dst="10.0.0.2")
SCI = b"\x02\0\0\0\0\1\0\1"


def wlan(subtype: int = 0) -> Dot11:
    return Dot11(type=2, subtype=subtype, FCfield="to_DS", **ENDS)


def security(control: int, sci: bytes) -> bytes:
    """Return an Ethernet header and a SecTAG without encryption (IEEE 802.1AE 9.3)."""
    return bytes(ethernet(type=0x88E5)) + struct.pack(">BBI", control, 0, 9) + sci


def tunnelled(top: IP) -> dict[str, bytes]:
    """Return packets on Ethernet, by what is around `top`."""
    kind = 0x0800 if isinstance(top, IP) else 0x86DD
    frame = ethernet(type=kind) / top
    under = struct.pack(">H", kind) + bytes(top) + bytes(range(16))  # and the check value
    tag = struct.pack(">HHH", 0x8001, 0x0005, kind)  # VN-Tag: direction, VIFs; 802.1Qbh
    return {
        "tzsp": bytes(OUTER / UDP(sport=5, dport=37008) / TZSP() / TZSPTagEnd() / frame),
        "tzsp-tags": bytes(
            OUTER
            / UDP(sport=5, dport=37008)
            / TZSP()
            / TZSPTagRawRSSIByte(raw_rssi=60)
            / TZSPTagEnd()
            / frame
        ),
        "l2tp": bytes(
            OUTER
            / UDP(sport=1701, dport=1701)
            / L2TP(hdr="length", tunnel_id=7, session_id=8)
            / HDLC()
            / PPP()
            / top
        ),
        "macsec": security(0x20, SCI) + under,
        "macsec-no-sci": security(0, b"") + under,
        "vn-tag": bytes(ethernet(type=0x8926)) + tag + bytes(top),
    }


def over_gre(content: bytes) -> bytes:
    return bytes(ethernet() / IP(src="10.0.0.1", dst="10.0.0.2", proto=47) / Raw(content))


def packets() -> dict[str, tuple[int, bytes]]:
    """Return link type and packet by name."""
    made: dict[str, tuple[int, bytes]] = {}
    for family, top in (("4", V4), ("6", V6)):
        made |= {f"{name}-{family}": (1, packet) for name, packet in tunnelled(top).items()}
        redirect = struct.pack(">HHBBBB", 0, 0x883E, 0, 1, 2, 3)  # draft-wilson-wrec-wccp-v2 4.12
        made[f"wccp-{family}"] = (1, over_gre(redirect + bytes(top)))
        made[f"wlan-{family}"] = (105, bytes(wlan() / LONG / top))
        made[f"wlan-qos-{family}"] = (105, bytes(wlan(8) / Dot11QoS(TID=5) / LONG / top))
        made[f"radiotap-{family}"] = (127, bytes(RadioTap() / wlan() / LONG / top))
        head = RadioTap(present="TSFT+Flags+Rate+Channel", mac_timestamp=7, Flags=0)
        made[f"radiotap-qos-{family}"] = (127, bytes(head / wlan(8) / Dot11QoS() / LONG / top))
        made[f"ppi-{family}"] = (192, bytes(PPI(dlt=105) / wlan() / LONG / top))
    # The redirect header holds an IPv4 packet (ibid.).
    del made["wccp-6"]
    return made


PACKETS = packets()
DISSECTED = {1: Ether, 105: Dot11, 127: RadioTap, 192: PPI}
WITHOUT_SCAPY = ("vn-tag", "wccp")


def read(name: str) -> tuple[str, str, int, int, int, bytes]:
    """Return addresses, ports, sequence number and payload, as the header walk reads them."""
    link_type, packet = PACKETS[name]
    batch, findings = decode([packet], link_type)
    assert not findings
    assert not batch.not_tcp
    (row,) = batch.rows
    source, destination = (
        address_text(row[f"{end}_high"], row[f"{end}_low"], row["version"])
        for end in ("source", "destination")
    )
    ports = int(row["source_port"]), int(row["destination_port"])
    start = int(row["start"])
    payload = batch.records.data[start : start + int(row["length"])].tobytes()
    return source, destination, *ports, int(row["seq"]), payload


@pytest.mark.parametrize("name", [name for name in PACKETS if not name.startswith(WITHOUT_SCAPY)])
def test_as_scapy_reads(name: str) -> None:
    link_type, packet = PACKETS[name]
    dissected = DISSECTED[link_type](packet)
    if name.startswith("tzsp"):
        dissected = TZSP(bytes(dissected[UDP].payload))
    elif name.startswith("macsec"):
        dissected = Ether(packet[:12] + dissected[macsec.MACsec].payload.load)
    ip, tcp = innermost(dissected)
    # MACsec's check value stands behind the packet, which IP's length tells.
    body = bytes(tcp.payload)[: len(BODY)]
    assert read(name) == (ip.src, ip.dst, tcp.sport, tcp.dport, tcp.seq, body)


@pytest.mark.parametrize("name", [name for name in PACKETS if PACKETS[name][0] in (105, 127)])
def test_as_dpkt_reads(name: str) -> None:
    link_type, packet = PACKETS[name]
    frame = dpkt.radiotap.Radiotap(packet).data if link_type == 127 else None
    frame = frame or dpkt.ieee80211.IEEE80211(packet)
    llc = frame.data_frame.data
    ip = (dpkt.llc.LLC(llc) if isinstance(llc, bytes) else llc).data
    ends = [dpkt.utils.inet_to_str(end) for end in (ip.src, ip.dst)]
    tcp = ip.data
    assert read(name) == (*ends, tcp.sport, tcp.dport, tcp.seq, bytes(tcp.data))


@pytest.mark.tshark
def test_as_tshark_reads(tmp_path) -> None:  # type: ignore[no-untyped-def]
    links = sorted({link_type for link_type, _ in PACKETS.values()})
    blocks = [captures.section(), *(captures.interface(link_type) for link_type in links)]
    for place, (link_type, packet) in enumerate(PACKETS.values()):
        blocks.append(captures.enhanced(place, packet, number=links.index(link_type)))
    path = tmp_path / "links.pcapng"
    path.write_bytes(b"".join(blocks))
    names = ["ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "tcp.srcport", "tcp.dstport"]
    names += ["tcp.seq_raw", "tcp.payload"]
    fields = [word for name in names for word in ("-e", name)]
    command = ["tshark", "-n", "-r", str(path), "-T", "fields", *fields]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    for name, line in zip(PACKETS, lines, strict=True):
        last = [values.split(",")[-1] for values in line.split("\t")]
        addresses = last[2:4] if name.endswith("6") else last[:2]
        numbers = [int(value) for value in last[4:7]]
        assert read(name) == (*addresses, *numbers, bytes.fromhex(last[7])), name
