"""The PROXY protocol: headers of its specification."""

from __future__ import annotations

import ipaddress

import pytest

from analyzer.share.anonymize.preludes import begins, rewritten
from analyzer.share.anonymize.words import Words

WORDS = Words(bytes(range(32)))
SIGNATURE = bytes.fromhex("0d0a0d0a000d0a515549540a")


@pytest.mark.parametrize("end", [b"", b"GET / HTTP/1.1"])
def test_addresses_of_version_1(end: bytes) -> None:
    line = b"PROXY TCP4 198.51.100.22 203.0.113.7 35646 80\r\n"
    made = rewritten(line + end, WORDS)
    assert made is not None
    assert made[1] == len(line) == len(made[0])
    parts = made[0].split()
    assert parts[:2] == [b"PROXY", b"TCP4"]
    assert parts[4:] == [b"35646", b"80"]
    for old, new in zip((b"198.51.100.22", b"203.0.113.7"), parts[2:4], strict=True):
        assert new != old
        ipaddress.IPv4Address(new.decode())


def test_ipv6() -> None:
    line = b"PROXY TCP6 2001:db8::a:22 fe80::1 35646 443\r\n"
    made = rewritten(line, WORDS)
    assert made is not None
    assert made[0].split()[2] != b"2001:db8::a:22"
    ipaddress.IPv6Address(made[0].split()[2].decode())


def test_version_2() -> None:
    addresses = bytes([198, 51, 100, 22, 203, 0, 113, 7]) + b"\x8b\x3e\0\x50"
    value = b"\x02\0\x08host.net"
    header = SIGNATURE + b"\x21\x11" + len(addresses + value).to_bytes(2, "big") + addresses + value
    made = rewritten(header + b"GET", WORDS)
    assert made is not None
    assert made[1] == len(header) == len(made[0])
    assert made[0][:16] == header[:16]
    assert made[0][16:24] != addresses[:8]
    assert made[0][24:31] == header[24:31]  # ports, and what kind of value follows
    assert b"host.net" not in made[0]


@pytest.mark.parametrize(
    "data", [b"P", b"PROXY TCP4 198.51", SIGNATURE[:5], SIGNATURE + b"\x21\x11\0"]
)
def test_what_is_not_whole(data: bytes) -> None:
    assert begins(data)
    assert rewritten(data, WORDS) is None


@pytest.mark.parametrize("data", [b"PROXY" + b" x" * 200, SIGNATURE + b"\x21\x11\xff\xff", b"PRI"])
def test_what_is_none(data: bytes) -> None:
    assert rewritten(data, WORDS) in ((b"", 0), None)


def test_what_is_said_of_an_unknown_client() -> None:
    made = rewritten(b"PROXY UNKNOWN somebody\r\n", WORDS)
    assert made is not None
    assert made[0].startswith(b"PROXY UNKNOWN ")
    assert b"somebody" not in made[0]
