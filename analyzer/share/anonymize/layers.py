"""Finds what stands below the innermost IP header of a packet: links and tunnels.

A packet is anonymized only if each header below is known: what is not known may hold addresses.
Read here are Ethernet with its tags, MPLS, PPP, PPPoE, Cisco HDLC, Linux cooked captures, 802.11,
and the tunnels IP in IP, GRE, ERSPAN, EtherIP, VXLAN, Geneve, GTP-U, L2TP and TZSP. Numbers of
VLANs, tunnels and sessions stay. Lengths were checked by the packets stage, which found TCP behind
all these; a walk that does not end at the innermost IP header counts as not understood. Used by
packets.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from analyzer.named_tuple import NamedTuple

ETHERNET, IPV4, IPV6, UDP, GRE, MACS, NOISE, COOKED = range(8)
"""What is to be done with a header: addresses, options, checksums; MACS: addresses alone; NOISE:
all of it; COOKED: the one address of a cooked capture."""

_IP, _ETHER, _PPP, _WLAN, _LLC = "ip", "ethernet", "ppp", "wlan", "llc"
_MOST: Final = 64
"""Headers in a packet."""
_BARE: Final = {12: 0, 14: 0, 101: 0, 228: 0, 229: 0, 0: 4, 108: 4}
"""Link types of IP without addresses: bytes before the IP header."""
_TAGS: Final = {0x8100: 4, 0x88A8: 4, 0x9100: 4, 0x8926: 6, 0x893F: 8}
_MACSEC: Final = 0x88E5
_FRAGMENT: Final = 44
_EXTENSIONS: Final = frozenset((0, 43, 44, 60, 51, 135, 139, 140))

Next = tuple[str, int]


class Header(NamedTuple):
    """A header that is to be rewritten: what it is, its first byte, and where it ends."""

    kind: int
    at: int
    end: int


class _Unknown(Exception):
    """A header that is not understood."""


class Layers:
    """The walk through one packet.

    Args:
        data: as captured.
        ip: where its innermost IP header begins.
    """

    def __init__(self, data: bytes, ip: int) -> None:
        self._data = data
        self._ip_at = ip
        self.headers: list[Header] = []

    def walk(self, link_type: int) -> bool:
        """Go from the first byte to the innermost IP header; return whether that was reached."""
        try:
            layer, at = self._link(link_type)
            for _ in range(_MOST):
                if layer == _IP and at == self._ip_at:
                    return True
                if at >= self._ip_at:
                    return False
                layer, at = _STEPS[layer](self, at)
        except (_Unknown, IndexError):
            pass
        return False

    def _add(self, kind: int, at: int, end: int) -> None:
        self.headers.append(Header(kind, at, end))

    def _u16(self, at: int) -> int:
        return self._data[at] << 8 | self._data[at + 1]

    # --- links

    def _link(self, link_type: int) -> Next:
        data = self._data
        if link_type == 1:
            return _ETHER, 0
        if link_type in _BARE:
            return _IP, _BARE[link_type]
        if link_type in (113, 276):  # Linux cooked: type at 14 or 0, address from 6 or 12 on
            size, kind, address, length = (16, 14, 6, 5) if link_type == 113 else (20, 0, 12, 11)
            self._add(COOKED, address, address + 8)
            if data[length] != 6:
                self._add(NOISE, address, address + 8)
            return self._ethertype(self._u16(kind), size)
        if link_type in (50, 104) and data[0] in (0x0F, 0x8F):  # Cisco HDLC
            return self._ethertype(self._u16(2), 4)
        if link_type in (9, 50):
            return _PPP, 0
        if link_type == 51:
            return self._pppoe(0)
        if link_type == 105:
            return _WLAN, 0
        if link_type == 127:  # radiotap: its fields are of the radio
            return _WLAN, data[2] | data[3] << 8
        raise _Unknown

    def _ethernet(self, at: int) -> Next:
        self._add(ETHERNET, at, at + 12)
        return self._ethertype(self._u16(at + 12), at + 14)

    def _ethertype(self, kind: int, at: int) -> Next:
        while kind in _TAGS or kind == _MACSEC:
            size = _TAGS.get(kind, 0)
            if kind == _MACSEC:  # in the clear, and the address of a system if its bit is set
                size = 16 if self._data[at] & 0x20 else 8
                if size == 16:
                    self._add(MACS, at + 6, at + 12)
            at += size
            kind = self._u16(at - 2)
        if kind in (0x0800, 0x86DD):
            return _IP, at
        if kind in (0x8847, 0x8848):
            return self._mpls(at)
        if kind == 0x8864:
            return self._pppoe(at)
        if kind == 0x6558:
            return _ETHER, at
        if kind == 0x88E7:  # IEEE 802.1ah
            return _ETHER, at + 4
        if kind <= 1500 or kind == 0x8870:
            return _LLC, at
        raise _Unknown

    def _llc(self, at: int) -> Next:
        if self._data[at : at + 6] != b"\xaa\xaa\x03\0\0\0":
            raise _Unknown
        return self._ethertype(self._u16(at + 6), at + 8)

    def _mpls(self, at: int) -> Next:
        while not self._data[at + 2] & 1:
            at += 4
        at += 4
        nibble = self._data[at] >> 4
        if nibble in (4, 6):
            return _IP, at
        if nibble == 0:  # a control word (RFC 4385 3)
            return _ETHER, at + 4
        raise _Unknown

    def _pppoe(self, at: int) -> Next:
        return _PPP, at + 6

    def _ppp(self, at: int) -> Next:
        if self._u16(at) == 0xFF03:
            at += 2
        size = 1 if self._data[at] & 1 else 2  # RFC 1661 6.5
        protocol = self._data[at] if size == 1 else self._u16(at)
        at += size
        if protocol in (0x21, 0x57):
            return _IP, at
        if protocol in (0x281, 0x283):
            return self._mpls(at)
        if protocol == 0x31:  # bridged Ethernet (RFC 3518 4.2)
            return _ETHER, at + 2
        raise _Unknown

    def _wlan(self, at: int) -> Next:
        """Read the header of an 802.11 frame (IEEE 802.11 9.2.3, 9.3.2)."""
        control = self._data[at] | self._data[at + 1] << 8
        size, is_far = 24, control & 0x0300 == 0x0300
        for place in (4, 10, 16, *((24,) if is_far else ())):
            self._add(MACS, at + place, at + place + 6)
        if is_far:
            size += 6
        if control & 0x0080:  # QoS, and with the order bit HT control
            size += 6 if control & 0x8000 else 2
        for padded in (size, size + 3 & ~3):  # some drivers align what follows
            if self._data[at + padded : at + padded + 3] == b"\xaa\xaa\x03":
                return _LLC, at + padded
        raise _Unknown

    # --- IP and what it carries

    def _ip(self, at: int) -> Next:
        data = self._data
        if data[at] >> 4 == 4:
            end = at + 4 * (data[at] & 15)
            self._add(IPV4, at, end)
            if self._u16(at + 6) & 0x3FFF:
                raise _Unknown  # a fragment
            return self._protocol(data[at + 9], end)
        if data[at] >> 4 != 6:
            raise _Unknown
        protocol, end = data[at + 6], at + 40
        while protocol in _EXTENSIONS:
            size = (data[end + 1] + 2) * 4 if protocol == 51 else (data[end + 1] + 1) * 8
            if protocol == _FRAGMENT:
                size = 8
                if self._u16(end + 2) & 0xFFF9:
                    raise _Unknown
            protocol, end = data[end], end + size
        self._add(IPV6, at, end)
        return self._protocol(protocol, end)

    def _protocol(self, protocol: int, at: int) -> Next:
        if protocol in (4, 41):
            return _IP, at
        if protocol == 47:
            return self._gre(at)
        if protocol == 97:  # EtherIP (RFC 3378)
            return _ETHER, at + 2
        if protocol == 137:
            return self._mpls(at)
        if protocol == 17:
            self._add(UDP, at, at + self._u16(at + 4))
            return self._udp(at)
        raise _Unknown

    def _gre(self, at: int) -> Next:
        """Read a GRE header (RFC 2784, RFC 2890; version 1: RFC 2637 4.1)."""
        flags, kind = self._u16(at), self._u16(at + 2)
        version = flags & 7
        if version > 1 or flags & 0x4000:
            raise _Unknown
        self._add(GRE, at, at + 8)
        end = at + 4 + 4 * sum(bool(flags & bit) for bit in (0x8000, 0x2000, 0x1000))
        if version == 1:
            return _PPP, end + (4 if flags & 0x0080 else 0)
        if kind == 0x88BE:  # ERSPAN I has no header, II one of 8 bytes
            return _ETHER, end + (8 if flags & 0x1000 else 0)
        if kind == 0x22EB:  # III, maybe with a platform specific subheader
            return _ETHER, end + (20 if self._data[end + 11] & 1 else 12)
        if kind == 0x883E:  # WCCP
            return _IP, end + (4 if self._data[end] >> 4 != 4 else 0)
        return self._ethertype(kind, end)

    def _udp(self, at: int) -> Next:
        data, port, body = self._data, self._u16(at + 2), at + 8
        if 1701 in (port, self._u16(at)):
            return self._l2tp(body)
        if port in (4789, 8472):  # VXLAN; of its generic extension the fourth byte counts
            following = data[body + 3] if data[body] & 4 else 3
            return (_ETHER if following == 3 else _IP), body + 8
        if port == 6081:
            return self._geneve(body)
        if port == 2152:
            return self._gtp(body)
        if port == 37008:
            return self._tzsp(body)
        raise _Unknown

    def _geneve(self, at: int) -> Next:
        end = at + 8 + (self._data[at] & 0x3F) * 4
        option = at + 8
        while option + 4 <= end:  # they may name endpoints, as those of clouds do
            size = 4 + (self._data[option + 3] & 0x1F) * 4
            self._add(NOISE, option + 4, min(option + size, end))
            option += size
        return self._ethertype(self._u16(at + 2), end)

    def _gtp(self, at: int) -> Next:
        first, at = self._data[at], at + 8
        size = 4 if first & 7 else 0
        while size:
            extension = self._data[at + size - 1]
            at += size
            size = self._data[at] * 4 if extension and first & 4 else 0
        return _IP, at

    def _l2tp(self, at: int) -> Next:
        flags = self._u16(at)
        size = 6 + (2 if flags & 0x4000 else 0) + (4 if flags & 0x0800 else 0)
        if flags & 0x0200:
            size += 2 + self._u16(at + size)
        return _PPP, at + size

    def _tzsp(self, at: int) -> Next:
        protocol, at = self._u16(at + 2), at + 4
        while self._data[at] != 1:
            if self._data[at] == 0:
                at += 1
                continue
            end = at + 2 + self._data[at + 1]
            self._add(NOISE, at + 2, end)
            at = end
        if protocol not in (1, 18):
            raise _Unknown
        return (_ETHER if protocol == 1 else _WLAN), at + 1


_STEPS: Final[dict[str, Callable[[Layers, int], Next]]] = {
    _IP: Layers._ip,
    _ETHER: Layers._ethernet,
    _PPP: Layers._ppp,
    _WLAN: Layers._wlan,
    _LLC: Layers._llc,
}
