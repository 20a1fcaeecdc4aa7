"""Packets with false addresses and content, of the lengths that they had, their checksums right.

Knows headers of Ethernet, Linux cooked captures, IP and TCP. A packet whose headers below IP are
others (a tunnel, radio) is left out: they may hold addresses. Used by share.pcapng.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from analyzer.columns import Bytes
from analyzer.share.anonymize.addresses import Addresses
from analyzer.share.anonymize.content import FalseContent

_ETHERNET: Final = 1
_VLAN: Final = (b"\x81\x00", b"\x88\xa8")
_SLL, _SLL2 = 113, 276
_BARE: Final = {0: 4, 12: 0, 14: 0, 101: 0, 108: 4, 228: 0, 229: 0}
"""Link types without addresses: bytes before the IP header."""
_NOP: Final = 1


def checksum(data: bytes) -> int:
    """Return the Internet checksum (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    total = int(np.frombuffer(data, ">u2").sum(dtype=np.uint64))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def understood(data: Bytes, record: tuple[int, ...], segment: np.void) -> bool:
    """Return whether a packet can be rewritten.

    Args:
        data: the batch's buffer.
        record: first byte, bytes captured, link type.
        segment: its row of SEGMENT.
    """
    begin, captured, link_type = record
    payload = int(segment["start"])
    ip = payload - int(segment["tcp_bytes"]) - int(segment["ip_bytes"])
    if not begin <= ip <= payload <= begin + captured:
        return False  # joined of fragments
    length = ip - begin
    if link_type in _BARE:
        return length == _BARE[link_type]
    if link_type == _ETHERNET:
        return _ethertype_at(data, begin, ip) + 2 == ip
    return length == {_SLL: 16, _SLL2: 20}.get(link_type)


def _ethertype_at(data: Bytes, begin: int, ip: int) -> int:
    at = begin + 12
    while data[at : at + 2].tobytes() in _VLAN and at + 4 < ip:
        at += 4
    return at


class FalsePackets:
    """Rewrites packets of chosen connections in place."""

    def __init__(self, content: FalseContent) -> None:
        self._content = content
        self.addresses = Addresses()

    def rewrite(
        self, data: Bytes, record: tuple[int, ...], segment: np.void, direction: int
    ) -> bool:
        """Rewrite a packet; return False if it has to be left out.

        Args:
            data: the batch's buffer.
            record: first byte, bytes captured, link type.
            segment: its row of SEGMENT.
            direction: 2 * tcp_stream + side.
        """
        if not understood(data, record, segment):
            return False
        begin, captured, link_type = record
        payload = int(segment["start"])
        tcp = payload - int(segment["tcp_bytes"])
        ip = tcp - int(segment["ip_bytes"])
        self._link(data, begin, link_type)
        self._ip(data, ip, int(segment["version"]))
        kept, length = int(segment["captured"]), int(segment["length"])
        if kept:
            seq = int(segment["seq"]) + bool(int(segment["flags"]) & 2)
            made = self._content.payload(direction, seq & 0xFFFFFFFF, kept)
            data[payload : payload + kept] = np.frombuffer(made, np.uint8)
        data[payload + kept : begin + captured] = 0  # padding, trailers
        self._tcp(data, ip, tcp, payload, kept == length, int(segment["version"]), length)
        return True

    def _swap(self, data: Bytes, at: int, length: int) -> None:
        made = self.addresses.of(data[at : at + length].tobytes())
        data[at : at + length] = np.frombuffer(made, np.uint8)

    def _link(self, data: Bytes, begin: int, link_type: int) -> None:
        if link_type == _ETHERNET:
            self._swap(data, begin, 6)
            self._swap(data, begin + 6, 6)
        elif link_type in (_SLL, _SLL2):
            at = 6 if link_type == _SLL else 12
            size = int(data[begin + 5]) if link_type == _SLL else int(data[begin + 11])
            if size == 6:
                self._swap(data, begin + at, 6)
                data[begin + at + 6 : begin + at + 8] = 0
            else:
                data[begin + at : begin + at + 8] = 0

    def _ip(self, data: Bytes, ip: int, version: int) -> None:
        if version == 6:
            self._swap(data, ip + 8, 16)
            self._swap(data, ip + 24, 16)
            return
        self._swap(data, ip + 12, 4)
        self._swap(data, ip + 16, 4)
        end = ip + 4 * (int(data[ip]) & 15)
        data[ip + 20 : end] = _NOP  # options may record a route
        data[ip + 10 : ip + 12] = 0
        _put16(data, ip + 10, checksum(data[ip:end].tobytes()))

    def _tcp(
        self, data: Bytes, ip: int, tcp: int, payload: int, whole: bool, version: int, length: int
    ) -> None:
        data[tcp + 16 : tcp + 18] = 0
        if not whole:
            return  # nobody can check it: bytes of it are missing
        at, size = (12, 8) if version == 4 else (8, 32)
        total = payload - tcp + length
        pseudo = data[ip + at : ip + at + size].tobytes() + total.to_bytes(4, "big") + b"\0\0\0\6"
        _put16(data, tcp + 16, checksum(pseudo + data[tcp : payload + length].tobytes()))


def _put16(data: Bytes, at: int, value: int) -> None:
    data[at], data[at + 1] = value >> 8, value & 0xFF
