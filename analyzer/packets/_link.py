"""The headers below IP: Ethernet, tags, LLC, MPLS, PPP, cooked, loopback.

Knows LINKTYPE_ values, ethertypes and PPP protocols. Must not know IP. The second of the
kernels that make the header walk (see _packet).
"""

from __future__ import annotations

import cython

from analyzer.packets import layers

if cython.compiled:
    from cython.cimports.analyzer.packets._packet import (
        PacketState,
        be16,
        be32,
        lacks,
        le16,
        narrow,
        u8,
    )
else:
    from analyzer.packets._packet import PacketState, be16, be32, lacks, le16, narrow, u8

# C constants: a comparison with a module's attribute costs 50 ns.
_UDP = cython.declare(cython.long, layers.UDP)
_ARP = cython.declare(cython.long, layers.ARP)
_HEADER_CUT = cython.declare(cython.long, layers.HEADER_CUT)
_ETHERNET = cython.declare(cython.long, layers.ETHERNET)
_IPV4 = cython.declare(cython.long, layers.IPV4)
_IPV6 = cython.declare(cython.long, layers.IPV6)
_MPLS = cython.declare(cython.long, layers.MPLS)
_PPP = cython.declare(cython.long, layers.PPP)
_RAW_IP = cython.declare(cython.long, layers.RAW_IP)
_PPPOE = cython.declare(cython.long, layers.PPPOE)
_ETHERTYPE = cython.declare(cython.long, layers.ETHERTYPE)
_PROTOCOL = cython.declare(cython.long, layers.PROTOCOL)
_PPP_PROTOCOL = cython.declare(cython.long, layers.PPP_PROTOCOL)
_LLC = cython.declare(cython.long, layers.LLC)
_RARE_LINK = cython.declare(cython.long, layers.RARE_LINK)
_OTHER_FAMILY = cython.declare(cython.long, layers.OTHER_FAMILY)
_MAX_TAGS = cython.declare(cython.long, layers.MAX_TAGS)


@cython.cclass
class LinkLayers(PacketState):
    """Reads the headers below IP."""

    @cython.cfunc
    def _other_link(self, link_type: cython.long) -> cython.long:
        self.guessed = False
        if link_type == 113:  # Linux cooked v1: protocol in bytes 14 and 15
            return self._cooked(16, 14)
        if link_type == 276:  # Linux cooked v2: protocol in bytes 0 and 1
            return self._cooked(20, 0)
        if link_type == 101 or link_type == 12 or link_type == 14:
            return _RAW_IP
        if link_type == 228:
            return _IPV4
        if link_type == 229:
            return _IPV6
        if link_type == 0 or link_type == 108:
            return self._loopback()
        if link_type == 9:
            return _PPP
        if link_type == 50 or link_type == 104:
            return self._hdlc()
        if link_type == 51:
            return _PPPOE
        self.link_type = link_type
        return _RARE_LINK

    @cython.cfunc
    def _cooked(self, size: cython.Py_ssize_t, protocol: cython.Py_ssize_t) -> cython.long:
        if lacks(self, size):
            return self._short(size)
        ethertype: cython.long = be16(self, self.at + protocol)
        self.at += size
        return self._ethertype(ethertype)

    @cython.cfunc
    def _loopback(self) -> cython.long:
        """Read an address family, in the byte order of the machine that captured."""
        if lacks(self, 4):
            return self._short(4)
        family: cython.longlong = be32(self, self.at)
        if family & 0xFFFF == 0:
            family = le16(self, self.at)
        self.at += 4
        return self._family(family)

    @cython.cfunc
    def _family(self, family: cython.longlong) -> cython.long:
        if family == 2:
            return _IPV4
        # AF_INET6 of Linux, the BSDs, FreeBSD and macOS.
        if family == 10 or family == 24 or family == 28 or family == 30:
            return _IPV6
        return self._named(_PROTOCOL, _OTHER_FAMILY)

    @cython.cfunc
    def _hdlc(self) -> cython.long:
        """Read PPP in HDLC-like framing, or Cisco HDLC (unicast 0f, multicast 8f)."""
        if lacks(self, 4):
            return self._short(4)
        address: cython.long = u8(self, self.at)
        if address == 0x0F or address == 0x8F:
            ethertype: cython.long = be16(self, self.at + 2)
            self.at += 4
            return self._ethertype(ethertype)
        return _PPP

    @cython.cfunc
    def _ethernet(self) -> cython.long:
        if lacks(self, 14):
            return self._short(14)
        ethertype: cython.long = be16(self, self.at + 12)
        self.at += 14
        if ethertype == 0x0800:
            return _IPV4
        if ethertype > 1535:
            return self._ethertype(ethertype)
        return self._llc(ethertype)

    @cython.cfunc
    def _llc(self, length: cython.Py_ssize_t) -> cython.long:
        """Read IEEE 802.2 LLC with SNAP, whose type field was a length."""
        if self.at + length > self.wire_end:
            return self._malformed()
        narrow(self, self.at + length)
        if lacks(self, 8):
            return self._named(_LLC, 0) if self.wire_end - self.at < 8 else _HEADER_CUT
        # DSAP and SSAP of SNAP, unnumbered information, OUI 0: an ethertype follows.
        if be32(self, self.at) != 0xAAAA0300 or be16(self, self.at + 4) != 0:
            return self._named(_LLC, 0)
        ethertype: cython.long = be16(self, self.at + 6)
        self.at += 8
        return self._ethertype(ethertype)

    @cython.cfunc
    def _ethertype(self, ethertype: cython.long) -> cython.long:
        """Return the layer of an ethertype, after any number of tags."""
        tags: cython.long = 0
        while (
            ethertype == 0x8100
            or ethertype == 0x88A8
            or ethertype == 0x9100
            or ethertype == 0x8926
            or ethertype == 0x893F
            or ethertype == 0x88E5
        ):
            tags += 1
            if tags > _MAX_TAGS:
                return self._malformed()
            ethertype = self._tag(ethertype)
            if ethertype < 0:
                return -2 - ethertype
        if ethertype == 0x0800:
            return _IPV4
        if ethertype == 0x86DD:
            return _IPV6
        if ethertype == 0x0806:
            return _ARP
        if ethertype == 0x8847 or ethertype == 0x8848:
            return _MPLS
        if ethertype == 0x8864:
            return _PPPOE
        if ethertype == 0x6558:
            return _ETHERNET
        if ethertype == 0x88E7:  # IEEE 802.1ah: four bytes of I-TAG, then a whole frame
            if lacks(self, 4):
                return self._short(4)
            self.at += 4
            return _ETHERNET
        if ethertype == 0x8870:  # LLC of a jumbo frame, to its end
            return self._llc(self.wire_end - self.at)
        if self.guessed:
            return _UDP
        if tags > 0 and ethertype <= 1500:
            return self._llc(ethertype)
        return self._named(_ETHERTYPE, ethertype)

    @cython.cfunc
    def _tag(self, ethertype: cython.long) -> cython.long:
        """Pass the tag that `ethertype` announces; return the next, or -2 less an outcome."""
        size: cython.Py_ssize_t = 4  # VLAN
        if ethertype == 0x8926:  # VN-Tag of Cisco's fabric extenders
            size = 6
        elif ethertype == 0x893F:  # E-TAG (IEEE 802.1BR)
            size = 8
        elif ethertype == 0x88E5:  # MACsec (IEEE 802.1AE 9.3): TCI and AN, SL, PN, maybe SCI
            if lacks(self, 1):
                return -2 - self._short(1)
            # Version 0, and neither E nor C: the content is signed, but in the clear.
            if u8(self, self.at) & 0x8C:
                return -2 - self._named(_ETHERTYPE, ethertype)
            size = 16 if u8(self, self.at) & 0x20 else 8
        if lacks(self, size):
            return -2 - self._short(size)
        if size == 4:
            # Without priority; number 0 means "of no VLAN" (IEEE 802.1Q 9.6).
            self._through(be16(self, self.at) & 0x0FFF)
        self.at += size
        return be16(self, self.at - 2)

    @cython.cfunc
    def _mpls(self) -> cython.long:
        """Read a label stack; what it carries shows in the next four bits."""
        labels: cython.long = 0
        bottom: cython.bint = False
        while not bottom:
            labels += 1
            if labels > _MAX_TAGS:
                return self._malformed()
            if lacks(self, 4):
                return self._short(4)
            bottom = u8(self, self.at + 2) & 1 == 1
            self.at += 4
        if lacks(self, 1):
            return self._short(1)
        nibble: cython.long = u8(self, self.at) >> 4
        if nibble == 4:
            return _IPV4
        if nibble == 6:
            return _IPV6
        if nibble == 0:
            # RFC 4385 3: "the first nibble of the control word MUST be set to 0".
            self.at += 4
            return self._inner(_ETHERNET)
        return self._named(_ETHERTYPE, 0x8847)

    @cython.cfunc
    def _pppoe(self) -> cython.long:
        """Read a PPPoE session header (RFC 2516 4)."""
        if lacks(self, 6):
            return self._short(6)
        # Version 1, type 1, code 0: session data.
        if be16(self, self.at) != 0x1100:
            return self._named(_ETHERTYPE, 0x8864)
        length: cython.long = be16(self, self.at + 4)
        self._through(be16(self, self.at + 2))
        self.at += 6
        if self.at + length > self.wire_end:
            return self._malformed()
        narrow(self, self.at + length)
        return _PPP

    @cython.cfunc
    def _ppp(self) -> cython.long:
        """Read PPP, with or without address and control, protocol field compressed or not."""
        if lacks(self, 2):
            return self._short(2)
        if be16(self, self.at) == 0xFF03:
            self.at += 2
            if lacks(self, 2):
                return self._short(2)
        protocol: cython.long = u8(self, self.at)
        # RFC 1661 6.5: one byte if its lowest bit is set.
        if protocol & 1:
            self.at += 1
        else:
            protocol = be16(self, self.at)
            self.at += 2
        if protocol == 0x0021:
            return _IPV4
        if protocol == 0x0057:
            return _IPV6
        if protocol == 0x0281 or protocol == 0x0283:
            return _MPLS
        return self._named(_PPP_PROTOCOL, protocol)
