"""Addresses: one for one, and those that name nobody stay."""

from __future__ import annotations

import ipaddress

import pytest

from analyzer.share.anonymize.addresses import Addresses


@pytest.mark.parametrize(
    "stays", ["127.0.0.1", "::1", "0.0.0.0", "255.255.255.255", "224.0.0.251", "ff02::16"]
)
def test_addresses_that_name_nobody(stays: str) -> None:
    packed = ipaddress.ip_address(stays).packed
    assert Addresses().of(packed) == packed


def test_each_becomes_another_and_always_the_same() -> None:
    addresses = Addresses()
    old = [ipaddress.ip_address(f"198.51.100.{last}").packed for last in range(1, 100)]
    new = [addresses.of(each) for each in old]
    assert [addresses.of(each) for each in old] == new
    assert len(set(new)) == len(old)
    assert all(ipaddress.ip_address(each) in ipaddress.ip_network("10.0.0.0/8") for each in new)


def test_ipv6_and_ethernet() -> None:
    addresses = Addresses()
    made = ipaddress.ip_address(addresses.of(ipaddress.ip_address("2a02:8070::5").packed))
    assert made in ipaddress.ip_network("2001:db8::/32")
    local = ipaddress.ip_address(addresses.of(ipaddress.ip_address("fe80::1234").packed))
    assert local.is_link_local
    assert addresses.of(b"\xff" * 6) == b"\xff" * 6
    assert addresses.of(bytes.fromhex("a8bbccddee01")).startswith(b"\x02")
