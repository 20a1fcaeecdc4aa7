"""Joining fragments: every byte of every packet is accounted for."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle.packets import SECOND, decode, ethernet, records
from scapy.layers.inet import IP, TCP, UDP, fragment
from scapy.layers.inet6 import IPv6, IPv6ExtHdrFragment
from scapy.layers.vxlan import VXLAN
from scapy.packet import Raw

from analyzer.options import Options
from analyzer.packets.decode import PacketDecoder

BODY = bytes(range(256)) * 4


def v4_fragments(size=304, identification=9):
    whole = IP(src="10.0.0.1", dst="10.0.0.2", id=identification) / TCP(dport=80) / Raw(BODY)
    return [bytes(ethernet() / part) for part in fragment(whole, size)]


def v6_fragments(size=304):
    payload = bytes(IPv6(src="fd00::1", dst="fd00::2") / TCP(dport=80) / Raw(BODY))[40:]
    parts = [payload[at : at + size] for at in range(0, len(payload), size)]
    return [
        bytes(
            ethernet()
            / IPv6(src="fd00::1", dst="fd00::2")
            / IPv6ExtHdrFragment(nh=6, id=3, offset=i * size // 8, m=int(i < len(parts) - 1))
            / Raw(part)
        )
        for i, part in enumerate(parts)
    ]


def payload(batch, row):
    start = int(row["start"])
    return batch.records.data[start : start + int(row["captured"])].tobytes()


@pytest.mark.parametrize(("make", "header"), [(v4_fragments, 20), (v6_fragments, 40)])
@given(order=st.randoms(use_true_random=False))
@settings(max_examples=20, deadline=None)
def test_any_order_joins_and_ties_out(make, header, order):
    packets = make()
    order.shuffle(packets)
    batch, findings = decode(packets)
    (row,) = batch.rows
    assert row["packet"] == len(packets)
    assert payload(batch, row) == BODY
    assert (row["ip_bytes"], row["tcp_bytes"], row["length"]) == (header, 20, len(BODY))
    assert int(row["link_bytes"]) + header + 20 + len(BODY) == sum(map(len, packets))
    assert batch.not_tcp == {"ip fragment": len(packets) - 1}
    assert not findings


def test_copies_of_each_fragment_give_a_copy_of_the_datagram():
    packets = [p for p in v4_fragments() for _ in range(2)]
    batch, findings = decode(packets)
    assert [payload(batch, row) for row in batch.rows] == [BODY, BODY]
    assert batch.rows["identity"][0] == batch.rows["identity"][1]
    assert not findings


def test_one_repeated_fragment_is_no_loss():
    packets = v4_fragments()
    batch, findings = decode([packets[0], *packets])
    assert [payload(batch, row) for row in batch.rows] == [BODY]
    assert not findings


def test_missing_fragment_is_a_finding_after_the_timeout():
    packets = v4_fragments()[:-1]
    batch, findings = decode(packets)
    assert not len(batch.rows)
    assert [(f.kind.id, f.packet, f.count) for f in findings] == [("packets-fragment-lost", 1, 1)]


def test_a_fragment_later_than_the_timeout_joins_nothing():
    packets = v4_fragments()
    times = [0] * (len(packets) - 1) + [31 * SECOND]
    batch, findings = decode(packets, times=times)
    assert not len(batch.rows)
    assert findings[0].count == 2


@pytest.mark.parametrize(("version", "segments"), [(4, 1), (6, 0)])
def test_overlap_first_wins_in_v4_and_drops_in_v6(version, segments):
    if version == 4:
        first = v4_fragments(size=528)[0]
        packets = [first, *v4_fragments(size=528)[1:]]
        again = bytes(
            ethernet()
            / IP(src="10.0.0.1", dst="10.0.0.2", id=9, proto=6, flags="MF", frag=1)
            / Raw(b"\xee" * 16)
        )
    else:
        packets = v6_fragments()
        again = bytes(
            ethernet()
            / IPv6(src="fd00::1", dst="fd00::2")
            / IPv6ExtHdrFragment(nh=6, id=3, offset=1, m=1)
            / Raw(b"\xee" * 16)
        )
    batch, findings = decode([packets[0], again, *packets[1:]])
    assert [payload(batch, row) for row in batch.rows] == [BODY] * segments
    assert [f.kind.id for f in findings] == ["packets-fragment-overlap"]


def test_tunnel_in_fragments_of_the_outer_packet():
    inner = ethernet() / IP(src="192.0.2.1", dst="192.0.2.2") / TCP(dport=80) / Raw(BODY)
    outer = IP(src="10.0.0.1", dst="10.0.0.2", id=4) / UDP(dport=4789) / VXLAN() / inner
    packets = [bytes(ethernet() / part) for part in fragment(outer, 400)]
    batch, _ = decode(packets)
    (row,) = batch.rows
    assert payload(batch, row) == BODY
    assert int(row["link_bytes"]) + 40 + len(BODY) == sum(map(len, packets))


def test_fragments_in_a_tunnel():
    inner = IP(src="192.0.2.1", dst="192.0.2.2", id=4) / TCP(dport=80) / Raw(BODY)
    packets = [bytes(ethernet() / IP() / part) for part in fragment(inner, 400)]
    batch, _ = decode(packets)
    assert payload(batch, batch.rows[0]) == BODY


def test_cut_fragments_keep_the_length_of_the_wire():
    batch, _ = decode(v4_fragments(), snaplen=200)
    (row,) = batch.rows
    assert row["length"] == len(BODY)
    # Ethernet 14, IP 20 and TCP 20 bytes of the first fragment's 200.
    assert row["captured"] == 200 - 54
    assert payload(batch, row) == BODY[:146]


def test_waiting_datagrams_are_bounded():
    packets = [v4_fragments(identification=i)[0] for i in range(1, 6)]
    _, findings = decode(packets, options=Options(max_fragmented_datagrams=2))
    counts = {f.kind.id: f.count for f in findings}
    assert counts == {"packets-fragment-lost": 2, "packets-fragment-limit": 3}


def test_batches_do_not_matter():
    decoder = PacketDecoder()
    batches = [decoder.push(records([p], first=i + 1)) for i, p in enumerate(v4_fragments())]
    assert [len(b.rows) for b in batches] == [0] * (len(batches) - 1) + [1]
    assert payload(batches[-1], batches[-1].rows[0]) == BODY
