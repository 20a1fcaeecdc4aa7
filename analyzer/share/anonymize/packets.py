"""Packets with false addresses and content, of the lengths that they had, their checksums right.

Knows headers of IP and TCP, and what layers finds below. A packet with a header that is not
understood is left out: it may hold addresses. Used by share.pcapng.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from analyzer.columns import Bytes
from analyzer.share.anonymize.addresses import Addresses
from analyzer.share.anonymize.content import FalseContent
from analyzer.share.anonymize.layers import (
    COOKED,
    ETHERNET,
    GRE,
    IPV4,
    IPV6,
    MACS,
    NOISE,
    UDP,
    Header,
    Layers,
)

_NOP: Final = 1
_HOP_BY_HOP, _ROUTING, _FRAGMENT, _AUTHENTICATION, _DESTINATION = 0, 43, 44, 51, 60


def checksum(data: bytes) -> int:
    """Return the Internet checksum (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    total = int(np.frombuffer(data, ">u2").sum(dtype=np.uint64))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def headers_below(data: Bytes, record: tuple[int, ...], segment: np.void) -> list[Header] | None:
    """Return the headers below the innermost IP header; None if a packet cannot be rewritten.

    Args:
        data: the batch's buffer.
        record: first byte, bytes captured, link type.
        segment: its row of SEGMENT.
    """
    begin, captured, link_type = record
    payload = int(segment["start"])
    ip = payload - int(segment["tcp_bytes"]) - int(segment["ip_bytes"])
    if not begin <= ip <= payload <= begin + captured:
        return None  # joined of fragments
    layers = Layers(data[begin:payload].tobytes(), ip - begin)
    return layers.headers if layers.walk(link_type) else None


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
            direction: as share.flows.Flow has it.
        """
        below = headers_below(data, record, segment)
        if below is None:
            return False
        begin, captured, _ = record
        payload = int(segment["start"])
        tcp = payload - int(segment["tcp_bytes"])
        ip = tcp - int(segment["ip_bytes"])
        self._ip(data, ip, tcp, int(segment["version"]))
        kept, length = int(segment["captured"]), int(segment["length"])
        if kept:
            seq = int(segment["seq"]) + bool(int(segment["flags"]) & 2)
            made = self._content.payload(direction, seq & 0xFFFFFFFF, kept)
            data[payload : payload + kept] = np.frombuffer(made, np.uint8)
        data[payload + kept : begin + captured] = 0  # padding, trailers
        self._tcp(data, ip, tcp, payload, kept == length, int(segment["version"]), length)
        for header in below:
            self._below(data, header.kind, begin + header.at, begin + header.end)
        # From the inside out: the checksum of a tunnel's header covers what it carries.
        for place in range(len(below) - 1, -1, -1):
            kind, at, end = below[place]
            if kind == UDP:
                _udp(data, begin + below[place - 1].at, begin + at, begin + end, begin + captured)
            elif kind == GRE and data[begin + at] & 0x80:
                # RFC 2784 2.3: over the header and all that it carries.
                data[begin + at + 4 : begin + at + 6] = 0
                sent = data[begin + at : begin + captured].tobytes()
                _put16(data, begin + at + 4, checksum(sent))
        return True

    def _swap(self, data: Bytes, at: int, length: int) -> None:
        made = self.addresses.of(data[at : at + length].tobytes())
        data[at : at + length] = np.frombuffer(made, np.uint8)

    def _below(self, data: Bytes, kind: int, at: int, end: int) -> None:
        """Rewrite a header below the innermost IP header, but for checksums over others."""
        if kind == ETHERNET:
            self._swap(data, at, 6)
            self._swap(data, at + 6, 6)
        elif kind == MACS:
            self._swap(data, at, 6)
        elif kind == COOKED:
            self._swap(data, at, 6)
            data[at + 6 : end] = 0
        elif kind == NOISE:
            data[at:end] = 0
        elif kind in (IPV4, IPV6):
            self._ip(data, at, end, 4 if kind == IPV4 else 6)

    def _ip(self, data: Bytes, ip: int, end: int, version: int) -> None:
        if version == 6:
            self._swap(data, ip + 8, 16)
            self._swap(data, ip + 24, 16)
            self._extensions(data, int(data[ip + 6]), ip + 40, end)
            return
        self._swap(data, ip + 12, 4)
        self._swap(data, ip + 16, 4)
        end = ip + 4 * (int(data[ip]) & 15)
        data[ip + 20 : end] = _NOP  # options may record a route
        data[ip + 10 : ip + 12] = 0
        _put16(data, ip + 10, checksum(data[ip:end].tobytes()))

    def _extensions(self, data: Bytes, kind: int, at: int, end: int) -> None:
        """Rewrite extension headers of IPv6 (RFC 8200 4): they may hold addresses."""
        while at + 8 <= end:
            size = 8 * (int(data[at + 1]) + 1)
            if kind == _AUTHENTICATION:
                size = 4 * (int(data[at + 1]) + 2)
                data[at + 12 : at + size] = 0
            elif kind == _ROUTING:
                for address in range(at + 8, min(at + size, end) - 15, 16):
                    self._swap(data, address, 16)
            elif kind in (_HOP_BY_HOP, _DESTINATION):
                data[at + 2], data[at + 3] = 1, size - 4  # PadN (RFC 8200 4.2)
                data[at + 4 : at + size] = 0
            elif kind == _FRAGMENT:
                size = 8
            else:
                data[at + 4 : at + size] = 0
            kind, at = int(data[at]), at + size

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


def _udp(data: Bytes, ip: int, at: int, end: int, last: int) -> None:
    """Write the checksum of UDP (RFC 768, RFC 8200 8.1); 0, none, if bytes are missing."""
    if not (data[at + 6] or data[at + 7]):
        return
    data[at + 6 : at + 8] = 0
    if end > last:
        return
    begin, size = (ip + 12, 8) if data[ip] >> 4 == 4 else (ip + 8, 32)
    pseudo = data[begin : begin + size].tobytes() + (end - at).to_bytes(4, "big") + b"\0\0\0\x11"
    _put16(data, at + 6, checksum(pseudo + data[at:end].tobytes()) or 0xFFFF)


def _put16(data: Bytes, at: int, value: int) -> None:
    data[at], data[at + 1] = value >> 8, value & 0xFF
