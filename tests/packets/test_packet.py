"""Bounds of a packet: what was cut, what cannot be, and the way a fragment came."""

from __future__ import annotations

import pytest
from oracle.packets import decode, ethernet
from scapy.layers.inet import IP, TCP, UDP, fragment
from scapy.layers.l2 import GRE, Dot1Q
from scapy.layers.vxlan import VXLAN
from scapy.packet import Raw

from analyzer.findings import PACKETS_FRAGMENT_LIMIT


def parts(below, body):
    """Return the packets of a datagram of two fragments that came over `below`."""
    whole = IP(src="192.0.2.1", dst="192.0.2.2", id=4) / TCP(dport=80) / Raw(body)
    return [bytes(below / part) for part in fragment(whole, 104)]


def tunnel(last=2):
    return ethernet() / IP(src="10.0.0.1", dst=f"10.0.0.{last}")


WAYS = [
    (ethernet() / Dot1Q(vlan=1), ethernet() / Dot1Q(vlan=2)),
    (tunnel(2), tunnel(3)),
    (tunnel() / GRE(key_present=1, key=1), tunnel() / GRE(key_present=1, key=2)),
    (
        tunnel() / UDP(dport=4789) / VXLAN(vni=1) / ethernet(),
        tunnel() / UDP(dport=4789) / VXLAN(vni=2) / ethernet(),
    ),
]


@pytest.mark.parametrize("ways", WAYS, ids=["vlan", "addresses", "gre-key", "vni"])
def test_fragments_of_equal_addresses_on_different_ways_are_kept_apart(ways):
    # The same private addresses and identification in two networks, in turn.
    bodies = [bytes([i]) * 120 for i in (1, 2)]
    turns = zip(*(parts(way, body) for way, body in zip(ways, bodies, strict=True)), strict=True)
    batch, findings = decode([packet for turn in turns for packet in turn])
    assert not findings
    found = [batch.records.data[int(r["start"]) :][:120].tobytes() for r in batch.rows]
    assert found == bodies


def test_a_priority_is_no_vlan():
    first = parts(ethernet() / Dot1Q(vlan=5, prio=0), b"x" * 120)[0]
    second = parts(ethernet() / Dot1Q(vlan=5, prio=3), b"x" * 120)[1]
    assert len(decode([first, second])[0].rows) == 1


def test_what_ends_before_its_header_is_malformed_and_what_was_cut_is_not():
    packet = bytes(ethernet() / IP() / TCP())
    assert decode([packet[:30]])[0].not_tcp == {"malformed": 1}
    assert decode([packet], snaplen=30)[0].not_tcp == {"header cut": 1}
    assert decode([packet], snaplen=40)[0].not_tcp == {"tcp header cut": 1}


def test_the_limit_of_fragments_names_both_options():
    assert "max_fragmented_datagrams or max_fragments" in PACKETS_FRAGMENT_LIMIT.text
