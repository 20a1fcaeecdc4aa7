"""Segments: the TCP segments found in packets, one row each.

Knows link, network and TCP headers. Must not know connections or streams.
Made by the packets stage; used by tcp.
"""

from __future__ import annotations

from collections import Counter

from analyzer.capture.records import RecordBatch
from analyzer.columns import Rows, empty, row_dtype
from analyzer.findings import Finding
from analyzer.lazy_dataclass import dataclass, field

SEGMENT = row_dtype(
    [
        ("packet", "<i8"),
        ("time", "<i8"),  # ns
        # Addresses as two big-endian halves of 128 bits. IPv4 is IPv4-mapped
        # (::ffff:a.b.c.d), with version 4 to tell it from a real mapped address.
        ("source_high", "<u8"),
        ("source_low", "<u8"),
        ("destination_high", "<u8"),
        ("destination_low", "<u8"),
        # Hash over IP identification and the TCP header with its options: equal for
        # copies of one packet, whatever link layer and TTL each copy has.
        ("identity", "<u8"),
        ("start", "<i8"),  # first payload byte, in data
        ("captured", "<i4"),  # payload bytes captured
        ("length", "<i4"),  # payload bytes on the wire, by the IP header
        ("link_bytes", "<i4"),  # all below the innermost IP header, tunnels, trailers
        ("ip_bytes", "<i4"),  # innermost IP header with options or extensions
        ("tcp_bytes", "<i4"),  # TCP header with options
        ("seq", "<u4"),
        ("ack", "<u4"),
        ("source_port", "<u2"),
        ("destination_port", "<u2"),
        ("flags", "<u2"),  # RFC 9293 3.1: FIN 1, SYN 2, RST 4, PSH 8, ACK 16, ...
        ("window", "<u2"),
        ("mss", "<u2"),  # option 2; 0 where absent
        ("window_scale", "i1"),  # option 3; -1 where absent
        ("version", "u1"),  # 4 or 6
        # 2: IPv4 identification is not 0; 1: at least a TCP timestamp; 0: neither
        ("strong_identity", "u1"),
        ("ttl", "u1"),  # or hop limit
        ("name", "<u2"),  # IPv4 identification; 0 with IPv6
        # Bytes of the other side that came twice, by a DSACK (RFC 2883): the first, and how many.
        ("twice", "<u4"),
        ("twice_bytes", "<i4"),  # 0 without a DSACK
    ]
)
"""One TCP segment. link + ip + tcp + length = the packet's original length."""


@dataclass(frozen=True, slots=True)
class Datagram:
    """A DNS message, over UDP or in a segment of TCP: for the names stage.

    Attributes:
        packet: that has it.
        time: ns.
        source, destination: addresses.
        source_port, destination_port: one of them is 53.
        payload: as far as it was captured.
    """

    packet: int
    time: int
    source: str
    destination: str
    source_port: int
    destination_port: int
    payload: bytes


FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16


@dataclass(slots=True)
class SegmentBatch:
    """Rows of SEGMENT over the same buffer as the records they came from.

    Attributes:
        rows: dtype SEGMENT, in capture order (a datagram joined from fragments
            is at the packet that completed it).
        records: the batch below: buffer, and `append`.
        packets: packets seen in this batch.
        wire_bytes: their original lengths.
        not_tcp: count per reason ("udp", "arp", "unknown link type 147", ...) of the
            packets that gave no segment.
        first_time, last_time: ns, over all packets of the batch; NULL if none.
        findings: oddities of link and network layers.
        datagrams: DNS messages, in capture order.
    """

    records: RecordBatch
    rows: Rows = field(default_factory=lambda: empty(SEGMENT))
    packets: int = 0
    wire_bytes: int = 0
    not_tcp: Counter[str] = field(default_factory=Counter)
    first_time: int = 0
    last_time: int = 0
    findings: list[Finding] = field(default_factory=list)
    datagrams: list[Datagram] = field(default_factory=list)


def address_text(high: int, low: int, version: int) -> str:
    """Return the usual text of an address kept as two 64-bit halves."""
    if version == 4:
        bits = int(low)
        return f"{bits >> 24 & 255}.{bits >> 16 & 255}.{bits >> 8 & 255}.{bits & 255}"
    import ipaddress

    return str(ipaddress.IPv6Address((int(high) << 64) | int(low)))
