"""The header walk: finds the TCP segment in each packet, in one pass over the rows.

Keeps nothing of a packet but counts. Called by decode.PacketDecoder, which owns it;
fragments are handed out, for fragments.Joiner. The last of the kernels that make the
walk (see _packet).

A packet is a stack of layers. `_decode` goes up it: each method reads the header at
`at` and returns the layer above or, below LAYERS, the outcome.
"""

from __future__ import annotations

from typing import Any

import cython
import numpy as np

from analyzer.columns import Bytes, Rows
from analyzer.packets import layers
from analyzer.packets.doubt import Doubt, doubtful, is_read

if cython.compiled:
    from cython.cimports.analyzer.packets._tcp import TcpHeader
else:
    from analyzer.packets._tcp import TcpHeader

# C constants: a comparison with a module's attribute costs 50 ns.
_SEGMENT = cython.declare(cython.long, layers.SEGMENT)
_FRAGMENT = cython.declare(cython.long, layers.FRAGMENT)
_MALFORMED = cython.declare(cython.long, layers.MALFORMED)
_HEADER_CUT = cython.declare(cython.long, layers.HEADER_CUT)
_OTHER = cython.declare(cython.long, layers.OTHER)
_LAYERS = cython.declare(cython.long, layers.LAYERS)
_ETHERNET = cython.declare(cython.long, layers.ETHERNET)
_IPV4 = cython.declare(cython.long, layers.IPV4)
_IPV6 = cython.declare(cython.long, layers.IPV6)
_TCP = cython.declare(cython.long, layers.TCP)
_UDP_HEADER = cython.declare(cython.long, layers.UDP_HEADER)
_GRE = cython.declare(cython.long, layers.GRE)
_MPLS = cython.declare(cython.long, layers.MPLS)
_PPP = cython.declare(cython.long, layers.PPP)
_RAW_IP = cython.declare(cython.long, layers.RAW_IP)
_PPPOE = cython.declare(cython.long, layers.PPPOE)
_RARE_LINK = cython.declare(cython.long, layers.RARE_LINK)
_WLAN = cython.declare(cython.long, layers.WLAN)
_LLC_HEADER = cython.declare(cython.long, layers.LLC_HEADER)


def record_view(rows: Rows) -> Any:
    """Return rows as a kernel of this module takes them: with fields as attributes, uncompiled."""
    return rows if cython.compiled else rows.view(np.recarray)


@cython.final
@cython.cclass
class HeaderWalk(TcpHeader):
    """Decodes packets up to their TCP header: what decode.PacketDecoder makes and calls."""

    def bind(self, data: Bytes, records: Rows, segments: Rows) -> None:
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
        link_type: cython.long
        while row < rows:
            link_type = int(self.records[row].link_type)
            outcome = self._first(row, link_type, count)
            if link_type != self.trusted:
                outcome = self._weigh(row, link_type, outcome, count)
            if outcome == _SEGMENT:
                count += 1
            elif outcome == _FRAGMENT:
                return row, count, layers.FRAGMENT
            else:
                self._count(outcome)
            row += 1
        return row, count, layers.SEGMENT

    @cython.cfunc
    @cython.inline
    def _first(
        self, row: cython.Py_ssize_t, link_type: cython.long, count: cython.Py_ssize_t
    ) -> cython.long:
        """Decode records[row] as a packet of `link_type`; return the outcome."""
        captured: cython.Py_ssize_t
        self.packet = int(self.records[row].packet)
        self.time = int(self.records[row].time)
        self.at = int(self.records[row].start)
        self.original = int(self.records[row].original)
        captured = int(self.records[row].captured)
        self.captured_end = self.at + captured
        self.wire_end = self.at + self.original
        self.depth = 0
        self.version = 0
        self.way = 0
        self.nested = False
        return self._decode(_ETHERNET if link_type == 1 else self._other_link(link_type), count)

    @cython.cfunc
    def _weigh(
        self,
        row: cython.Py_ssize_t,
        link_type: cython.long,
        outcome: cython.long,
        count: cython.Py_ssize_t,
    ) -> cython.long:
        """Judge a link type of which no packet was sound so far; return the outcome.

        A file may name the wrong one. As long as every packet contradicts it, others are
        tried; what one of them reads up to TCP, UDP or ICMP is taken so.
        """
        other: cython.long = -1
        as_other: cython.long
        doubt: Doubt | None = self.doubts.get(link_type)
        if doubt is None:
            doubt = self.doubts[link_type] = Doubt(int(self.packet))
        elif doubt.is_settled:
            self.trusted = link_type
            return outcome
        if outcome != _MALFORMED and outcome != _OTHER:
            # What was cut before IP says nothing.
            doubt.is_settled = outcome != _HEADER_CUT
            return outcome
        doubt.packets += 1
        named = self.last_named
        if outcome == _OTHER and not doubtful(named[0], named[1]):
            return outcome
        self.trying = True
        as_other = _MALFORMED
        for number in doubt.candidates(int(link_type)):
            other = number
            as_other = self._first(row, other, count)
            if is_read(as_other) or (doubt.read and as_other != _MALFORMED):
                break
            as_other = _MALFORMED
        self.trying = False
        if as_other == _MALFORMED:
            doubt.fail()
            return outcome
        if outcome == _OTHER:
            self.others[named] -= 1
        if as_other == _OTHER:
            self._named(self.last_named[0], self.last_named[1])
        doubt.take(other)
        return as_other

    def first_of(self, kind: int, value: int) -> int:
        """Return the number of the first packet of an OTHER kind; 0 if there is none."""
        return int(self.named.get((kind, value), 0))

    def wrong_link_types(self) -> list[tuple[int, Doubt]]:
        """Return the link types that every one of their packets contradicted."""
        return [
            (number, doubt)
            for number, doubt in self.doubts.items()
            if doubt.read and not doubt.is_settled
        ]

    def take_lookups(self) -> list[tuple[int, ...]]:
        """Return the DNS messages of the batch, and forget them.

        Returns:
            For each packet, time (ns), IP version, start of the IP header in data, source and
            destination port, and begin and end of the message in data, as far as captured.
        """
        taken: list[tuple[int, ...]] = self.lookups
        fresh: list[tuple[int, ...]] = []
        self.lookups = fresh
        return taken

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
            where in it the next protocol is, next protocol, identification,
            offset, more fragments (0 or 1), start of the payload, bytes of it
            captured, bytes of it on the wire, tunnels below, original length, packet,
            time, hash over the VLANs, tunnels' addresses and keys it came through.
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
            self.way,
        )

    @cython.cfunc
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
        if layer == _RARE_LINK:
            return self._rare_link()
        if layer == _WLAN:
            return self._wlan()
        if layer == _LLC_HEADER:
            return self._llc(self.wire_end - self.at)
        return self._etherip()
