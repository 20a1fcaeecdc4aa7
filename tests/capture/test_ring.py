"""The ring: blocks walked as the kernel lays them out, and the kernel itself."""

import socket
import struct
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle import namespaces

from analyzer.capture import interfaces
from analyzer.capture._ring import BlockWalk
from analyzer.capture.records import RECORD
from analyzer.capture.ring import Ring
from analyzer.capture.source import open_capture
from analyzer.options import Options

CAPTURES = Path(__file__).parents[2] / "captures"
MAC = bytes(range(12))
VLAN, TPID = 1 << 4, 1 << 6


def block(packets, *, count=None, order="="):
    """Return a block of TPACKET_V3 with packets of (time, bytes, original, status, tci, tpid)."""
    body, at = b"", 48
    for number, (when, packet, original, status, tci, tpid) in enumerate(packets):
        offset = 128
        step = offset + len(packet) + (-len(packet)) % 16
        last = number == len(packets) - 1
        head = struct.pack(
            order + "IIIIIIHHIIHH8x", 0 if last else step, when // 10**9, when % 10**9,
            len(packet), original, status, offset, offset, 0, tci, tpid, 0,
        )  # fmt: skip
        address = struct.pack(">HH", 17, 0x0800) + struct.pack(order + "iH", 3, 1)
        address += b"\x04\x06" + b"abcdef\0\0"
        body += (head + address).ljust(offset, b"\xee") + packet.ljust(step - offset, b"\xee")
    total = 48 + len(body)
    number = len(packets) if count is None else count
    head = struct.pack(order + "IIIIII", 1, 0, 1, number, at, total)
    return head.ljust(48, b"\0") + body


def walk(content, *, cooked=False, link_type=1, room=50, big=sys.byteorder == "big"):
    data = np.frombuffer(bytearray(content), np.uint8)
    rows = np.zeros(room, RECORD)
    walker = BlockWalk(link_type, cooked, big)
    count = walker.walk(data, 0, len(data), rows.view(np.recarray), 0, 10)
    return [
        (int(r["packet"]), int(r["time"]), data[r["start"] : r["start"] + r["captured"]].tobytes(),
         int(r["original"]), int(r["link_type"]))
        for r in rows[:count]
    ]  # fmt: skip


NOW = 1_700_000_000_123_456_789


@pytest.mark.parametrize("big", [False, True])
def test_packets_of_a_block(big):
    packets = [(NOW, MAC + b"one", 15, 0, 0, 0), (NOW + 5, MAC + b"second", 4000, 0, 0, 0)]
    content = block(packets, order=">" if big else "<")
    assert walk(content, big=big) == [
        (11, NOW, MAC + b"one", 15, 1),
        (12, NOW + 5, MAC + b"second", 4000, 1),
    ]


@pytest.mark.parametrize(
    ("status", "tag"),
    [
        (VLAN, b"\x81\x00\x20\x2a"),
        (VLAN | TPID, b"\x88\xa8\x20\x2a"),
        (TPID, b""),
    ],
)
def test_stripped_tags_are_put_back(status, tag):
    ((_, _, packet, original, _),) = walk(block([(NOW, MAC + b"rest", 16, status, 0x202A, 0x88A8)]))
    assert packet == MAC + tag + b"rest"
    assert original == 16 + len(tag)


def test_too_short_for_a_tag():
    assert walk(block([(NOW, b"short", 5, VLAN, 1, 0)]))[0][2] == b"short"


def test_cooked_header():
    plain = (NOW, b"ip packet", 9, 0, 0, 0)
    tagged = (NOW, b"ip packet", 9, VLAN, 7, 0)
    one, two = walk(block([plain, tagged]), cooked=True, link_type=276)
    head = bytes.fromhex("0000 00000003 0001 04 06") + b"abcdef\0\0"
    assert one[2:] == (b"\x08\x00" + head + b"ip packet", 29, 276)
    assert two[2:] == (b"\x81\x00" + head + b"\x00\x07\x08\x00" + b"ip packet", 33, 276)


@given(st.data())
def test_lies_about_lengths_never_lead_outside(data):
    packets = [(NOW, MAC + b"x" * size, 12 + size, VLAN, 1, 0) for size in (0, 30, 200)]
    content = bytearray(block(packets))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(12, len(content) - 4))
        content[at : at + 4] = data.draw(st.binary(min_size=4, max_size=4))
    for cooked in (False, True):
        for *_, packet, original, _ in walk(content, cooked=cooked):
            assert len(packet) <= len(content)
            assert original >= len(packet) - 24


def test_more_packets_promised_than_there_is_room_for():
    packets = [(NOW, MAC, 12, 0, 0, 0)] * 5
    assert len(walk(block(packets), room=3)) == 3
    assert len(walk(block(packets, count=2))) == 2
    assert len(walk(block(packets, count=500))) == 5
    assert walk(block(packets)[:40]) == []


# --- the kernel ------------------------------------------------------------------------


def taken(ring, count, seconds=120.0):
    """Packets as bytes with their rows, until there are `count`."""
    found, until = [], time.monotonic() + seconds
    while len(found) < count and time.monotonic() < until:
        batch = ring.read(len(found))
        data = batch.data
        found += [
            (row, data[row["start"] : row["start"] + row["captured"]].tobytes())
            for row in batch.rows
        ]
        time.sleep(0.01)
    return found


def frames_of(name):
    frames = []
    for batch in open_capture(CAPTURES / name):
        data = bytes(batch.data)
        frames += [data[r["start"] : r["start"] + r["captured"]] for r in batch.rows]
    return frames


SMALL = Options(live_buffer_bytes=1 << 20, live_block_bytes=1 << 18)


@namespaces.needed
def test_packets_come_as_they_were_sent():
    frames = frames_of("tomcat-chat.pcap")
    with namespaces.namespace() as space:
        space.veth()
        with space.entered():
            ring = Ring(interfaces.named("in0"), "", promiscuous=True, options=SMALL)
            before = time.time_ns()
            namespaces.send("out0", frames)
            found = taken(ring, len(frames))
            counters = ring.counters()
            ring.close()
    assert [packet for _, packet in found] == frames
    assert counters == (len(frames), 0)
    assert [int(row["packet"]) for row, _ in found] == list(range(1, len(frames) + 1))
    times = [int(row["time"]) for row, _ in found]
    assert times == sorted(times)
    assert before <= times[0] <= times[-1] <= time.time_ns()
    assert any(when % 1000 for when in times)  # nanoseconds


@namespaces.needed
def test_tags_and_the_filter():
    frame = frames_of("veth-ipv6.pcap")[0]
    tagged = frame[:12] + b"\x81\x00\x00\x2a" + frame[12:]
    double = frame[:12] + b"\x88\xa8\x00\x07\x81\x00\x00\x2a" + frame[12:]
    udp = frame[:20] + b"\x11" + frame[21:]
    with namespaces.namespace() as space:
        space.veth()
        with space.entered():
            ring = Ring(interfaces.named("in0"), "tcp", promiscuous=False, options=SMALL)
            namespaces.send("out0", [udp, tagged, udp, double, frame])
            found = taken(ring, 3)
            assert ring.counters() == (3, 0)
            ring.close()
    assert [packet for _, packet in found] == [tagged, double, frame]
    assert [int(row["original"]) for row, _ in found] == [len(tagged), len(double), len(frame)]


@namespaces.needed
def test_a_full_ring_drops_counts_and_goes_on():
    frames = [MAC + b"\x08\x00" + bytes([45]) + bytes(1400)] * 4000
    with namespaces.namespace() as space:
        space.veth()
        with space.entered():
            ring = Ring(interfaces.named("in0"), "", promiscuous=False, options=SMALL)
            namespaces.send("out0", frames)
            received, dropped = ring.counters()
            found = taken(ring, received - dropped)
            namespaces.send("out0", frames[:10])
            more = taken(ring, 10)
            ring.silence()
            namespaces.send("out0", frames[:10])
            time.sleep(0.1)
            assert len(ring.read(0).rows) == 0
            ring.close()
    assert received == len(frames)
    assert 0 < dropped < len(frames)
    assert len(found) == received - dropped
    assert len(more) == 10


@namespaces.needed
def test_loopback_is_seen_once_and_any_is_cooked():
    payload = b"where are you"
    with namespaces.namespace() as space, space.entered():
        rings = [
            Ring(interfaces.named(name), "", promiscuous=False, options=SMALL)
            for name in ("lo", "any")
        ]
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.bind(("127.0.0.1", 0))
            sender.sendto(payload, sender.getsockname())
        (_, one), (row, other) = (taken(ring, 1)[0] for ring in rings)
        time.sleep(0.1)
        assert [len(ring.read(1).rows) for ring in rings] == [0, 0]
        for ring in rings:
            ring.close()
    assert one.endswith(payload)
    assert other[:2] == b"\x08\x00"
    assert other[8:10] == (772).to_bytes(2, "big")
    assert other[20:] == one[14:]
    assert int(row["link_type"]) == 276
    assert int(row["original"]) == len(other)
