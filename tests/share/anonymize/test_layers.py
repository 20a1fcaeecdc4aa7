"""Headers below the innermost IP header."""

from __future__ import annotations

import pytest

from analyzer.share.anonymize.layers import (
    COOKED,
    ETHERNET,
    GRE,
    IPV4,
    IPV6,
    MACS,
    NOISE,
    UDP,
    Layers,
)

MAC = bytes(range(12))
V4 = bytes.fromhex("4500002800000000 40") + b"%c" + bytes(2) + bytes(8)
V6 = bytes.fromhex("60000000 0014") + b"%c" + b"\x40" + bytes(32)
UDP_HEAD = b"\x80\0%b\0\x40\0\0"
INNER = b"\x45"


def udp(port: int) -> bytes:
    return UDP_HEAD % port.to_bytes(2, "big")


def found(link_type: int, below: bytes) -> list[tuple[int, int, int]] | None:
    layers = Layers(below + INNER + bytes(39), len(below))
    return [tuple(each) for each in layers.headers] if layers.walk(link_type) else None


@pytest.mark.parametrize(
    ("link_type", "below", "kinds"),
    [
        (1, MAC + b"\x08\0", [ETHERNET]),
        (1, MAC + bytes.fromhex("88a80001810000020800"), [ETHERNET]),
        (1, MAC + bytes.fromhex("8847 00001040 00002141"), [ETHERNET]),
        (1, MAC + bytes.fromhex("8864 1100 0001 0029 0021"), [ETHERNET]),
        (1, MAC + bytes.fromhex("0030 aaaa03 000000 0800"), [ETHERNET]),
        (1, MAC + b"\x88\xe5\x20\0" + bytes(4) + MAC[:6] + b"\0\1\x08\0", [ETHERNET, MACS]),
        (113, bytes(4) + b"\0\6" + MAC[:8] + b"\x08\0", [COOKED]),
        (113, bytes(4) + b"\0\4" + MAC[:8] + b"\x08\0", [COOKED, NOISE]),
        (101, V4 % 4, [IPV4]),
        (101, V6 % 4, [IPV6]),
        (101, V6 % 60 + b"\4\0\1\4" + bytes(4), [IPV6]),
        (1, MAC + b"\x08\0" + V4 % 47 + bytes.fromhex("0000 6558") + MAC + b"\x08\0",
         [ETHERNET, IPV4, GRE, ETHERNET]),
        (101, V4 % 17 + udp(4789) + b"\x08" + bytes(7) + MAC + b"\x08\0", [IPV4, UDP, ETHERNET]),
        (101, V4 % 17 + udp(6081) + bytes.fromhex("0200 0800 000001 00 0108 00 01 0a000001"),
         [IPV4, UDP, NOISE]),
        (101, V4 % 17 + udp(2152) + bytes.fromhex("30 ff 0028 00000001"), [IPV4, UDP]),
        (101, V4 % 17 + udp(37008) + bytes.fromhex("01 00 0001 3c 06 010203040506 01") + MAC
         + b"\x08\0", [IPV4, UDP, NOISE, ETHERNET]),
        (105, bytes.fromhex("0801 0000") + MAC + MAC[:6] + bytes(2)
         + bytes.fromhex("aaaa03 000000 0800"), [MACS, MACS, MACS]),
    ],
)  # fmt: skip
def test_links_and_tunnels(link_type: int, below: bytes, kinds: list[int]) -> None:
    headers = found(link_type, below)
    assert headers is not None
    assert [kind for kind, _, _ in headers] == kinds


@pytest.mark.parametrize(
    ("link_type", "below"),
    [
        (1, MAC + b"\x08\x06"),  # ARP
        (101, V4 % 17 + udp(53)),
        (101, (V4 % 4)[:6] + b"\x20\0" + (V4 % 4)[8:]),  # a fragment
        (258, bytes(40)),  # PKTAP: names of processes
        (1, MAC + b"\x08\0" + bytes(4)),  # the innermost IP header stands elsewhere
        (1, b""),
    ],
)
def test_what_is_not_understood(link_type: int, below: bytes) -> None:
    assert found(link_type, below) is None


def test_options_of_geneve_are_where_they_are() -> None:
    below = V4 % 17 + udp(6081) + bytes.fromhex("0200 0800 000001 00 0108 00 01 0a000001")
    headers = found(101, below)
    assert headers is not None
    assert headers[-1] == (NOISE, len(below) - 4, len(below))
