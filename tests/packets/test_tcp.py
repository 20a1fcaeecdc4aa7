"""The TCP header, against RFC 9293 3.1 and 3.2."""

from __future__ import annotations

import pytest
from oracle.packets import decode
from scapy.layers.inet import IP, TCP
from scapy.packet import Raw


def row(tcp, ident=0):
    batch, _ = decode([bytes(IP(src="192.0.2.1", dst="192.0.2.2", id=ident, proto=6) / tcp)], 101)
    return batch.rows[0] if len(batch.rows) else batch.not_tcp


@pytest.mark.parametrize("offset", [0, 4, 6])
def test_a_data_offset_that_cannot_be_is_malformed(offset):
    assert row(TCP(dataofs=offset)) == {"malformed": 1}


@pytest.mark.parametrize(
    ("options", "mss", "scale"),
    [
        (b"\x02\x04\x05\xb4\x01\x03\x03\x07", 1460, 7),
        (b"\x02\x00\x05\xb4", 0, -1),  # a length below 2 ends the options
        (b"\x00\x02\x04\x05\xb4\x00\x00\x00", 0, -1),  # after the end of the list
        (b"\x01\x01\x02\x04", 0, -1),  # beyond the header
    ],
)
def test_options_of_a_syn(options, mss, scale):
    bare = bytes(TCP(flags="S"))[:20]
    header = bytearray(bare + options)
    header[12] = (len(header) // 4) << 4
    found = row(Raw(bytes(header)))
    assert (found["mss"], found["window_scale"]) == (mss, scale)


def test_an_identity_is_strong_by_identification_or_timestamps():
    stamp = [("Timestamp", (1, 2))]
    strong = [row(t, i)["strong_identity"] for t in (TCP(), TCP(options=stamp)) for i in (0, 5)]
    assert strong == [0, 2, 1, 2]


def test_identity_tells_headers_and_lengths_apart():
    packets = [TCP(seq=1), TCP(seq=2), TCP(seq=1, window=9), TCP(seq=1, chksum=5)]
    packets.append(TCP(seq=1, chksum=5) / Raw(b"x"))
    assert len({int(row(p)["identity"]) for p in packets}) == len(packets)
