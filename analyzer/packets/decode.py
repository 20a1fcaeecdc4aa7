"""The packets stage: from captured records to TCP segments.

Knows the header walk and the joining of fragments, and counts what is not TCP. Must
not know connections. Called by pipeline.Pipeline.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np

from analyzer.capture.records import RecordBatch
from analyzer.columns import NULL, Rows, empty
from analyzer.findings import (
    PACKETS_MALFORMED,
    PACKETS_SNAPLEN,
    PACKETS_TUNNEL_DEPTH,
    PACKETS_UNKNOWN_LINK_TYPE,
    PACKETS_WLAN_UNREAD,
    PACKETS_WRONG_LINK_TYPE,
    Finding,
)
from analyzer.options import DEFAULT, Options
from analyzer.packets import layers
from analyzer.packets._headers import HeaderWalk, record_view
from analyzer.packets.fragments import Fragment, Joiner, Tally
from analyzer.packets.link_types import described, link_type_name, what_helps
from analyzer.packets.lookups import datagrams
from analyzer.packets.segments import SEGMENT, SegmentBatch

FRAGMENT_LABEL = "ip fragment"

_LABELS = {
    layers.FRAGMENT: FRAGMENT_LABEL,
    layers.UDP: "udp",
    layers.ARP: "arp",
    layers.ICMP: "icmp",
    layers.ICMPV6: "icmpv6",
    layers.EXTENSION: "ipv6 extension",
    layers.MALFORMED: "malformed",
    layers.HEADER_CUT: "header cut",
    layers.TCP_HEADER_CUT: "tcp header cut",
    layers.TOO_DEEP: "tunnel too deep",
}
_WLAN_LABELS = {
    layers.WLAN_MANAGEMENT: "802.11 management",
    layers.WLAN_CONTROL: "802.11 control",
    layers.WLAN_EMPTY: "802.11 without data",
    layers.WLAN_ENCRYPTED: "802.11 encrypted",
    layers.WLAN_FRAGMENT: "802.11 fragment",
    layers.WLAN_AGGREGATE: "802.11 aggregate",
    layers.WLAN_DAMAGED: "802.11 damaged",
}
_WLAN_UNREAD = {
    layers.WLAN_ENCRYPTED: "frames are encrypted: decrypt them first, with airdecap-ng or by "
    "tshark -o wlan.enable_decryption:TRUE -U 'OSI layer 3'",
    layers.WLAN_FRAGMENT: "frames are fragments",
    layers.WLAN_AGGREGATE: "frames hold several packets each (A-MSDU)",
}
"""802.11 data that was there and could not be read, and what would help."""
_PROTOCOLS = {2: "igmp", 47: "gre", 50: "esp", 89: "ospf", 103: "pim", 112: "vrrp", 132: "sctp"}


class PacketDecoder:
    """Finds the TCP segments in packets.

    Every packet gives one segment or one count in `not_tcp`. Fragments that do not
    complete a datagram are counted as "ip fragment".

    Args:
        options: limits.
    """

    def __init__(self, options: Options = DEFAULT) -> None:
        self._counts = np.zeros(layers.OUTCOMES, np.int64)
        self._firsts = np.zeros(layers.OUTCOMES, np.int64)
        self._others: dict[tuple[int, int], int] = {}
        self._walk = HeaderWalk(options.max_tunnel_depth, self._counts, self._firsts, self._others)
        self._joiner = Joiner(options)
        self._too_deep = Tally()
        self._malformed = Tally()
        self._cut = Tally()
        self._link_types: dict[int, Tally] = {}
        self._wlan: dict[int, Tally] = {}
        self.on_fragment: Callable[[Fragment, RecordBatch, bool], None] | None = None
        """Told of each fragment, and whether a datagram is whole with it."""

    @property
    def held_bytes(self) -> int:
        """Bytes of fragments that wait for others."""
        return self._joiner.held_bytes

    def push(self, records: RecordBatch) -> SegmentBatch:
        """Decode one batch of packets.

        Args:
            records: dtype RECORD; joined datagrams are appended to its data.

        Returns:
            The segments found, over the same buffer.
        """
        segments = np.empty(len(records.rows), SEGMENT)
        row = count = 0
        while True:
            self._bind(records, segments)
            row, count, outcome = self._walk.walk(row, count)
            if outcome != layers.FRAGMENT:
                break
            count += self._join(records, segments, count)
            row += 1
        batch = SegmentBatch(
            records,
            segments[:count],
            packets=len(records.rows),
            not_tcp=self._take_counts(records),
            first_time=NULL,
            last_time=NULL,
        )
        if len(records.rows):
            self._add_totals(batch)
        batch.datagrams = datagrams(self._walk.take_lookups(), batch.rows, records)
        return batch

    def finish(self) -> SegmentBatch:
        """Give up what waits for fragments; return the findings of the whole capture."""
        findings = self._joiner.finish()
        malformed = self._malformed
        if self._joiner.malformed.count:
            other = self._joiner.malformed
            first = min(filter(None, (malformed.first, other.first)))
            malformed = Tally(malformed.count + other.count, first)
        for link_type, tally in self._link_types.items():
            noun = f"packets of {described(link_type)}" if link_type >= 0 else "of further ones"
            hint = f"; {what_helps(link_type)}" if link_type >= 0 else ""
            findings += tally.finding(PACKETS_UNKNOWN_LINK_TYPE, noun + hint)
        for reason, tally in self._wlan.items():
            findings += tally.finding(PACKETS_WLAN_UNREAD, _WLAN_UNREAD[reason])
        findings += self._wrong_link_types()
        findings += malformed.finding(PACKETS_MALFORMED, "packets")
        findings += self._cut.finding(PACKETS_SNAPLEN, "packets")
        findings += self._too_deep.finding(PACKETS_TUNNEL_DEPTH, "packets")
        return SegmentBatch(
            RecordBatch(),
            empty(SEGMENT),
            first_time=NULL,
            last_time=NULL,
            findings=findings,
        )

    def _wrong_link_types(self) -> list[Finding]:
        """Return a finding for each link type that all its packets contradict."""
        return [
            Finding(
                PACKETS_WRONG_LINK_TYPE,
                packet=doubt.first,
                detail=f"{doubt.read} of {doubt.packets} packets said to be of "
                f"{described(number)} can only be read as {link_type_name(doubt.chosen)}, "
                "and were",
                count=doubt.read,
            )
            for number, doubt in self._walk.wrong_link_types()
        ]

    def _bind(self, records: RecordBatch, segments: Rows) -> None:
        self._walk.bind(records.data, record_view(records.rows), record_view(segments))

    def _join(self, records: RecordBatch, segments: Rows, count: int) -> int:
        """Take the fragment at which the walk stopped; return the segments it gave."""
        outcome = layers.FRAGMENT
        while outcome == layers.FRAGMENT:
            fragment = Fragment(*self._walk.fragment())
            joined = self._joiner.add(fragment, records.data)
            if self.on_fragment is not None:
                self.on_fragment(fragment, records, joined is not None)
            if joined is None:
                self._counts[layers.FRAGMENT] += 1
                return 0
            start = records.append(joined.content)
            self._bind(records, segments)
            # A joined datagram may be a fragment again, of the datagram in a tunnel.
            outcome = self._walk.again(
                joined.version,
                start,
                len(joined.content),
                joined.length,
                joined.depth,
                joined.original,
                count,
            )
        return 1 if outcome == layers.SEGMENT else 0

    def _take_counts(self, records: RecordBatch) -> Counter[str]:
        """Return the counts since the last call, and add them to the totals."""
        not_tcp = Counter(
            {
                label: int(self._counts[code])
                for code, label in _LABELS.items()
                if self._counts[code]
            }
        )
        self._malformed.add(
            int(self._firsts[layers.MALFORMED]), int(self._counts[layers.MALFORMED])
        )
        self._too_deep.add(int(self._firsts[layers.TOO_DEEP]), int(self._counts[layers.TOO_DEEP]))
        self._counts[:] = 0
        for (kind, value), number in self._others.items():
            if not number:
                continue
            not_tcp[_other_label(kind, value)] += number
            if kind == layers.LINK_TYPE:
                self._add_link_type(records, value, number)
            elif kind == layers.WLAN_FRAME and value in _WLAN_UNREAD:
                self._wlan.setdefault(value, Tally()).add(self._walk.first_of(kind, value), number)
        self._others.clear()
        return not_tcp

    def _add_link_type(self, records: RecordBatch, link_type: int, number: int) -> None:
        first = 0
        tally = self._link_types.setdefault(link_type, Tally())
        if not tally.count and link_type >= 0:
            is_first = records.rows["link_type"] == link_type
            first = int(records.rows["packet"][is_first.argmax()])
        tally.add(first, number)

    def _add_totals(self, batch: SegmentBatch) -> None:
        rows = batch.records.rows
        batch.wire_bytes = int(rows["original"].sum(dtype=np.int64))
        times = rows["time"]
        batch.first_time = int(times.min())
        batch.last_time = int(times.max())
        if batch.first_time == NULL and batch.last_time != NULL:
            batch.first_time = int(times[times != NULL].min())
        is_cut = rows["captured"] < rows["original"]
        cut = int(np.count_nonzero(is_cut))
        if cut:
            self._cut.add(int(rows["packet"][is_cut.argmax()]), cut)


def _other_label(kind: int, value: int) -> str:
    """Return the short name of packets that the walk has no outcome for."""
    if kind == layers.LINK_TYPE:
        return f"unknown link type {value}" if value >= 0 else "unknown link type"
    if kind == layers.ETHERTYPE:
        return f"other ethertype {value:#06x}" if value >= 0 else "other ethertype"
    if kind == layers.PPP_PROTOCOL:
        return f"ppp protocol {value:#06x}" if value >= 0 else "ppp protocol"
    if kind == layers.LLC:
        return "llc"
    if kind == layers.WLAN_FRAME:
        return _WLAN_LABELS.get(value, "802.11")
    if kind == layers.EXPORTED:
        return "exported pdu"
    if value == layers.OTHER_FAMILY:
        return "other address family"
    return _PROTOCOLS.get(value, f"ip protocol {value}" if value >= 0 else "ip protocol")
