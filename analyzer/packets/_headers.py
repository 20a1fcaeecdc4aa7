"""The header walk: finds the TCP segment in each packet, in one pass over the rows.

Knows the layouts of link, tunnel, network and TCP headers. Must not know
connections, nor keep anything of a packet but counts. Called by
decode.PacketDecoder, which owns it; fragments are handed out, for fragments.Joiner.

A packet is a stack of layers. `_decode` goes up it: each method reads the header at
`at` and returns the layer above or, below LAYERS, the outcome. `captured_end` and
`wire_end` bound what may be read and what the headers so far say is there; each
length field can only narrow them.
"""

from __future__ import annotations

import cython

# --- outcomes: what became of a packet; also the index of its count
SEGMENT = 0
FRAGMENT = 1
UDP = 2
ARP = 3
ICMP = 4
ICMPV6 = 5
EXTENSION = 6
MALFORMED = 7
HEADER_CUT = 8
TCP_HEADER_CUT = 9
TOO_DEEP = 10
OTHER = 11  # counted by name, in `others`
OUTCOMES = 12

# --- layers
LAYERS = 100
ETHERNET = 100
IPV4 = 101
IPV6 = 102
TCP = 103
UDP_HEADER = 104
GRE = 105
MPLS = 106
PPP = 107
RAW_IP = 108
ETHERIP = 109
PPPOE = 110

# Kinds of `others`.
LINK_TYPE = 0
ETHERTYPE = 1
PROTOCOL = 2
PPP_PROTOCOL = 3
LLC = 4
_MAX_OTHERS = 64  # labels kept; hostile traffic could name 65,536

# C constants: a comparison with a module's attribute costs 50 ns.
_SEGMENT = cython.declare(cython.long, 0)
_FRAGMENT = cython.declare(cython.long, 1)
_UDP = cython.declare(cython.long, 2)
_ARP = cython.declare(cython.long, 3)
_ICMP = cython.declare(cython.long, 4)
_ICMPV6 = cython.declare(cython.long, 5)
_EXTENSION = cython.declare(cython.long, 6)
_MALFORMED = cython.declare(cython.long, 7)
_HEADER_CUT = cython.declare(cython.long, 8)
_TCP_HEADER_CUT = cython.declare(cython.long, 9)
_TOO_DEEP = cython.declare(cython.long, 10)
_OTHER = cython.declare(cython.long, 11)
_LAYERS = cython.declare(cython.long, 100)
_ETHERNET = cython.declare(cython.long, 100)
_IPV4 = cython.declare(cython.long, 101)
_IPV6 = cython.declare(cython.long, 102)
_TCP = cython.declare(cython.long, 103)
_UDP_HEADER = cython.declare(cython.long, 104)
_GRE = cython.declare(cython.long, 105)
_MPLS = cython.declare(cython.long, 106)
_PPP = cython.declare(cython.long, 107)
_RAW_IP = cython.declare(cython.long, 108)
_ETHERIP = cython.declare(cython.long, 109)
_PPPOE = cython.declare(cython.long, 110)

_MAX_TAGS = cython.declare(cython.long, 16)  # VLAN tags, MPLS labels, IPv6 extensions
_SYN = cython.declare(cython.long, 2)
_MAPPED = cython.declare(cython.ulonglong, 0xFFFF00000000)  # ::ffff:0:0
_WORD = cython.declare(cython.ulonglong, 0xFFFFFFFFFFFFFFFF)
_FNV_OFFSET = cython.declare(cython.ulonglong, 0xCBF29CE484222325)
_MULTIPLIER = cython.declare(cython.ulonglong, 0x9E3779B97F4A7C15)

Record = cython.struct(
    packet=cython.longlong,
    time=cython.longlong,
    start=cython.longlong,
    captured=cython.int,
    original=cython.int,
    link_type=cython.int,
)
Segment = cython.struct(
    packet=cython.longlong,
    time=cython.longlong,
    source_high=cython.ulonglong,
    source_low=cython.ulonglong,
    destination_high=cython.ulonglong,
    destination_low=cython.ulonglong,
    identity=cython.ulonglong,
    start=cython.longlong,
    captured=cython.int,
    length=cython.int,
    link_bytes=cython.int,
    ip_bytes=cython.int,
    tcp_bytes=cython.int,
    seq=cython.uint,
    ack=cython.uint,
    source_port=cython.ushort,
    destination_port=cython.ushort,
    flags=cython.ushort,
    window=cython.ushort,
    mss=cython.ushort,
    window_scale=cython.schar,
    version=cython.uchar,
    strong_identity=cython.uchar,
)


@cython.cfunc
@cython.inline
@cython.exceptval(check=False)
def _mixed(state: cython.ulonglong, word: cython.ulonglong) -> cython.ulonglong:
    """Return the hash `state` with 64 more bits in it."""
    state = ((state ^ word) * _MULTIPLIER) & _WORD
    return state ^ (state >> 29)


@cython.final
@cython.cclass
class HeaderWalk:
    """Decodes packets up to their TCP header.

    Args:
        max_depth: IP headers and tunnels that may stand below the innermost one.
        counts: packets per outcome, dtype int64, OUTCOMES long.
        firsts: number of the first packet per outcome, the same; 0 where none.
        others: count per (kind, value) of what has no outcome of its own.
    """

    data: cython.uchar[::1]
    records: Record[::1]
    segments: Segment[::1]
    counts: cython.longlong[::1]
    firsts: cython.longlong[::1]
    others: dict[tuple[int, int], int]
    named: set[tuple[int, int]]
    max_depth: cython.long
    # The packet under the walk.
    at: cython.Py_ssize_t
    captured_end: cython.Py_ssize_t
    wire_end: cython.Py_ssize_t
    original: cython.longlong
    packet: cython.longlong
    time: cython.longlong
    depth: cython.long
    guessed: cython.bint  # inside a UDP tunnel: known by port and looks only
    # Its innermost IP header.
    ip_at: cython.Py_ssize_t
    ip_bytes: cython.long
    version: cython.long
    identification: cython.longlong
    flow: cython.longlong
    # Its fragment, if it is one.
    fragment_offset: cython.long
    fragment_more: cython.long
    fragment_next: cython.long
    next_at: cython.Py_ssize_t  # the byte that names what follows the IP header

    def __init__(
        self,
        max_depth: cython.long,
        counts: cython.longlong[::1],
        firsts: cython.longlong[::1],
        others: dict[tuple[int, int], int],
    ) -> None:
        self.max_depth = max_depth
        self.counts = counts
        self.firsts = firsts
        self.others = others
        self.named = set()
        self.at = self.captured_end = self.wire_end = self.ip_at = self.next_at = 0
        self.original = self.packet = self.time = self.identification = self.flow = 0
        self.depth = self.ip_bytes = self.version = 0
        self.guessed = False
        self.fragment_offset = self.fragment_more = self.fragment_next = 0

    def bind(self, data: cython.uchar[::1], records: Record[::1], segments: Segment[::1]) -> None:
        """Set the arrays to walk: buffer, dtype RECORD, and dtype SEGMENT to fill."""
        self.data = data
        self.records = records
        self.segments = segments

    def walk(self, row: cython.Py_ssize_t, count: cython.Py_ssize_t) -> tuple[int, int, int]:
        """Decode records[row:], appending to segments[count:].

        Returns:
            Where the walk stopped, segments in use, and FRAGMENT if it stopped at a
            record that holds a fragment (then `fragment` describes it), else SEGMENT.
        """
        rows: cython.Py_ssize_t = len(self.records)
        outcome: cython.long
        captured: cython.Py_ssize_t
        link_type: cython.long
        while row < rows:
            self.packet = int(self.records[row].packet)
            self.time = int(self.records[row].time)
            self.at = int(self.records[row].start)
            self.original = int(self.records[row].original)
            captured = int(self.records[row].captured)
            link_type = int(self.records[row].link_type)
            self.captured_end = self.at + captured
            self.wire_end = self.at + self.original
            self.depth = 0
            outcome = self._decode(self._link(link_type), count)
            if outcome == _SEGMENT:
                count += 1
            elif outcome == _FRAGMENT:
                return row, count, FRAGMENT
            else:
                self._count(outcome)
            row += 1
        return row, count, SEGMENT

    def again(
        self,
        version: cython.long,
        start: cython.Py_ssize_t,
        captured: cython.Py_ssize_t,
        length: cython.Py_ssize_t,
        depth: cython.long,
        original: cython.longlong,
        count: cython.Py_ssize_t,
    ) -> int:
        """Decode a joined datagram of the packet at which the walk stopped.

        Args:
            version: 4 or 6.
            start: of its IP header, in data.
            captured: bytes of it there.
            length: bytes of it by its header.
            depth: of tunnels below it.
            original: lengths of all packets that made it.
            count: row of segments to fill.

        Returns:
            The outcome; if it is neither SEGMENT nor FRAGMENT it has been counted.
        """
        self.at = start
        self.captured_end = start + captured
        self.wire_end = start + length
        self.depth = depth
        self.original = original
        outcome: cython.long = self._decode(_IPV4 if version == 4 else _IPV6, count)
        if outcome != _SEGMENT and outcome != _FRAGMENT:
            self._count(outcome)
        return int(outcome)

    def fragment(self) -> tuple[int, ...]:
        """Return the fragment at which the walk stopped.

        Returns:
            version, start of the IP header, its length up to any fragment header,
            where in it the next protocol stands, next protocol, identification,
            offset, more fragments (0 or 1), start of the payload, bytes of it
            captured, bytes of it on the wire, tunnels below, original length, packet,
            time.
        """
        captured: cython.Py_ssize_t = self.captured_end - self.at
        return (
            self.version,
            self.ip_at,
            self.ip_bytes,
            self.next_at - self.ip_at,
            self.fragment_next,
            self.identification,
            self.fragment_offset,
            self.fragment_more,
            self.at,
            captured if captured > 0 else 0,
            self.wire_end - self.at,
            self.depth,
            self.original,
            self.packet,
            self.time,
        )

    # Methods, for the price of passing a memoryview that is an attribute is to count
    # its references: 300 ns per packet.
    @cython.cfunc
    @cython.inline
    @cython.exceptval(-1)
    def _u8(self, at: cython.Py_ssize_t) -> cython.long:
        """Return the byte at `at`; int() within an expression would make an object."""
        value: cython.long = int(self.data[at])
        return value

    @cython.cfunc
    @cython.inline
    @cython.exceptval(-1)
    def _be16(self, at: cython.Py_ssize_t) -> cython.long:
        """Return 16 bits at `at`. Each byte is widened before it is shifted."""
        a: cython.long = int(self.data[at])
        b: cython.long = int(self.data[at + 1])
        return a << 8 | b

    @cython.cfunc
    @cython.inline
    @cython.exceptval(-1)
    def _be32(self, at: cython.Py_ssize_t) -> cython.longlong:
        """Return 32 bits at `at`. Each byte is widened before it is shifted."""
        a: cython.longlong = int(self.data[at])
        b: cython.longlong = int(self.data[at + 1])
        c: cython.longlong = int(self.data[at + 2])
        d: cython.longlong = int(self.data[at + 3])
        return a << 24 | b << 16 | c << 8 | d

    @cython.cfunc
    @cython.inline
    @cython.exceptval(-1, check=True)
    def _be64(self, at: cython.Py_ssize_t) -> cython.ulonglong:
        """Return 64 bits at `at`."""
        high: cython.ulonglong = self._be32(at)
        low: cython.ulonglong = self._be32(at + 4)
        return high << 32 | low

    @cython.cfunc
    @cython.inline
    @cython.exceptval(-1)
    def _count(self, outcome: cython.long) -> cython.long:
        self.counts[outcome] += 1
        if self.firsts[outcome] == 0:
            self.firsts[outcome] = self.packet
        return 0

    @cython.cfunc
    @cython.exceptval(-1)
    def _named(self, kind: cython.long, value: cython.longlong) -> cython.long:
        """Remember what kind of OTHER packet this is."""
        key = (int(kind), int(value))
        if key not in self.named:
            if len(self.named) >= _MAX_OTHERS:
                key = (int(kind), -1)
            self.named.add(key)
        self.others[key] = self.others.get(key, 0) + 1
        return _OTHER

    @cython.cfunc
    @cython.exceptval(-1)
    def _decode(self, layer: cython.long, count: cython.Py_ssize_t) -> cython.long:
        """Go up the layers from `layer`; fill segments[count] if there is a segment."""
        self.guessed = False
        while layer >= _LAYERS:
            if layer == _IPV4:
                layer = self._ipv4()
            elif layer == _TCP:
                layer = self._tcp(count)
            elif layer == _IPV6:
                layer = self._ipv6()
            elif layer == _ETHERNET:
                layer = self._ethernet()
            else:
                layer = self._rare(layer)
        return layer

    @cython.cfunc
    @cython.exceptval(-1)
    def _rare(self, layer: cython.long) -> cython.long:
        if layer == _UDP_HEADER:
            return self._udp()
        if layer == _RAW_IP:
            return self._raw_ip()
        if layer == _GRE:
            return self._gre()
        if layer == _MPLS:
            return self._mpls()
        if layer == _PPPOE:
            return self._pppoe()
        if layer == _PPP:
            return self._ppp()
        return self._etherip()

    @cython.cfunc
    @cython.inline
    @cython.exceptval(-1)
    def _lacks(self, size: cython.Py_ssize_t) -> cython.bint:
        """Return whether fewer than `size` bytes were captured at `at`."""
        return self.at + size > self.captured_end

    @cython.cfunc
    @cython.exceptval(-1)
    def _short(self, size: cython.Py_ssize_t) -> cython.long:
        """Return why a header of `size` bytes is not there."""
        return self._malformed() if self.at + size > self.wire_end else _HEADER_CUT

    @cython.cfunc
    @cython.exceptval(-1)
    def _malformed(self) -> cython.long:
        # What only looked like a tunnel was other UDP on the tunnel's port.
        return _UDP if self.guessed else _MALFORMED

    @cython.cfunc
    @cython.inline
    @cython.exceptval(-1)
    def _narrow(self, end: cython.Py_ssize_t) -> cython.long:
        """End the packet at `end`, by a length field: padding and trailers fall away."""
        self.wire_end = end
        if self.captured_end > end:
            self.captured_end = end
        return 0

    @cython.cfunc
    @cython.exceptval(-1)
    def _inner(self, layer: cython.long) -> cython.long:
        """Enter a tunnel whose payload is `layer`."""
        self.depth += 1
        if self.depth > self.max_depth:
            return _TOO_DEEP
        return layer

    # --- link ---------------------------------------------------------------------

    @cython.cfunc
    @cython.inline
    @cython.exceptval(-1)
    def _link(self, link_type: cython.long) -> cython.long:
        """Return the first layer of a packet of this LINKTYPE_ value."""
        if link_type == 1:
            return _ETHERNET
        return self._other_link(link_type)

    @cython.cfunc
    @cython.exceptval(-1)
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
        return self._named(LINK_TYPE, link_type)

    @cython.cfunc
    @cython.exceptval(-1)
    def _cooked(self, size: cython.Py_ssize_t, protocol: cython.Py_ssize_t) -> cython.long:
        if self._lacks(size):
            return self._short(size)
        ethertype: cython.long = self._be16(self.at + protocol)
        self.at += size
        return self._ethertype(ethertype)

    @cython.cfunc
    @cython.exceptval(-1)
    def _loopback(self) -> cython.long:
        """Read an address family, in the byte order of the machine that captured."""
        if self._lacks(4):
            return self._short(4)
        family: cython.longlong = self._be32(self.at)
        if family & 0xFFFF == 0:
            family = self._u8(self.at) | self._u8(self.at + 1) << 8
        self.at += 4
        if family == 2:
            return _IPV4
        # AF_INET6 of Linux, the BSDs, FreeBSD and macOS.
        if family == 10 or family == 24 or family == 28 or family == 30:
            return _IPV6
        return self._named(PROTOCOL, -2)

    @cython.cfunc
    @cython.exceptval(-1)
    def _hdlc(self) -> cython.long:
        """Read PPP in HDLC-like framing, or Cisco HDLC (unicast 0f, multicast 8f)."""
        if self._lacks(4):
            return self._short(4)
        address: cython.long = self._u8(self.at)
        if address == 0x0F or address == 0x8F:
            ethertype: cython.long = self._be16(self.at + 2)
            self.at += 4
            return self._ethertype(ethertype)
        return _PPP

    @cython.cfunc
    @cython.exceptval(-1)
    def _ethernet(self) -> cython.long:
        if self._lacks(14):
            return self._short(14)
        ethertype: cython.long = self._be16(self.at + 12)
        self.at += 14
        if ethertype == 0x0800:
            return _IPV4
        if ethertype > 1535:
            return self._ethertype(ethertype)
        return self._llc(ethertype)

    @cython.cfunc
    @cython.exceptval(-1)
    def _llc(self, length: cython.Py_ssize_t) -> cython.long:
        """Read IEEE 802.2 LLC with SNAP, whose type field was a length."""
        if self.at + length > self.wire_end:
            return self._malformed()
        self._narrow(self.at + length)
        if self._lacks(8):
            return self._named(LLC, 0) if self.wire_end - self.at < 8 else _HEADER_CUT
        # DSAP and SSAP of SNAP, unnumbered information, OUI 0: an ethertype follows.
        if self._be32(self.at) != 0xAAAA0300 or self._be16(self.at + 4) != 0:
            return self._named(LLC, 0)
        ethertype: cython.long = self._be16(self.at + 6)
        self.at += 8
        return self._ethertype(ethertype)

    @cython.cfunc
    @cython.exceptval(-1)
    def _ethertype(self, ethertype: cython.long) -> cython.long:
        """Return the layer of an ethertype, behind any number of VLAN tags."""
        tags: cython.long = 0
        while ethertype == 0x8100 or ethertype == 0x88A8 or ethertype == 0x9100:
            tags += 1
            if tags > _MAX_TAGS:
                return self._malformed()
            if self._lacks(4):
                return self._short(4)
            ethertype = self._be16(self.at + 2)
            self.at += 4
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
        if ethertype == 0x8870:  # LLC of a jumbo frame, to its end
            return self._llc(self.wire_end - self.at)
        if self.guessed:
            return _UDP
        if tags > 0 and ethertype <= 1500:
            return self._llc(ethertype)
        return self._named(ETHERTYPE, ethertype)

    @cython.cfunc
    @cython.exceptval(-1)
    def _mpls(self) -> cython.long:
        """Read a label stack; what it carries shows in the next four bits."""
        labels: cython.long = 0
        bottom: cython.bint = False
        while not bottom:
            labels += 1
            if labels > _MAX_TAGS:
                return self._malformed()
            if self._lacks(4):
                return self._short(4)
            bottom = self._u8(self.at + 2) & 1 == 1
            self.at += 4
        if self._lacks(1):
            return self._short(1)
        nibble: cython.long = self._u8(self.at) >> 4
        if nibble == 4:
            return _IPV4
        if nibble == 6:
            return _IPV6
        if nibble == 0:
            # RFC 4385 3: "the first nibble of the control word MUST be set to 0".
            self.at += 4
            return self._inner(_ETHERNET)
        return self._named(ETHERTYPE, 0x8847)

    @cython.cfunc
    @cython.exceptval(-1)
    def _pppoe(self) -> cython.long:
        """Read a PPPoE session header (RFC 2516 4)."""
        if self._lacks(6):
            return self._short(6)
        # Version 1, type 1, code 0: session data.
        if self._be16(self.at) != 0x1100:
            return self._named(ETHERTYPE, 0x8864)
        length: cython.long = self._be16(self.at + 4)
        self.at += 6
        if self.at + length > self.wire_end:
            return self._malformed()
        self._narrow(self.at + length)
        return _PPP

    @cython.cfunc
    @cython.exceptval(-1)
    def _ppp(self) -> cython.long:
        """Read PPP, with or without address and control, protocol field compressed or not."""
        if self._lacks(2):
            return self._short(2)
        if self._be16(self.at) == 0xFF03:
            self.at += 2
            if self._lacks(2):
                return self._short(2)
        protocol: cython.long = self._u8(self.at)
        # RFC 1661 6.5: one byte if its lowest bit is set.
        if protocol & 1:
            self.at += 1
        else:
            protocol = self._be16(self.at)
            self.at += 2
        if protocol == 0x0021:
            return _IPV4
        if protocol == 0x0057:
            return _IPV6
        if protocol == 0x0281 or protocol == 0x0283:
            return _MPLS
        return self._named(PPP_PROTOCOL, protocol)

    # --- network --------------------------------------------------------------------

    @cython.cfunc
    @cython.exceptval(-1)
    def _raw_ip(self) -> cython.long:
        if self._lacks(1):
            return self._short(1)
        nibble: cython.long = self._u8(self.at) >> 4
        if nibble == 4:
            return _IPV4
        if nibble == 6:
            return _IPV6
        return self._malformed()

    @cython.cfunc
    @cython.exceptval(-1)
    def _ipv4(self) -> cython.long:
        """Read an IPv4 header (RFC 791 3.1)."""
        at: cython.Py_ssize_t = self.at
        if self._lacks(20):
            return self._short(20)
        first: cython.long = self._u8(at)
        header: cython.Py_ssize_t = (first & 15) * 4
        total: cython.Py_ssize_t = self._be16(at + 2)
        # Segmentation offload: the length did not fit, or was left to the card.
        if total == 0:
            total = self.wire_end - at
        if first >> 4 != 4 or header < 20 or total < header or at + total > self.wire_end:
            return self._malformed()
        if self._lacks(header):
            return self._short(header)
        self._narrow(at + total)
        self.ip_at = at
        self.ip_bytes = header
        self.version = 4
        self.identification = self._be16(at + 4)
        self.at = at + header
        # More fragments, and the offset in units of 8 bytes.
        fragment: cython.long = self._be16(at + 6) & 0x3FFF
        protocol: cython.long = self._u8(at + 9)
        if fragment != 0:
            self.fragment_offset = (fragment & 0x1FFF) * 8
            self.fragment_more = fragment >> 13
            self.fragment_next = protocol
            self.next_at = at + 9
            return _FRAGMENT
        return _TCP if protocol == 6 else self._protocol(protocol)

    @cython.cfunc
    @cython.exceptval(-1)
    def _ipv6(self) -> cython.long:
        """Read an IPv6 header (RFC 8200 3) and its extension headers (4)."""
        at: cython.Py_ssize_t = self.at
        if self._lacks(40):
            return self._short(40)
        if self._u8(at) >> 4 != 6:
            return self._malformed()
        end: cython.Py_ssize_t = at + 40 + self._be16(at + 4)
        # Jumbo payload (RFC 2675), or segmentation offload.
        if end == at + 40:
            end = self.wire_end
        if end > self.wire_end:
            return self._malformed()
        self._narrow(end)
        self.ip_at = at
        self.version = 6
        self.identification = 0
        self.flow = self._be32(at) & 0xFFFFF
        self.next_at = at + 6
        self.at = at + 40
        following: cython.long = self._u8(at + 6)
        if following != 6:
            following = self._extensions(following)
            if following < 0:
                return -2 - following
        self.ip_bytes = self.at - at
        return _TCP if following == 6 else self._protocol(following)

    @cython.cfunc
    @cython.exceptval(-1)
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
            if self._lacks(8):
                return -2 - self._short(8)
            size = (self._u8(self.at + 1) + 1) * 8
            if following == 51:  # RFC 4302 2.2: in 32-bit words, less 2
                size = (self._u8(self.at + 1) + 2) * 4
            elif following == 44:
                size = 8
                fragment = self._be16(self.at + 2)
                # RFC 6946: alone in its datagram, a fragment header says nothing.
                if fragment & 0xFFF9 != 0:
                    return self._fragment6(fragment)
            if self._lacks(size):
                return -2 - self._short(size)
            following = self._u8(self.at)
            self.next_at = self.at
            self.at += size
        return -2 - _EXTENSION

    @cython.cfunc
    @cython.exceptval(-1)
    def _fragment6(self, fragment: cython.long) -> cython.long:
        """Read a fragment header (RFC 8200 4.5); return -2 less the outcome."""
        self.ip_bytes = self.at - self.ip_at
        self.fragment_next = self._u8(self.at)
        self.fragment_offset = fragment & 0xFFF8
        self.fragment_more = fragment & 1
        self.identification = self._be32(self.at + 4)
        self.at += 8
        return -2 - _FRAGMENT

    @cython.cfunc
    @cython.exceptval(-1)
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
        return self._named(PROTOCOL, protocol)

    # --- tunnels --------------------------------------------------------------------

    @cython.cfunc
    @cython.exceptval(-1)
    def _etherip(self) -> cython.long:
        """Read an EtherIP header (RFC 3378): version 3, reserved 0."""
        if self._lacks(2):
            return self._short(2)
        if self._be16(self.at) != 0x3000:
            return self._named(PROTOCOL, 97)
        self.at += 2
        return self._inner(_ETHERNET)

    @cython.cfunc
    @cython.exceptval(-1)
    def _gre(self) -> cython.long:
        """Read a GRE header (RFC 2784, RFC 2890; version 1: RFC 2637 4.1)."""
        if self._lacks(4):
            return self._short(4)
        flags: cython.long = self._be16(self.at)
        ethertype: cython.long = self._be16(self.at + 2)
        version: cython.long = flags & 7
        size: cython.Py_ssize_t = 4
        # Source routes (RFC 1701) have no bound worth walking.
        if version > 1 or flags & 0x4000:
            return self._named(PROTOCOL, 47)
        if flags & 0x8000:  # checksum, reserved
            size += 4
        if flags & 0x2000:  # key
            size += 4
        if flags & 0x1000:  # sequence number
            size += 4
        if version == 1 and flags & 0x0080:  # acknowledgement number
            size += 4
        if ethertype == 0x88BE and flags & 0x1000:  # ERSPAN II; I has no header
            size += 8
        if ethertype == 0x22EB:  # ERSPAN III
            if self._lacks(size + 12):
                return self._short(size + 12)
            # Its last bit tells of a platform specific subheader.
            size += 20 if self._u8(self.at + size + 11) & 1 else 12
        if self._lacks(size):
            return self._short(size)
        self.at += size
        if version == 1:
            # A mere acknowledgement carries nothing.
            if ethertype != 0x880B or self.at == self.wire_end:
                return self._named(PROTOCOL, 47)
            return self._inner(_PPP)
        if ethertype == 0x88BE or ethertype == 0x22EB:
            return self._inner(_ETHERNET)
        layer: cython.long = self._ethertype(ethertype)
        return self._inner(layer) if layer >= _LAYERS else layer

    @cython.cfunc
    @cython.exceptval(-1)
    def _udp(self) -> cython.long:
        """Read a UDP header; enter the tunnels that go by its destination port."""
        if self._lacks(8):
            return _UDP
        port: cython.long = self._be16(self.at + 2)
        if not (port == 4789 or port == 8472 or port == 6081 or port == 2152):
            return _UDP
        length: cython.Py_ssize_t = self._be16(self.at + 4)
        if length == 0:
            length = self.wire_end - self.at
        if length < 16 or self.at + length > self.wire_end or self._lacks(16):
            return _UDP
        self._narrow(self.at + length)
        self.at += 8
        self.guessed = True
        if port == 6081:
            return self._geneve()
        if port == 2152:
            return self._gtp()
        return self._vxlan()

    @cython.cfunc
    @cython.exceptval(-1)
    def _vxlan(self) -> cython.long:
        """Read a VXLAN header (RFC 7348 5), or one of its generic protocol extension.

        Flags R R R R I R R R, of which I "MUST be set to 1". Linux's group policy
        extension sets the first bit; the generic one's bit P (0x04) says that the
        fourth byte names the payload. The last byte is reserved.
        """
        flags: cython.long = self._u8(self.at)
        following: cython.long = 3
        if flags & 0x7B != 0x08 or self._u8(self.at + 7) != 0:
            return _UDP
        if flags & 0x04:
            following = self._u8(self.at + 3)
        self.at += 8
        if following == 3:
            return self._inner(_ETHERNET)
        if following == 1 or following == 2:
            return self._inner(_RAW_IP)
        return _UDP

    @cython.cfunc
    @cython.exceptval(-1)
    def _geneve(self) -> cython.long:
        """Read a Geneve header (RFC 8926 3.4): version 0, reserved bits 0."""
        first: cython.long = self._u8(self.at)
        size: cython.Py_ssize_t = 8 + (first & 0x3F) * 4
        reserved: cython.long = self._u8(self.at + 1) & 0x3F | self._u8(self.at + 7)
        ethertype: cython.long = self._be16(self.at + 2)
        if first >> 6 != 0 or reserved != 0 or self.at + size > self.wire_end:
            return _UDP
        if not (ethertype == 0x6558 or ethertype == 0x0800 or ethertype == 0x86DD):
            return _UDP
        if self._lacks(size):
            return _HEADER_CUT
        self.at += size
        return self._inner(self._ethertype(ethertype))

    @cython.cfunc
    @cython.exceptval(-1)
    def _gtp(self) -> cython.long:
        """Read a GTP-U header (3GPP TS 29.281 5.1) and its extension headers."""
        first: cython.long = self._u8(self.at)
        end: cython.Py_ssize_t = self.at + 8 + self._be16(self.at + 2)
        # Version 1, protocol type GTP, message type G-PDU.
        if first & 0xF0 != 0x30 or self._u8(self.at + 1) != 255 or end > self.wire_end:
            return _UDP
        self._narrow(end)
        self.at += 8
        if first & 7 == 0:
            return self._inner(_RAW_IP)
        # "present if and only if any one or more of the S, PN and E flags are set"
        size: cython.Py_ssize_t = 4
        extension: cython.long
        for _ in range(_MAX_TAGS):
            if self._lacks(size) or size == 0:
                return _UDP if self.at + size >= self.wire_end or size == 0 else _HEADER_CUT
            extension = self._u8(self.at + size - 1)
            self.at += size
            # Of the first four bytes the last one counts only with flag E.
            if extension == 0 or first & 4 == 0:
                return self._inner(_RAW_IP)
            if self._lacks(1):
                return self._short(1)
            size = self._u8(self.at) * 4
        return _UDP

    # --- TCP ------------------------------------------------------------------------

    @cython.cfunc
    @cython.exceptval(-1)
    def _tcp(self, row: cython.Py_ssize_t) -> cython.long:
        """Read a TCP header (RFC 9293 3.1) into segments[row]."""
        at: cython.Py_ssize_t = self.at
        if self._lacks(20):
            return self._malformed() if at + 20 > self.wire_end else _TCP_HEADER_CUT
        offset_and_flags: cython.long = self._be16(at + 12)
        header: cython.long = (offset_and_flags >> 12) * 4
        if header < 20 or at + header > self.wire_end:
            return self._malformed()
        if self._lacks(header):
            return _TCP_HEADER_CUT
        length: cython.longlong = self.wire_end - at - header
        self.segments[row].packet = self.packet
        self.segments[row].time = self.time
        self._addresses(row)
        self.segments[row].start = at + header
        self.segments[row].captured = self.captured_end - at - header
        self.segments[row].length = length
        self.segments[row].link_bytes = self.original - self.ip_bytes - header - length
        self.segments[row].ip_bytes = self.ip_bytes
        self.segments[row].tcp_bytes = header
        self.segments[row].source_port = self._be16(at)
        self.segments[row].destination_port = self._be16(at + 2)
        self.segments[row].seq = self._be32(at + 4)
        self.segments[row].ack = self._be32(at + 8)
        self.segments[row].flags = offset_and_flags & 0x0FFF
        self.segments[row].window = self._be16(at + 14)
        self.segments[row].mss = 0
        self.segments[row].window_scale = -1
        self.segments[row].version = self.version
        self.segments[row].identity = self._identity(header, length)
        strong: cython.bint = self.version == 4 and self.identification != 0
        if header > 20:
            # NOP, NOP, timestamps: what every common stack sends on all but SYNs.
            if header >= 32 and self._be32(at + 20) == 0x0101080A:
                strong = True
                if offset_and_flags & _SYN:
                    self._options(row, at + 32, at + header)
            elif self._options(row, at + 20, at + header):
                strong = True
        self.segments[row].strong_identity = 1 if strong else 0
        return _SEGMENT

    @cython.cfunc
    @cython.inline
    @cython.exceptval(-1)
    def _addresses(self, row: cython.Py_ssize_t) -> cython.long:
        at: cython.Py_ssize_t = self.ip_at
        if self.version == 4:
            self.segments[row].source_high = 0
            self.segments[row].source_low = _MAPPED | self._be32(at + 12)
            self.segments[row].destination_high = 0
            self.segments[row].destination_low = _MAPPED | self._be32(at + 16)
        else:
            self.segments[row].source_high = self._be64(at + 8)
            self.segments[row].source_low = self._be64(at + 16)
            self.segments[row].destination_high = self._be64(at + 24)
            self.segments[row].destination_low = self._be64(at + 32)
        return 0

    @cython.cfunc
    @cython.exceptval(-1, check=True)
    def _identity(self, header: cython.long, length: cython.longlong) -> cython.ulonglong:
        """Return the hash over what copies of one packet have in common."""
        at: cython.Py_ssize_t = self.at
        end: cython.Py_ssize_t = at + header
        # IPv6 has no identification; the flow label is the same for all copies.
        name: cython.ulonglong = self.identification if self.version == 4 else self.flow
        sized: cython.ulonglong = length
        state: cython.ulonglong = _mixed(_FNV_OFFSET, name << 32 ^ sized)
        while at + 8 <= end:
            state = _mixed(state, self._be64(at))
            at += 8
        if at < end:  # a TCP header is a whole number of 32-bit words
            last: cython.ulonglong = self._be32(at)
            state = _mixed(state, last)
        return state

    @cython.cfunc
    @cython.exceptval(-1)
    def _options(
        self, row: cython.Py_ssize_t, at: cython.Py_ssize_t, end: cython.Py_ssize_t
    ) -> cython.bint:
        """Read the TCP options (RFC 9293 3.2); return whether timestamps are there.

        MSS and window scale count on SYNs only (RFC 9293 3.7.1, RFC 7323 2.2).
        """
        # Not from the row: uncompiled, `flags` of a numpy record is numpy's own.
        flags: cython.long = self._be16(self.at + 12)
        is_syn: cython.bint = flags & _SYN != 0
        timestamps: cython.bint = False
        kind: cython.long
        size: cython.long
        scale: cython.long
        while at < end:
            kind = self._u8(at)
            if kind == 0:  # end of option list
                break
            if kind == 1:  # no operation
                at += 1
                continue
            if at + 2 > end:
                break
            size = self._u8(at + 1)
            # A length that cannot be ends the options, not the segment.
            if size < 2 or at + size > end:
                break
            if kind == 8 and size == 10:
                timestamps = True
            elif kind == 2 and size == 4 and is_syn:
                self.segments[row].mss = self._be16(at + 2)
            elif kind == 3 and size == 3 and is_syn:
                scale = self._u8(at + 2)
                # RFC 7323 2.3: a larger shift than 14 "MUST" be used as 14.
                self.segments[row].window_scale = scale if scale < 14 else 14
            at += size
        return timestamps
