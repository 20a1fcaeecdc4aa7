"""Records from packets given as bytes, and what a stack of scapy layers says of itself."""

from __future__ import annotations

import numpy as np
from scapy.layers.inet import IP, TCP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Packet

from analyzer.capture.records import RECORD, RecordBatch
from analyzer.options import DEFAULT, Options
from analyzer.packets.decode import PacketDecoder

SECOND = 1_000_000_000


def ethernet(**fields):
    """Return an Ethernet header; without addresses scapy would ask the network."""
    return Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02", **fields)


def records(packets, link_type=1, snaplen=1 << 30, first=1, times=None):
    """Return a batch; bytes that no record holds are 0xA5, to show reads outside."""
    rows = np.zeros(len(packets), RECORD)
    data = bytearray(b"\xa5" * 8)
    for i, packet in enumerate(packets):
        kept = packet[:snaplen]
        time = (first + i) * 1000 if times is None else times[i]
        rows[i] = (first + i, time, len(data), len(kept), len(packet), link_type, 0)
        data += kept + b"\xa5" * 8
    return RecordBatch(rows, np.frombuffer(bytes(data), np.uint8).copy(), len(data))


def decode(packets, link_type=1, snaplen=1 << 30, options: Options = DEFAULT, times=None):
    """Return the batch of all packets and the findings of finish()."""
    decoder = PacketDecoder(options)
    batch = decoder.push(records(packets, link_type, snaplen, times=times))
    return batch, decoder.finish().findings


def innermost(packet: Packet):
    """Return the last IP layer and the TCP layer of a dissected scapy packet."""
    ip = None
    layer = packet
    while layer:
        if isinstance(layer, (IP, IPv6)):
            ip = layer
        layer = layer.payload
    return ip, packet[TCP]
