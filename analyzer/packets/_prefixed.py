"""Link types that are rare: mostly headers that a capturing program puts before packets.

Knows NFLOG, PFLOG, ENC, PPI, PKTAP, exported PDUs, Frame Relay, IP over InfiniBand, and which
link type is which. Must not know IP. The fourth of the kernels that make the header walk
(see _packet).
"""

from __future__ import annotations

import cython

from analyzer.packets import layers

if cython.compiled:
    from cython.cimports.analyzer.packets._packet import be16, be32, lacks, le16, le32, narrow, u8
    from cython.cimports.analyzer.packets._wireless import Wireless
else:
    from analyzer.packets._packet import be16, be32, lacks, le16, le32, narrow, u8
    from analyzer.packets._wireless import Wireless

# C constants: a comparison with a module's attribute costs 50 ns.
_ETHERNET = cython.declare(cython.long, layers.ETHERNET)
_IPV4 = cython.declare(cython.long, layers.IPV4)
_IPV6 = cython.declare(cython.long, layers.IPV6)
_PPP = cython.declare(cython.long, layers.PPP)
_WLAN = cython.declare(cython.long, layers.WLAN)
_LLC_HEADER = cython.declare(cython.long, layers.LLC_HEADER)
_LINK_TYPE = cython.declare(cython.long, layers.LINK_TYPE)
_PROTOCOL = cython.declare(cython.long, layers.PROTOCOL)
_LLC = cython.declare(cython.long, layers.LLC)
_EXPORTED = cython.declare(cython.long, layers.EXPORTED)
_OTHER_FAMILY = cython.declare(cython.long, layers.OTHER_FAMILY)

# What the kernel of Linux knows are some 20 attributes; Wireshark some 30 tags.
_MAX_ATTRIBUTES = cython.declare(cython.long, 64)
_MIN_PFLOG_BYTES = cython.declare(cython.long, 45)


@cython.cclass
class PrefixedLinks(Wireless):
    """Reads the headers of rare link types."""

    @cython.cfunc
    def _rare_link(self) -> cython.long:
        """Read the header of `link_type` (tcpdump.org/linktypes.html)."""
        link_type: cython.long = self.link_type
        if link_type == 127:
            return self._radiotap()
        if link_type == 105:
            self.padded = False
            return _WLAN
        if link_type == 119 or link_type == 163:
            return self._prism()
        if link_type == 239:
            return self._nflog()
        if link_type == 117:
            return self._pflog()
        if link_type == 109:
            return self._enc()
        if link_type == 107:
            return self._frame_relay()
        if link_type == 252:
            return self._exported()
        if link_type == 242:  # 40 bytes of addresses, then RFC 4391 6: type, reserved
            return self._cooked(44, 40)
        if link_type == 138:  # Apple's IP over IEEE 1394: two addresses of 8 bytes, type
            return self._cooked(18, 16)
        if link_type == 11:  # RFC 2684 over ATM: LLC with SNAP
            return _LLC_HEADER
        if (link_type == 192 or link_type == 258) and not self.nested:
            return self._ppi() if link_type == 192 else self._pktap()
        if link_type == 204 or link_type == 205 or link_type == 206:
            # PPP, Cisco HDLC and Frame Relay after a byte that says who sent it.
            if lacks(self, 1):
                return self._short(1)
            self.at += 1
            if link_type == 206:
                return self._frame_relay()
            return _PPP if link_type == 204 else self._hdlc()
        return self._named(_LINK_TYPE, link_type)

    @cython.cfunc
    def _nest(self, link_type: cython.longlong) -> cython.long:
        """Go on with the link type that a pseudo-header names."""
        self.nested = True
        if link_type == 1:
            return _ETHERNET
        if link_type > 0xFFFF:
            return self._malformed()
        return self._other_link(link_type)

    @cython.cfunc
    def _nflog(self) -> cython.long:
        """Read Linux's log of netfilter: family, version, resource; then attributes.

        An attribute is a length, which counts its four header bytes, and a type, in the byte
        order of the machine that captured; 9 is the packet. All have small types, so the
        first type's bytes show the order.
        """
        if lacks(self, 8):
            return self._short(8)
        family: cython.long = u8(self, self.at)
        kind: cython.long
        length: cython.Py_ssize_t
        if u8(self, self.at + 1) != 0:
            return self._malformed()
        self.at += 4
        big: cython.bint = u8(self, self.at + 2) & 0x3F == 0 and u8(self, self.at + 3) != 0
        for _ in range(_MAX_ATTRIBUTES):
            if lacks(self, 4):
                return self._short(4)
            length = be16(self, self.at) if big else le16(self, self.at)
            # The two highest bits say "nested" and "network order".
            kind = (be16(self, self.at + 2) if big else le16(self, self.at + 2)) & 0x3FFF
            if length < 4 or self.at + length > self.wire_end:
                return self._malformed()
            if kind == 9:
                narrow(self, self.at + length)
                self.at += 4
                return self._logged(family)
            self.at += (length + 3) & ~3
        return self._malformed()

    @cython.cfunc
    def _logged(self, family: cython.long) -> cython.long:
        """Return the layer of a packet that netfilter logged for an address family.

        Families 0 and 7 (any, bridge) do not say which protocol it is.
        """
        if family != 0 and family != 7:
            return self._family(family)
        if lacks(self, 1):
            return self._short(1)
        nibble: cython.long = u8(self, self.at) >> 4
        if nibble == 4:
            return _IPV4
        return _IPV6 if nibble == 6 else self._named(_PROTOCOL, _OTHER_FAMILY)

    @cython.cfunc
    def _pflog(self) -> cython.long:
        """Read the header of a BSD firewall's log: its length, the address family, more.

        The length leaves out the padding to four bytes. Systems differ in what they append.
        """
        if lacks(self, 2):
            return self._short(2)
        size: cython.Py_ssize_t = (u8(self, self.at) + 3) & ~3
        family: cython.long = u8(self, self.at + 1)
        if size < _MIN_PFLOG_BYTES:
            return self._malformed()
        if lacks(self, size):
            return self._short(size)
        self.at += size
        return self._family(family)

    @cython.cfunc
    def _enc(self) -> cython.long:
        """Read the header of OpenBSD's IPsec interface: family, SPI, flags."""
        if lacks(self, 12):
            return self._short(12)
        family: cython.longlong = be32(self, self.at)
        if family & 0xFFFF == 0:
            family = le16(self, self.at)
        self.at += 12
        return self._family(family)

    @cython.cfunc
    def _frame_relay(self) -> cython.long:
        """Read an address of 2 to 4 bytes, then RFC 2427 3, or an ethertype as Cisco does."""
        size: cython.Py_ssize_t = 2
        if lacks(self, 5):
            return self._short(5)
        # Q.922 3.3: the lowest bit of an address's last byte is 1.
        if u8(self, self.at) & 1:
            return self._malformed()
        while size < 4 and u8(self, self.at + size - 1) & 1 == 0:
            size += 1
        if lacks(self, size + 2):
            return self._short(size + 2)
        following: cython.long = be16(self, self.at + size)
        self.at += size
        if following >= 1536:
            self.at += 2
            return self._ethertype(following)
        if following >> 8 != 3:  # unnumbered information
            return self._named(_LLC, 0)
        self.at += 1
        if following & 0xFF == 0:  # padding
            self.at += 1
        if lacks(self, 1):
            return self._short(1)
        following = u8(self, self.at)
        self.at += 1
        if following == 0xCC:
            return _IPV4
        if following == 0x8E:
            return _IPV6
        if following == 0xCF:  # RFC 1973
            return _PPP
        return self._snap() if following == 0x80 else self._named(_LLC, 0)

    @cython.cfunc
    def _snap(self) -> cython.long:
        """Read a SNAP header: an organisation, and its protocol."""
        if lacks(self, 5):
            return self._short(5)
        organisation: cython.longlong = be32(self, self.at) >> 8
        protocol: cython.long = be16(self, self.at + 3)
        self.at += 5
        if organisation == 0:
            return self._ethertype(protocol)
        # RFC 2427 4.2: bridged Ethernet, with and without its check sequence.
        if organisation == 0x0080C2 and (protocol == 1 or protocol == 7):
            return _ETHERNET
        return self._named(_LLC, 0)

    @cython.cfunc
    def _exported(self) -> cython.long:
        """Read the tags of a PDU that Wireshark exported; tag 12 names its protocol.

        Tag and length are 16 bits each in network order, tag 0 ends them. A name is padded
        with zeros, which its length counts.
        """
        tag: cython.long
        length: cython.Py_ssize_t
        name: cython.ulonglong = 0
        for _ in range(_MAX_ATTRIBUTES):
            if lacks(self, 4):
                return self._short(4)
            tag = be16(self, self.at)
            length = be16(self, self.at + 2)
            self.at += 4
            if lacks(self, length):
                return self._short(length)
            if tag == 0:
                break
            if tag == 12:
                name = self._word(length)
            self.at += length
        else:
            return self._malformed()
        if name == 0x6970:  # "ip"
            return _IPV4
        if name == 0x69707636:  # "ipv6"
            return _IPV6
        # "eth", "eth_withfcs" or "eth_withoutfcs", "eth_maybefcs": the first 8 bytes count.
        if name == 0x657468 or name == 0x6574685F77697468 or name == 0x6574685F6D617962:
            return _ETHERNET
        if name == 0x707070:  # "ppp"
            return _PPP
        return self._named(_EXPORTED, 0)

    @cython.cfunc
    def _word(self, length: cython.Py_ssize_t) -> cython.ulonglong:
        """Return the first 8 bytes of a name at most, up to its first zero."""
        word: cython.ulonglong = 0
        i: cython.Py_ssize_t
        byte: cython.ulonglong
        for i in range(min(length, 8)):
            byte = u8(self, self.at + i)
            if byte == 0:
                break
            word = word << 8 | byte
        return word

    @cython.cfunc
    def _ppi(self) -> cython.long:
        """Read a PPI header (CACE): version 0, flags, length, link type; then fields."""
        if lacks(self, 8):
            return self._short(8)
        length: cython.Py_ssize_t = le16(self, self.at + 2)
        link_type: cython.longlong = le32(self, self.at + 4)
        if u8(self, self.at) != 0 or length < 8:
            return self._malformed()
        if lacks(self, length):
            return self._short(length)
        self.at += length
        return self._nest(link_type)

    @cython.cfunc
    def _pktap(self) -> cython.long:
        """Read Apple's PKTAP header: length, record type (1: packet), link type; more."""
        if lacks(self, 12):
            return self._short(12)
        length: cython.longlong = le32(self, self.at)
        link_type: cython.longlong = le32(self, self.at + 8)
        if length < 12 or length > 0xFFFF or le32(self, self.at + 4) != 1:
            return self._malformed()
        if lacks(self, length):
            return self._short(length)
        self.at += length
        return self._nest(link_type)
