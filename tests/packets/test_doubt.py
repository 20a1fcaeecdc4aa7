"""Files that name the wrong link type, and their near controls."""

from __future__ import annotations

import struct

import pytest
from oracle.packets import decode, ethernet, records
from scapy.layers.dot11 import Dot11
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import ARP, LLC, SNAP
from scapy.packet import Raw

from analyzer.packets.decode import PacketDecoder
from analyzer.packets.doubt import Doubt

WRONG = "packets-wrong-link-type"


def segment(seq, source="10.0.0.1"):
    return bytes(IP(src=source, dst="10.0.0.2") / TCP(dport=80, seq=seq) / Raw(b"abc"))


SEGMENTS = [segment(seq) for seq in range(1, 9)]
TRUTHS = {
    "Ethernet": (1, bytes(ethernet(type=0x0800))),
    "raw IP": (101, b""),
    "Linux cooked": (113, struct.pack(">HHH8sH", 0, 1, 6, bytes(8), 0x0800)),
    "Linux cooked 2": (276, struct.pack(">HHIHBB8s", 0x0800, 0, 1, 1, 0, 6, bytes(8))),
    "BSD loopback": (0, struct.pack("<I", 2)),
    "radiotap and 802.11": (
        127,
        struct.pack("<BBHI", 0, 0, 8, 0)
        + bytes(
            Dot11(type=2, addr1="02:00:00:00:00:01", addr2="02:00:00:00:00:02")
            / LLC(dsap=0xAA, ssap=0xAA, ctrl=3)
            / SNAP(OUI=0, code=0x0800)
        ),
    ),
    "PPP": (9, b"\xff\x03\x00\x21"),
}


@pytest.mark.parametrize("declared", [1, 101, 113, 276, 0, 9, 147])
@pytest.mark.parametrize("name", TRUTHS)
def test_packets_are_read_as_what_they_are(name, declared):
    truth, below = TRUTHS[name]
    batch, findings = decode([below + packet for packet in SEGMENTS], declared)
    assert len(batch.rows) == 8
    assert batch.rows["link_bytes"].tolist() == [len(below)] * 8
    assert not +batch.not_tcp
    if declared == truth:
        assert not findings
        return
    (found,) = findings
    assert (found.kind.id, found.packet, found.count) == (WRONG, 1, 8)
    assert f"as {name}, " in found.text


def test_batches_do_not_matter():
    packets = [bytes(ethernet() / ARP(psrc="10.0.0.1", pdst="10.0.0.2"))]
    packets += [TRUTHS["Ethernet"][1] + packet for packet in SEGMENTS]
    whole, _ = decode(packets, 101)
    decoder = PacketDecoder()
    rows = []
    for number, packet in enumerate(packets, 1):
        rows += decoder.push(records([packet], 101, first=number)).rows["packet"].tolist()
    assert rows == whole.rows["packet"].tolist() == list(range(2, 10))
    (found,) = [each for each in decoder.finish().findings if each.kind.id == WRONG]
    assert "8 of 9 packets" in found.text


@pytest.mark.parametrize(
    "sound",
    [
        segment(1),
        bytes(IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=1, dport=2)),
        bytes(IP(src="10.0.0.1", dst="10.0.0.2") / ICMP()),
    ],
)
def test_one_sound_packet_settles_it(sound):
    packets = [sound] + [TRUTHS["Ethernet"][1] + packet for packet in SEGMENTS]
    batch, findings = decode(packets, 101)
    assert batch.not_tcp["malformed"] == 8
    assert WRONG not in [found.kind.id for found in findings]


@pytest.mark.parametrize(
    ("link_type", "packet"),
    [
        (1, bytes(ethernet(type=0x88CC) / Raw(bytes(46)))),  # LLDP
        (1, bytes(ethernet(type=0x8892) / Raw(b"\x45\0\0\x30" + bytes(42)))),  # PROFINET
        (101, b"\0" * 60),
        (189, bytes(64) + SEGMENTS[0]),  # USB holds a packet: not ours to guess
    ],
)
def test_what_nothing_reads_stays_what_it_is(link_type, packet):
    batch, findings = decode([packet] * 200, link_type)
    assert len(batch.rows) == 0
    assert sum(batch.not_tcp.values()) == 200
    assert WRONG not in [found.kind.id for found in findings]


def test_the_search_gives_up():
    doubt = Doubt(1)
    for _ in range(64):
        doubt.packets += 1
        doubt.fail()
    assert doubt.is_settled
