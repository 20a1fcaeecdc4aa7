"""DNS messages in a batch of packets: UDP and TCP port 53.

Knows UDP's and TCP's ports, and the length before a message over TCP (RFC 1035 4.2.2). Must not
know DNS. Used by packets.decode, with what the header walk found; for the names stage.
"""

from __future__ import annotations

from collections.abc import Sequence

from analyzer.capture.records import RecordBatch
from analyzer.columns import Rows
from analyzer.packets.segments import Datagram, address_text

DNS_PORT = 53


def datagrams(
    found: Sequence[tuple[int, ...]], segments: Rows, records: RecordBatch
) -> list[Datagram]:
    """Return the DNS messages of a batch, in capture order.

    Args:
        found: what HeaderWalk.take_lookups gave.
        segments: dtype SEGMENT.
        records: that has their data.
    """
    made = [_over_udp(each, records) for each in found]
    is_dns = (segments["source_port"] == DNS_PORT) | (segments["destination_port"] == DNS_PORT)
    if is_dns.any():
        made += _over_tcp(segments[is_dns], records)
        made.sort(key=lambda each: each.packet)
    return made


def _over_udp(each: tuple[int, ...], records: RecordBatch) -> Datagram:
    packet, time, version, at, source_port, destination_port, begin, end = each
    size, first = (4, at + 12) if version == 4 else (16, at + 8)
    data = records.data
    ends = [
        int.from_bytes(data[place : place + size].tobytes(), "big")
        for place in (first, first + size)
    ]
    mask = 2**64 - 1
    source, destination = (address_text(end >> 64, end & mask, version) for end in ends)
    payload = data[begin : max(begin, end)].tobytes()
    return Datagram(packet, time, source, destination, source_port, destination_port, payload)


def _over_tcp(segments: Rows, records: RecordBatch) -> list[Datagram]:
    """Return the messages that segments hold whole; a look-up fits into one."""
    made: list[Datagram] = []
    for segment in segments[segments["captured"] > 2]:
        start = int(segment["start"])
        content = records.data[start : start + int(segment["captured"])].tobytes()
        version = int(segment["version"])
        source, destination = (
            address_text(int(segment[f"{end}_high"]), int(segment[f"{end}_low"]), version)
            for end in ("source", "destination")
        )
        ports = int(segment["source_port"]), int(segment["destination_port"])
        times = int(segment["packet"]), int(segment["time"])
        while len(content) > 2:
            size = content[0] << 8 | content[1]
            if not 0 < size <= len(content) - 2:
                break
            made.append(Datagram(*times, source, destination, *ports, content[2 : 2 + size]))
            content = content[2 + size :]
    return made
