"""The headers of tunnels: GRE, ERSPAN, EtherIP, WCCP, VXLAN, Geneve, GTP-U, TZSP, L2TP.

Knows what each carries, and what distinguishes a tunnel over UDP from other traffic on its
port. The sixth of the kernels that make the header walk (see _packet).
"""

from __future__ import annotations

import cython

from analyzer.packets import layers

if cython.compiled:
    from cython.cimports.analyzer.packets._network import NetworkLayers
    from cython.cimports.analyzer.packets._packet import be16, be32, lacks, narrow, u8
else:
    from analyzer.packets._network import NetworkLayers
    from analyzer.packets._packet import be16, be32, lacks, narrow, u8

# C constants: a comparison with a module's attribute costs 50 ns.
_UDP = cython.declare(cython.long, layers.UDP)
_HEADER_CUT = cython.declare(cython.long, layers.HEADER_CUT)
_LAYERS = cython.declare(cython.long, layers.LAYERS)
_ETHERNET = cython.declare(cython.long, layers.ETHERNET)
_PPP = cython.declare(cython.long, layers.PPP)
_RARE_LINK = cython.declare(cython.long, layers.RARE_LINK)
_WLAN = cython.declare(cython.long, layers.WLAN)
_RAW_IP = cython.declare(cython.long, layers.RAW_IP)
_PROTOCOL = cython.declare(cython.long, layers.PROTOCOL)
_MAX_TAGS = cython.declare(cython.long, layers.MAX_TAGS)


@cython.cclass
class Tunnels(NetworkLayers):
    """Reads the headers of tunnels."""

    @cython.cfunc
    def _etherip(self) -> cython.long:
        """Read an EtherIP header (RFC 3378): version 3, reserved 0."""
        if lacks(self, 2):
            return self._short(2)
        if be16(self, self.at) != 0x3000:
            return self._named(_PROTOCOL, 97)
        self.at += 2
        return self._inner(_ETHERNET)

    @cython.cfunc
    def _gre(self) -> cython.long:
        """Read a GRE header (RFC 2784, RFC 2890; version 1: RFC 2637 4.1)."""
        if lacks(self, 4):
            return self._short(4)
        flags: cython.long = be16(self, self.at)
        ethertype: cython.long = be16(self, self.at + 2)
        version: cython.long = flags & 7
        size: cython.Py_ssize_t = 4
        key_at: cython.Py_ssize_t = 0
        # Source routes (RFC 1701) have no bound worth walking.
        if version > 1 or flags & 0x4000:
            return self._named(_PROTOCOL, 47)
        if flags & 0x8000:  # checksum, reserved
            size += 4
        if flags & 0x2000:  # key
            size += 4
            key_at = self.at + size - 4
        if flags & 0x1000:  # sequence number
            size += 4
        if version == 1 and flags & 0x0080:  # acknowledgement number
            size += 4
        if ethertype == 0x88BE and flags & 0x1000:  # ERSPAN II; I has no header
            size += 8
        if ethertype == 0x22EB:  # ERSPAN III
            if lacks(self, size + 12):
                return self._short(size + 12)
            # Its last bit announces a platform specific subheader.
            size += 20 if u8(self, self.at + size + 11) & 1 else 12
        if lacks(self, size):
            return self._short(size)
        if key_at:
            # RFC 2637 4.1: its high half is the payload's length, the low one the call.
            self._through(be16(self, key_at + 2) if version == 1 else be32(self, key_at))
        self.at += size
        if version == 1:
            # A mere acknowledgement carries nothing.
            if ethertype != 0x880B or self.at == self.wire_end:
                return self._named(_PROTOCOL, 47)
            return self._inner(_PPP)
        if ethertype == 0x88BE or ethertype == 0x22EB:
            return self._inner(_ETHERNET)
        if ethertype == 0x883E:
            # WCCP: version 2 puts a redirect header of four bytes before the packet, whose
            # first byte is never that of an IPv4 header; version 1 puts none.
            if lacks(self, 4):
                return self._short(4)
            if u8(self, self.at) >> 4 != 4:
                self.at += 4
            return self._inner(_RAW_IP)
        layer: cython.long = self._ethertype(ethertype)
        return self._inner(layer) if layer >= _LAYERS else layer

    @cython.cfunc
    def _udp(self) -> cython.long:
        """Read a UDP header; enter the tunnels that go by its ports."""
        if lacks(self, 8):
            return _UDP
        port: cython.long = be16(self, self.at + 2)
        source: cython.long = be16(self, self.at)
        if source == 1701:
            port = 1701  # RFC 2661 8.1: the answerer may choose another port for itself
        if not (
            port == 4789
            or port == 8472
            or port == 6081
            or port == 2152
            or port == 37008
            or port == 1701
        ):
            # A tunnel's sender may have any source port, 53 as well.
            if port == 53 or source == 53:
                return self._lookup(source, port)
            return _UDP
        length: cython.Py_ssize_t = be16(self, self.at + 4)
        if length == 0:
            length = self.wire_end - self.at
        if length < 16 or self.at + length > self.wire_end or lacks(self, 16):
            return _UDP
        narrow(self, self.at + length)
        self.at += 8
        self.guessed = True
        if port == 6081:
            return self._geneve()
        if port == 2152:
            return self._gtp()
        if port == 37008:
            return self._tzsp()
        if port == 1701:
            return self._l2tp()
        return self._vxlan()

    @cython.cfunc
    def _lookup(self, source: cython.long, destination: cython.long) -> cython.long:
        """Keep where a DNS message is, for the names stage (RFC 1035 4.2.1)."""
        end: cython.Py_ssize_t = self.at + be16(self, self.at + 4)
        if end > self.captured_end:
            end = self.captured_end
        if self.trying or self.version == 0:
            return _UDP
        self.lookups.append(
            (
                *(int(self.packet), int(self.time), int(self.version), int(self.ip_at)),
                *(int(source), int(destination), int(self.at) + 8, int(end)),
            )
        )
        return _UDP

    @cython.cfunc
    def _vxlan(self) -> cython.long:
        """Read a VXLAN header (RFC 7348 5), or one of its generic protocol extension.

        Flags R R R R I R R R, of which I "MUST be set to 1". Linux's group policy
        extension sets the first bit; the generic one's bit P (0x04) says that the
        fourth byte names the payload. The last byte is reserved.
        """
        flags: cython.long = u8(self, self.at)
        following: cython.long = 3
        if flags & 0x7B != 0x08 or u8(self, self.at + 7) != 0:
            return _UDP
        if flags & 0x04:
            following = u8(self, self.at + 3)
        self._through(be32(self, self.at + 4) >> 8)
        self.at += 8
        if following == 3:
            return self._inner(_ETHERNET)
        if following == 1 or following == 2:
            return self._inner(_RAW_IP)
        return _UDP

    @cython.cfunc
    def _geneve(self) -> cython.long:
        """Read a Geneve header (RFC 8926 3.4): version 0, reserved bits 0."""
        first: cython.long = u8(self, self.at)
        size: cython.Py_ssize_t = 8 + (first & 0x3F) * 4
        reserved: cython.long = u8(self, self.at + 1) & 0x3F | u8(self, self.at + 7)
        ethertype: cython.long = be16(self, self.at + 2)
        if first >> 6 != 0 or reserved != 0 or self.at + size > self.wire_end:
            return _UDP
        if not (ethertype == 0x6558 or ethertype == 0x0800 or ethertype == 0x86DD):
            return _UDP
        if lacks(self, size):
            return _HEADER_CUT
        self._through(be32(self, self.at + 4) >> 8)
        self.at += size
        return self._inner(self._ethertype(ethertype))

    @cython.cfunc
    def _gtp(self) -> cython.long:
        """Read a GTP-U header (3GPP TS 29.281 5.1) and its extension headers."""
        first: cython.long = u8(self, self.at)
        end: cython.Py_ssize_t = self.at + 8 + be16(self, self.at + 2)
        # Version 1, protocol type GTP, message type G-PDU.
        if first & 0xF0 != 0x30 or u8(self, self.at + 1) != 255 or end > self.wire_end:
            return _UDP
        narrow(self, end)
        self._through(be32(self, self.at + 4))
        self.at += 8
        if first & 7 == 0:
            return self._inner(_RAW_IP)
        # "present if and only if any one or more of the S, PN and E flags are set"
        size: cython.Py_ssize_t = 4
        extension: cython.long
        for _ in range(_MAX_TAGS):
            if lacks(self, size) or size == 0:
                return _UDP if self.at + size >= self.wire_end or size == 0 else _HEADER_CUT
            extension = u8(self, self.at + size - 1)
            self.at += size
            # Of the first four bytes the last one counts only with flag E.
            if extension == 0 or first & 4 == 0:
                return self._inner(_RAW_IP)
            if lacks(self, 1):
                return self._short(1)
            size = u8(self, self.at) * 4
        return _UDP

    @cython.cfunc
    def _tzsp(self) -> cython.long:
        """Read a TZSP header: version 1, type, protocol, and tags up to the end tag (1).

        Types 0 (received) and 1 (to be sent) hold a packet; keep-alives and others none.
        """
        protocol: cython.long = be16(self, self.at + 2)
        tag: cython.long
        if u8(self, self.at) != 1 or u8(self, self.at + 1) > 1:
            return _UDP
        self.at += 4
        for _ in range(64):
            if lacks(self, 2):
                return _UDP if self.at + 2 > self.wire_end else _HEADER_CUT
            tag = u8(self, self.at)
            # Padding and the end tag are one byte; all others say their length.
            self.at += 1 if tag <= 1 else 2 + u8(self, self.at + 1)
            if tag == 1:
                break
        else:
            return _UDP
        if protocol == 1:
            return self._inner(_ETHERNET)
        if protocol == 18:
            self.padded = False
            return self._inner(_WLAN)
        if protocol == 119 or protocol == 127:
            self.link_type = 119  # Prism and AVS differ in their first bytes
            return self._inner(_RARE_LINK)
        return _UDP

    @cython.cfunc
    def _l2tp(self) -> cython.long:
        """Read the header of an L2TP data message (RFC 2661 3.1): version 2, with PPP."""
        flags: cython.long = be16(self, self.at)
        size: cython.Py_ssize_t = 2
        # Not a control message (T), version 2, and all reserved bits 0.
        if flags & 0xB4FF != 2:
            return _UDP
        if flags & 0x4000:  # length
            size += 2
        self._through(be32(self, self.at + size))  # tunnel and session
        size += 4
        if flags & 0x0800:  # Ns, Nr
            size += 4
        if flags & 0x0200:  # offset size, and as much padding
            if lacks(self, size + 2):
                return _UDP if self.at + size + 2 > self.wire_end else _HEADER_CUT
            size += 2 + be16(self, self.at + size)
        if lacks(self, size):
            return _UDP if self.at + size > self.wire_end else _HEADER_CUT
        self.at += size
        return self._inner(_PPP)
