"""Addresses: each becomes another of its kind, in the order in which they are met.

Loopback, broadcast, multicast and unspecified addresses stay: they name nobody, and say what the
capture is. Others become those of documentation and private use (RFC 1918, RFC 3849), Ethernet
addresses locally administered ones (IEEE 802). Knows addresses. Used by packets.
"""

from __future__ import annotations

import ipaddress


class Addresses:
    """The replacements of one file."""

    def __init__(self) -> None:
        self._known: dict[bytes, bytes] = {}
        self._counts = {4: 0, 6: 0, 16: 0}

    def __len__(self) -> int:
        return len(self._known)

    def of(self, address: bytes) -> bytes:
        """Return the replacement of an address: 4 bytes of IPv4, 6 of Ethernet, 16 of IPv6."""
        made = self._known.get(address)
        if made is None:
            made = self._known[address] = self._new(address)
        return made

    def _new(self, address: bytes) -> bytes:
        if _stays(address):
            return address
        self._counts[len(address)] += 1
        number = self._counts[len(address)]
        if len(address) == 6:
            return b"\x02" + number.to_bytes(5, "big")
        if len(address) == 4:
            return b"\x0a" + number.to_bytes(3, "big")
        prefix = b"\xfe\x80" if address[:2] == b"\xfe\x80" else b"\x20\x01\x0d\xb8"
        return prefix + number.to_bytes(16 - len(prefix), "big")


def _stays(address: bytes) -> bool:
    if len(address) == 6:
        # The lowest bit of the first byte: a group.
        return bool(address[0] & 1) or not any(address)
    ip = ipaddress.ip_address(address)
    return ip.is_loopback or ip.is_multicast or ip.is_unspecified or address == b"\xff" * 4
