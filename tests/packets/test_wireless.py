"""802.11 frames, against those that scapy makes."""

from __future__ import annotations

import struct

import pytest
from oracle.packets import decode
from scapy.layers.dot11 import Dot11, Dot11QoS, RadioTap
from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import LLC, SNAP
from scapy.packet import Raw

ENDS = {"addr1": "02:00:00:00:00:01", "addr2": "02:00:00:00:00:02", "addr3": "02:00:00:00:00:03"}
V4 = IP(src="192.0.2.1", dst="192.0.2.2") / TCP(sport=1234, dport=80) / Raw(b"body")
V6 = IPv6(src="2001:db8::1", dst="2001:db8::2") / TCP(sport=1234, dport=80) / Raw(b"body")
TOP = LLC(dsap=0xAA, ssap=0xAA, ctrl=3) / SNAP(OUI=0)
FCS = b"\xde\xad\xbe\xef"


def data(flags="to_DS", subtype=0, **fields):
    return Dot11(type=2, subtype=subtype, FCfield=flags, **ENDS, **fields)


def amsdu(*bodies):
    """Return subframes (IEEE 802.11 9.3.2.2): addresses, length; padded but the last."""
    whole = b""
    for body in bodies:
        whole += bytes(-len(whole) % 4) + bytes(12) + struct.pack(">H", len(body)) + body
    return whole


FRAMES = {
    "to": data() / TOP / V4,
    "from": data("from_DS") / TOP / V4,
    "ad-hoc": data("") / TOP / V4,
    "four-addresses": data("to_DS+from_DS", addr4="02:00:00:00:00:04") / TOP / V4,
    "retry": data("to_DS+retry") / TOP / V6,
    "qos": data(subtype=8) / Dot11QoS(TID=5) / TOP / V4,
    "qos-four-addresses": data("to_DS+from_DS", 8, addr4="02:00:00:00:00:04")
    / Dot11QoS()
    / TOP
    / V6,
    "qos-ht-control": data("to_DS+order", 8) / Dot11QoS() / Raw(bytes(4)) / TOP / V4,
    "a-msdu-of-one": data(subtype=8) / Dot11QoS(A_MSDU_Present=1) / Raw(amsdu(bytes(TOP / V4))),
    "protected-but-decrypted": data("to_DS+protected") / Raw(bytes(TOP / V4)),
}


@pytest.mark.parametrize("below", ["none", "radiotap", "prism", "avs", "ppi"])
@pytest.mark.parametrize("name", FRAMES)
def test_frame(name, below):
    frame = bytes(FRAMES[name])
    link_type, head = {
        "none": (105, b""),
        # present: timestamp, flags (frame check sequence), rate; one more mask
        "radiotap": (
            127,
            struct.pack("<BBHII", 0, 0, 26, 0x80000007, 0) + bytes(12) + b"\x10\x02",
        ),
        "prism": (119, struct.pack("<II", 0x44, 144).ljust(144, b"\0")),
        "avs": (163, struct.pack(">II", 0x80211001, 64).ljust(64, b"\0")),
        "ppi": (192, struct.pack("<BBHI", 0, 0, 8, 105)),
    }[below]
    batch, findings = decode([head + frame + FCS], link_type)
    assert not findings
    assert not batch.not_tcp
    (row,) = batch.rows
    assert (row["destination_port"], row["length"]) == (80, 4)
    packet = FRAMES[name]
    inner = bytes(packet).index(b"body") - int(row["tcp_bytes"]) - int(row["ip_bytes"])
    assert row["link_bytes"] == len(head) + inner + len(FCS)
    assert batch.records.data[int(row["start"]) :][:4].tobytes() == b"body"


def test_scapys_radiotap_header_is_passed():
    frame = RadioTap(present="TSFT+Flags+Rate+Channel", mac_timestamp=7, Flags=0) / FRAMES["qos"]
    assert len(decode([bytes(frame)], 127)[0].rows) == 1


def test_padding_behind_the_header_is_passed():
    # radiotap's flag 0x20; a QoS header of 26 bytes is padded to 28
    head = struct.pack("<BBHI", 0, 0, 9, 2) + b"\x20"
    frame = bytes(FRAMES["qos"])
    assert len(decode([head + frame[:26] + bytes(2) + frame[26:]], 127)[0].rows) == 1
    assert len(decode([head + frame], 127)[0].rows) == 0


def test_the_sequence_number_is_no_fragment_number():
    assert len(decode([bytes(data(SC=0x1230) / TOP / V4)], 105)[0].rows) == 1


@pytest.mark.parametrize(
    ("frame", "label"),
    [
        (Dot11(type=0, subtype=8, **ENDS) / Raw(bytes(40)), "802.11 management"),
        (Dot11(type=1, subtype=13, addr1="02:00:00:00:00:01"), "802.11 control"),
        (data(subtype=4), "802.11 without data"),
        (data("to_DS+protected") / Raw(b"\x01\0\0\x20\0\0\0\0" + bytes(60)), "802.11 encrypted"),
        (data("to_DS+MF") / TOP / V4, "802.11 fragment"),
        (data(SC=0x1231) / Raw(b"rest"), "802.11 fragment"),
        (
            data(subtype=8)
            / Dot11QoS(A_MSDU_Present=1)
            / Raw(amsdu(bytes(TOP / V4), bytes(TOP / V4))),
            "802.11 aggregate",
        ),
    ],
)
def test_what_gives_no_packet_is_named(frame, label):
    batch, findings = decode([bytes(frame)] * 2, 105)
    assert batch.not_tcp == {label: 2}
    unread = label.split()[1] in ("encrypted", "fragment", "aggregate")
    assert [found.kind.id for found in findings] == ["packets-wlan-unread"] * unread
    assert [found.packet for found in findings] == [1] * unread


def test_a_frame_with_a_wrong_check_sequence_is_not_read():
    head = struct.pack("<BBHI", 0, 0, 9, 2) + b"\x40"
    assert decode([head + bytes(FRAMES["to"])], 127)[0].not_tcp == {"802.11 damaged": 1}


@pytest.mark.parametrize("name", FRAMES)
def test_a_frame_cut_anywhere_is_a_cut_header(name):
    frame = bytes(FRAMES[name])
    for snaplen in range(len(frame) - 4):
        batch, _ = decode([frame], 105, snaplen)
        assert len(batch.rows) == 0
        assert set(batch.not_tcp) <= {"header cut", "tcp header cut", "802.11 encrypted"}
