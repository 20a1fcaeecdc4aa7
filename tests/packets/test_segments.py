"""Addresses kept as two halves read as the standard library writes them."""

import ipaddress

import pytest

from analyzer.packets.segments import address_text


@pytest.mark.parametrize(
    ("high", "low", "version", "text"),
    [
        (0, 0xFFFF_C0000201, 4, "192.0.2.1"),
        (0, 0xFFFF_C0000201, 6, "::ffff:c000:201"),
        (0x20010DB8_00000000, 1, 6, "2001:db8::1"),
    ],
)
def test_address_text(high, low, version, text):
    # RFC 5952 4 and RFC 4291 2.5.5.2; version 6 is a real mapped address.
    assert ipaddress.ip_address(address_text(high, low, version)) == ipaddress.ip_address(text)
