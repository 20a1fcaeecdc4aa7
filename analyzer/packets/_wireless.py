"""The headers of IEEE 802.11, and those that monitor mode puts before them.

Knows radiotap, Prism and AVS headers and 802.11 data frames. Must not know IP, nor how to
decrypt. The third of the kernels that make the header walk (see _packet).
"""

from __future__ import annotations

import cython

from analyzer.packets import layers

if cython.compiled:
    from cython.cimports.analyzer.packets._link import LinkLayers
    from cython.cimports.analyzer.packets._packet import be16, be32, lacks, le16, le32, narrow, u8
else:
    from analyzer.packets._link import LinkLayers
    from analyzer.packets._packet import be16, be32, lacks, le16, le32, narrow, u8

# C constants: a comparison with a module's attribute costs 50 ns.
_WLAN = cython.declare(cython.long, layers.WLAN)
_LLC_HEADER = cython.declare(cython.long, layers.LLC_HEADER)
_WLAN_FRAME = cython.declare(cython.long, layers.WLAN_FRAME)
_MANAGEMENT = cython.declare(cython.long, layers.WLAN_MANAGEMENT)
_CONTROL = cython.declare(cython.long, layers.WLAN_CONTROL)
_EMPTY = cython.declare(cython.long, layers.WLAN_EMPTY)
_ENCRYPTED = cython.declare(cython.long, layers.WLAN_ENCRYPTED)
_FRAGMENT = cython.declare(cython.long, layers.WLAN_FRAGMENT)
_AGGREGATE = cython.declare(cython.long, layers.WLAN_AGGREGATE)
_DAMAGED = cython.declare(cython.long, layers.WLAN_DAMAGED)
_MAX_TAGS = cython.declare(cython.long, layers.MAX_TAGS)
_FCS_BYTES = cython.declare(cython.Py_ssize_t, 4)


@cython.cclass
class Wireless(LinkLayers):
    """Reads 802.11 frames."""

    @cython.cfunc
    def _radiotap(self) -> cython.long:
        """Read a radiotap header (radiotap.org): version 0, length, bit masks, fields.

        Of the fields only the flags count; the timestamp before them is aligned to 8 bytes.
        """
        if lacks(self, 8):
            return self._short(8)
        length: cython.Py_ssize_t = le16(self, self.at + 2)
        if u8(self, self.at) != 0 or length < 8:
            return self._malformed()
        if lacks(self, length):
            return self._short(length)
        present: cython.longlong = le32(self, self.at + 4)
        field: cython.Py_ssize_t = 8
        flags: cython.long = 0
        more: cython.longlong = present
        for _ in range(_MAX_TAGS):
            # The highest bit says that one more mask follows.
            if more & 0x80000000 == 0 or field + 4 > length:
                break
            more = le32(self, self.at + field)
            field += 4
        if present & 1:
            field = ((field + 7) & ~7) + 8
        if present & 2 and field < length:
            flags = u8(self, self.at + field)
        if flags & 0x40:  # the frame check sequence is wrong: any byte may be
            return self._named(_WLAN_FRAME, _DAMAGED)
        self.padded = flags & 0x20 != 0
        self.at += length
        return _WLAN

    @cython.cfunc
    def _prism(self) -> cython.long:
        """Read a Prism header, or the AVS header that came in its place."""
        if lacks(self, 8):
            return self._short(8)
        length: cython.longlong = be32(self, self.at + 4)
        # AVS: a magic number with a version in its last 12 bits, in network order. Prism:
        # in the order of the machine that captured; its length is 144.
        if be32(self, self.at) & 0xFFFFF000 != 0x80211000 and length > 0xFFFF:
            length = le32(self, self.at + 4)
        if length < 8 or length > 0xFFFF:
            return self._malformed()
        if lacks(self, length):
            return self._short(length)
        self.padded = False
        self.at += length
        return _WLAN

    @cython.cfunc
    def _wlan(self) -> cython.long:
        """Read the header of an 802.11 frame (IEEE 802.11 9.2.3, 9.3.2)."""
        if lacks(self, 2):
            return self._short(2)
        control: cython.long = le16(self, self.at)
        size: cython.Py_ssize_t = 24
        qos: cython.long = 0
        if control & 0x0003:  # version
            return self._malformed()
        if control & 0x000C != 0x0008:
            return self._named(_WLAN_FRAME, _CONTROL if control & 0x000C else _MANAGEMENT)
        if control & 0x0040:  # subtypes "no data"
            return self._named(_WLAN_FRAME, _EMPTY)
        if control & 0x0300 == 0x0300:  # to and from a distribution system: four addresses
            size += 6
        if control & 0x0080:  # QoS, and with the order bit HT control
            size += 6 if control & 0x8000 else 2
        if lacks(self, size):
            return self._short(size)
        if control & 0x0080:
            qos = u8(self, self.at + (30 if control & 0x0300 == 0x0300 else 24))
        if control & 0x0400 or u8(self, self.at + 22) & 0x0F:
            return self._named(_WLAN_FRAME, _FRAGMENT)
        if self.padded:
            size = (size + 3) & ~3
        if control & 0x4000 and not self._decrypted(size):
            return self._named(_WLAN_FRAME, _ENCRYPTED)
        self.at += size
        return self._aggregate() if qos & 0x80 else _LLC_HEADER

    @cython.cfunc
    def _decrypted(self, size: cython.Py_ssize_t) -> cython.bint:
        """Return whether a frame marked as protected has its LLC header in the clear.

        Drivers that decrypt hand such frames up, and some tools write them.
        """
        return not lacks(self, size + 8) and be32(self, self.at + size) == 0xAAAA0300

    @cython.cfunc
    def _aggregate(self) -> cython.long:
        """Read an A-MSDU of one subframe (IEEE 802.11 9.3.2.2): addresses, length, LLC.

        A packet gives one segment, so one with several is only counted.
        """
        if lacks(self, 14):
            return self._short(14)
        end: cython.Py_ssize_t = self.at + 14 + be16(self, self.at + 12)
        if end > self.wire_end:
            return self._malformed()
        if ((end + 3) & ~3) + 14 + _FCS_BYTES <= self.wire_end:
            return self._named(_WLAN_FRAME, _AGGREGATE)
        narrow(self, end)
        self.at += 14
        return _LLC_HEADER
