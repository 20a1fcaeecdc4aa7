"""Mutations of captures: what a hostile or damaged capture may look like.

Deterministic: the caller gives the random generator. Used by test_fuzz.
"""

from __future__ import annotations

import gzip
import random
import struct
from collections.abc import Callable

import zstandard
from oracle import captures

Packets = list[tuple[int, bytes, int]]
"""Time in ns, bytes captured, original length."""

EXTREMES = (0, 1, 4, 5, 125, 126, 127, 128, 254, 255)
HEAD_LENGTHS = (14, 34, 40, 54, 58, 66, 74, 86)
HTTP_LINES = (
    b"Content-Length: 99999999999999999999\r\n",
    b"Content-Length: -1\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits=7\r\n",
    b"Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=8\r\n",
    b"Sec-WebSocket-Key: \xff\x00\xfe\r\n",
    b"HTTP/1.1 101 \r\n\r\n",
    b"\r\n\r\n",
    b"\n\n",
    b"ffffffffffffffff\r\n",
)
FRAMES = (
    b"\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff",
    b"\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\x82\xff\x40\x00\x00\x00\x00\x00\x00\x00abcd",
    b"\x88\x00",
    b"\x88\x01x",
    b"\x88\x7e\x00\x7e",
    b"\x89\x80abcd",
    b"\xc1\x05\x00\x00\x00\xff\xff",
    b"\x00\x00",
    b"\x80\x00",
    b"\xff\xff",
)


def packets_of(pcap: bytes) -> tuple[int, Packets]:
    """Return link type and packets of an undamaged pcap file in host order."""
    unit = 1 if struct.unpack_from("<I", pcap)[0] == 0xA1B23C4D else 1000
    link = struct.unpack_from("<I", pcap, 20)[0] & 0xFFFF
    packets, at = [], 24
    while at + 16 <= len(pcap):
        seconds, fraction, captured, original = struct.unpack_from("<4I", pcap, at)
        at += 16
        packets.append((seconds * 10**9 + fraction * unit, pcap[at : at + captured], original))
        at += captured
    return link, packets


# --- of one packet
Change = Callable[[bytearray, random.Random], None]


def _flip(data: bytearray, rng: random.Random) -> None:
    for _ in range(rng.choice((1, 1, 2, 8))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _extreme(data: bytearray, rng: random.Random) -> None:
    data[rng.randrange(len(data))] = rng.choice(EXTREMES)


def _extreme_head(data: bytearray, rng: random.Random) -> None:
    data[rng.randrange(min(len(data), 80))] = rng.choice(EXTREMES)


def _long_word(data: bytearray, rng: random.Random) -> None:
    at = rng.randrange(len(data))
    data[at : at + 4] = rng.choice((b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff"))


def _cut(data: bytearray, rng: random.Random) -> None:
    del data[rng.randrange(len(data)) :]


def _insert(data: bytearray, rng: random.Random) -> None:
    at = rng.randrange(len(data) + 1)
    data[at:at] = rng.choice((rng.randbytes(rng.randrange(1, 40)), *FRAMES, *HTTP_LINES))


def _overwrite(data: bytearray, rng: random.Random) -> None:
    at = rng.randrange(len(data))
    piece = rng.choice((rng.randbytes(rng.randrange(1, 40)), *FRAMES, *HTTP_LINES))[
        : len(data) - at
    ]
    data[at : at + len(piece)] = piece


def _payload(data: bytearray, rng: random.Random) -> None:
    """Put something where a TCP payload usually begins."""
    at = min(rng.choice(HEAD_LENGTHS), len(data))
    piece = rng.choice((*FRAMES, *HTTP_LINES))
    data[at : at + len(piece)] = piece


def _tcp(data: bytearray, rng: random.Random) -> None:
    """Change sequence, acknowledgement, header length or flags of Ethernet, IPv4, TCP."""
    if len(data) < 54:
        return
    at = 34
    which = rng.randrange(5)
    if which < 2:
        place = at + (4 if which else 8)
        (old,) = struct.unpack_from(">I", data, place)
        moved = rng.choice((1, -1, 100, -100, 1460, 65536, 2**30, 2**31, -(2**31), 2**31 - 1))
        struct.pack_into(">I", data, place, (old + moved) & 0xFFFFFFFF)
    elif which == 2:
        data[at + 12] = rng.randrange(256)
    elif which == 3:
        data[at + 13] = rng.randrange(256)
    else:
        struct.pack_into(">H", data, at + rng.choice((0, 2)), rng.randrange(65536))


CHANGES: tuple[Change, ...] = (
    *(_flip, _extreme, _extreme_head, _long_word, _cut, _insert, _overwrite, _payload),
    *(_tcp, _tcp),
)


# --- of the order of packets
def _shuffled(packets: Packets, rng: random.Random) -> Packets:
    """Do what networks and capturing programs do to a run of packets."""
    packets = list(packets)
    for _ in range(rng.choice((0, 1, 1, 2, 5, 20))):
        if not packets:
            break
        at, other = rng.randrange(len(packets)), rng.randrange(len(packets))
        action = rng.randrange(7)
        if action == 0:
            del packets[at]
        elif action == 1:
            packets.insert(other, packets[at])
        elif action == 2:
            packets[at], packets[other] = packets[other], packets[at]
        elif action == 3:
            del packets[at : at + rng.randrange(1, 10)]
        elif action == 4:
            time = rng.choice((0, 2**62, packets[at][0] + 10**12, packets[at][0] - 10**9))
            packets[at] = (max(0, min(time, (2**32 - 1) * 10**9)), *packets[at][1:])
        elif action == 5:
            original = rng.choice((0, 1, 2**31, 2**32 - 1, 70000))
            packets[at] = (*packets[at][:2], original)
        else:
            packets[at:at] = [packets[at]] * rng.randrange(1, 6)
    return packets


def _changed(packets: Packets, rng: random.Random) -> Packets:
    packets = list(packets)
    for _ in range(rng.choice((0, 1, 1, 2, 4, 16))):
        if not packets:
            break
        at = rng.randrange(len(packets))
        time, data, original = packets[at]
        if data:
            changed = bytearray(data)
            rng.choice(CHANGES)(changed, rng)
            packets[at] = (time, bytes(changed), max(original, len(changed)))
    return packets


# --- of the file
def _pcapng(link: int, packets: Packets, rng: random.Random) -> bytes:
    big = rng.random() < 0.2
    blocks = [captures.section(big=big), captures.interface(link, resolution=9, big=big)]
    for time, data, original in packets:
        kind = rng.randrange(20)
        if kind == 0:
            blocks.append(captures.simple(data, original & 0xFFFFFFFF, big=big))
        elif kind == 1:
            blocks.append(captures.old_packet(time & (2**64 - 1), data, big=big))
        else:
            blocks.append(captures.enhanced(time & (2**64 - 1), data, original, big=big))
        if rng.random() < 0.02:
            blocks.append(
                captures.block(
                    rng.choice((1, 2, 3, 4, 5, 6, 10, 99)),
                    rng.randbytes(rng.randrange(0, 40)),
                    big=big,
                )
            )
    if rng.random() < 0.5:
        for _ in range(rng.randrange(1, 4)):
            at, other = rng.randrange(len(blocks)), rng.randrange(len(blocks))
            blocks[at], blocks[other] = blocks[other], blocks[at]
    return b"".join(blocks)


def _damaged(file: bytes, rng: random.Random) -> bytes:
    data = bytearray(file)
    for _ in range(rng.choice((0, 0, 0, 1, 2))):
        if data:
            rng.choice((_flip, _extreme, _long_word, _cut, _insert))(data, rng)
    return bytes(data)


def mutated(link: int, packets: Packets, rng: random.Random) -> bytes:
    """Return a capture file made of `packets`, with faults."""
    if rng.random() < 0.05:
        link = rng.choice((0, 1, 9, 12, 101, 105, 113, 127, 228, 276, 65535))
    packets = _changed(_shuffled(packets, rng), rng)
    if rng.random() < 0.25:
        file = _pcapng(link, packets, rng)
    else:
        file = captures.pcap(
            packets, link_type=link, nanoseconds=rng.random() < 0.5, big=rng.random() < 0.2
        )
    file = _damaged(file, rng)
    packing = rng.randrange(20)
    if packing == 0:
        file = _damaged(gzip.compress(file, 1, mtime=0), rng)
    elif packing == 1:
        file = _damaged(zstandard.compress(file, 1), rng)
    return file
