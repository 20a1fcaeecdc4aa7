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


def sack(*blocks, ack=5000, stamps=True, flags="A", size=None):
    """Return what a row says came twice, of an ACK with these blocks: (first, count)."""
    content = b"".join(edge.to_bytes(4, "big") for block in blocks for edge in block)
    size = 2 + len(content) if size is None else size
    options = bytes([1, 1, 5, size]) + content
    if stamps:
        options = b"\x01\x01\x08\x0a" + bytes(8) + options
    header = bytearray(bytes(TCP(ack=ack, flags=flags))[:20] + options)
    header[12] = (len(header) // 4) << 4
    found = row(Raw(bytes(header)))
    return (int(found["twice"]), int(found["twice_bytes"])) if found["twice_bytes"] else None


@pytest.mark.parametrize("stamps", [True, False])
def test_a_block_below_the_ack_says_what_came_twice(stamps):
    # RFC 2883 4.1, figures of its examples with other numbers.
    assert sack((3000, 3500), stamps=stamps) == (3000, 500)
    assert sack((3000, 3500), (6000, 7000), stamps=stamps) == (3000, 500)
    assert sack((4500, 5000), stamps=stamps) == (4500, 500)
    # Where sequence numbers begin again.
    assert sack((2**32 - 100, 50), ack=60, stamps=stamps) == (2**32 - 100, 150)


def test_a_block_within_the_second_says_what_came_twice():
    # RFC 2883 4.2: above the ACK, the second block shows that the first is no news.
    assert sack((6000, 6500), (6000, 7000)) == (6000, 500)
    assert sack((6500, 7000), (6000, 7000), (8000, 9000)) == (6500, 500)


@pytest.mark.parametrize(
    "blocks",
    [
        [(6000, 6500)],  # an ordinary block
        [(6000, 6500), (7000, 8000)],
        [(6000, 7500), (6000, 7000)],  # more than the second
        [(4500, 5500)],  # the ACK lies within it
        [(3000, 3000)],
        [(3500, 3000)],
    ],
)
def test_other_blocks_say_nothing_of_copies(blocks):
    assert sack(*blocks) is None


def test_lies_about_the_length_of_a_sack_option_are_harmless():
    for size in range(256):
        found = sack((3000, 3500), size=size, stamps=False)
        assert found == ((3000, 500) if size == 10 else None), size
    # A SYN and a RST without ACK acknowledge nothing.
    assert sack((3000, 3500), flags="SA") is None
    assert sack((3000, 3500), flags="R") is None
