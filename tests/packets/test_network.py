"""IP headers, against the sentences of RFC 791, 8200, 4302 and 6946."""

from __future__ import annotations

import pytest
from oracle.packets import decode
from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6
from scapy.packet import Raw

TCP_BYTES = bytes(TCP(dport=80) / Raw(b"body"))


def v6(first, extensions):
    head = IPv6(src="2001:db8::1", dst="2001:db8::2", nh=first)
    return bytes(head / Raw(extensions + TCP_BYTES))


@pytest.mark.parametrize(
    ("first", "extensions"),
    [
        (0, b"\x06\x00" + bytes(6)),
        (60, b"\x06\x01" + bytes(14)),  # length in 8 bytes, less the first
        (43, b"\x3c\x00" + bytes(6) + b"\x06\x00" + bytes(6)),
        # RFC 4302 2.2: AH's length is in 4 bytes, less 2: 24 bytes here
        (51, b"\x06\x04" + bytes(22)),
        # RFC 6946: offset 0 and no more: not fragmented at all
        (44, b"\x06\x00\x00\x00" + b"\0\0\0\x07"),
    ],
    ids=["hop-by-hop", "destination", "routing-destination", "ah", "atomic-fragment"],
)
def test_extension_headers(first, extensions):
    batch, _ = decode([v6(first, extensions)], 101)
    assert batch.rows["ip_bytes"].tolist() == [40 + len(extensions)]
    assert batch.rows["length"].tolist() == [4]


def test_extension_headers_are_bounded():
    batch, _ = decode([v6(0, (b"\x00\x00" + bytes(6)) * 20)], 101)
    assert batch.not_tcp == {"ipv6 extension": 1}


@pytest.mark.parametrize("change", [{"ihl": 4}, {"len": 19}, {"len": 900}, {"version": 5}])
def test_headers_that_cannot_be_are_malformed(change):
    assert decode([bytes(IP(**change) / TCP())], 228)[0].not_tcp == {"malformed": 1}


def test_ipv6_length_zero_means_to_the_end():
    batch, _ = decode([bytes(IPv6(plen=0, nh=6) / Raw(TCP_BYTES))], 229)
    assert batch.rows["length"].tolist() == [4]
