"""IP headers: IPv4, IPv6 with its extension headers, and where fragments show.

Knows IP protocol numbers. Must not know what tunnels' own headers look like. The fifth of
the kernels that make the header walk (see _packet).
"""

from __future__ import annotations

import cython

from analyzer.packets import layers

if cython.compiled:
    from cython.cimports.analyzer.packets._packet import be16, be32, lacks, narrow, u8
    from cython.cimports.analyzer.packets._prefixed import PrefixedLinks
else:
    from analyzer.packets._packet import be16, be32, lacks, narrow, u8
    from analyzer.packets._prefixed import PrefixedLinks

# C constants: a comparison with a module's attribute costs 50 ns.
_FRAGMENT = cython.declare(cython.long, layers.FRAGMENT)
_ICMP = cython.declare(cython.long, layers.ICMP)
_ICMPV6 = cython.declare(cython.long, layers.ICMPV6)
_EXTENSION = cython.declare(cython.long, layers.EXTENSION)
_IPV4 = cython.declare(cython.long, layers.IPV4)
_IPV6 = cython.declare(cython.long, layers.IPV6)
_TCP = cython.declare(cython.long, layers.TCP)
_UDP_HEADER = cython.declare(cython.long, layers.UDP_HEADER)
_GRE = cython.declare(cython.long, layers.GRE)
_MPLS = cython.declare(cython.long, layers.MPLS)
_ETHERIP = cython.declare(cython.long, layers.ETHERIP)
_PROTOCOL = cython.declare(cython.long, layers.PROTOCOL)
_MAX_TAGS = cython.declare(cython.long, layers.MAX_TAGS)


@cython.cclass
class NetworkLayers(PrefixedLinks):
    """Reads IP headers."""

    @cython.cfunc
    def _raw_ip(self) -> cython.long:
        if lacks(self, 1):
            return self._short(1)
        nibble: cython.long = u8(self, self.at) >> 4
        if nibble == 4:
            return _IPV4
        if nibble == 6:
            return _IPV6
        return self._malformed()

    @cython.cfunc
    def _ipv4(self) -> cython.long:
        """Read an IPv4 header (RFC 791 3.1)."""
        at: cython.Py_ssize_t = self.at
        if lacks(self, 20):
            return self._short(20)
        first: cython.long = u8(self, at)
        header: cython.Py_ssize_t = (first & 15) * 4
        total: cython.Py_ssize_t = be16(self, at + 2)
        # Segmentation offload: the length did not fit, or was left to the card.
        if total == 0:
            total = self.wire_end - at
        if first >> 4 != 4 or header < 20 or total < header or at + total > self.wire_end:
            return self._malformed()
        if lacks(self, header):
            return self._short(header)
        narrow(self, at + total)
        self.ip_at = at
        self.ip_bytes = header
        self.version = 4
        self.identification = be16(self, at + 4)
        self.at += header
        # More fragments, and the offset in units of 8 bytes.
        fragment: cython.long = be16(self, at + 6) & 0x3FFF
        protocol: cython.long = u8(self, at + 9)
        if fragment != 0:
            self.fragment_offset = (fragment & 0x1FFF) * 8
            self.fragment_more = fragment >> 13
            self.fragment_next = protocol
            self.next_at = at + 9
            return _FRAGMENT
        return _TCP if protocol == 6 else self._protocol(protocol)

    @cython.cfunc
    def _ipv6(self) -> cython.long:
        """Read an IPv6 header (RFC 8200 3) and its extension headers (4)."""
        at: cython.Py_ssize_t = self.at
        if lacks(self, 40):
            return self._short(40)
        if u8(self, at) >> 4 != 6:
            return self._malformed()
        end: cython.Py_ssize_t = at + 40 + be16(self, at + 4)
        # Jumbo payload (RFC 2675), or segmentation offload.
        if end == at + 40:
            end = self.wire_end
        if end > self.wire_end:
            return self._malformed()
        narrow(self, end)
        self.ip_at = at
        self.version = 6
        self.identification = 0
        self.flow = be32(self, at) & 0xFFFFF
        self.next_at = at + 6
        self.at += 40
        following: cython.long = u8(self, at + 6)
        if following != 6:
            following = self._extensions(following)
            if following < 0:
                return -2 - following
        self.ip_bytes = self.at - at
        return _TCP if following == 6 else self._protocol(following)

    @cython.cfunc
    def _extensions(self, following: cython.long) -> cython.long:
        """Pass the extension headers; return the protocol, or -2 less an outcome."""
        size: cython.Py_ssize_t
        fragment: cython.long
        for _ in range(_MAX_TAGS):
            # Hop-by-hop, routing, destination; mobility, HIP, shim6; AH; fragment.
            if not (
                following == 0
                or following == 43
                or following == 60
                or following == 51
                or following == 44
                or following == 135
                or following == 139
                or following == 140
            ):
                return following
            if lacks(self, 8):
                return -2 - self._short(8)
            size = (u8(self, self.at + 1) + 1) * 8
            if following == 51:  # RFC 4302 2.2: in 32-bit words, less 2
                size = (u8(self, self.at + 1) + 2) * 4
            elif following == 44:
                size = 8
                fragment = be16(self, self.at + 2)
                # RFC 6946: alone in its datagram, a fragment header says nothing.
                if fragment & 0xFFF9 != 0:
                    return self._fragment6(fragment)
            if lacks(self, size):
                return -2 - self._short(size)
            following = u8(self, self.at)
            self.next_at = self.at
            self.at += size
        return -2 - _EXTENSION

    @cython.cfunc
    def _fragment6(self, fragment: cython.long) -> cython.long:
        """Read a fragment header (RFC 8200 4.5); return -2 less the outcome."""
        self.ip_bytes = self.at - self.ip_at
        self.fragment_next = u8(self, self.at)
        self.fragment_offset = fragment & 0xFFF8
        self.fragment_more = fragment & 1
        self.identification = be32(self, self.at + 4)
        self.at += 8
        return -2 - _FRAGMENT

    @cython.cfunc
    def _protocol(self, protocol: cython.long) -> cython.long:
        """Return the layer or outcome of an IP protocol number other than TCP's."""
        if protocol == 17:
            return _UDP_HEADER
        if protocol == 1:
            return _ICMP
        if protocol == 58:
            return _ICMPV6
        if protocol == 47:
            return _GRE
        if protocol == 4:
            return self._inner(_IPV4)
        if protocol == 41:
            return self._inner(_IPV6)
        if protocol == 97:
            return _ETHERIP
        if protocol == 137:  # RFC 4023
            return self._inner(_MPLS)
        if protocol == 59:  # no next header
            return _EXTENSION
        return self._named(_PROTOCOL, protocol)
