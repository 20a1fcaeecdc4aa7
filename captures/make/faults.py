"""Make faulty captures out of good ones, always the same for the same seed.

    make(source, kind, seed) -> bytes

`source` is a classic pcap (bytes or path) of Ethernet, raw IP, null or Linux cooked
packets; `kind` is one of KINDS. Standard library only, but for zstd.

Kinds that leave every byte of the streams in the capture (ORDER_ONLY) must give the same
messages as the source; the others lose something.
"""

from __future__ import annotations

import gzip
import random
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from asked import asked

HEADS = {0: 4, 1: 14, 12: 0, 101: 0, 113: 16, 276: 20}
"""Bytes before the IP header, by link type."""


@dataclass(frozen=True)
class Record:
    time_ns: int
    data: bytes
    original: int


@dataclass(frozen=True)
class Capture:
    link: int
    records: tuple[Record, ...]


@dataclass(frozen=True)
class Segment:
    """Where the parts of a TCP packet lie in its record."""

    ip: int
    tcp: int
    payload: int
    end: int

    def flags(self, data: bytes) -> int:
        return data[self.tcp + 13]

    def seq(self, data: bytes) -> int:
        return int.from_bytes(data[self.tcp + 4 : self.tcp + 8], "big")

    def flow(self, data: bytes) -> bytes:
        """Source and target address and ports."""
        start, size = (8, 32) if data[self.ip] >> 4 == 6 else (12, 8)
        addresses = data[self.ip + start : self.ip + start + size]
        return addresses + data[self.tcp : self.tcp + 4]


def read(source: bytes | Path) -> Capture:
    data = source if isinstance(source, bytes) else source.read_bytes()
    order = "<" if data[0] in (0xD4, 0x4D) else ">"
    magic, *_, link = struct.unpack(order + "IHHiIII", data[:24])
    unit = {0xA1B2C3D4: 1000, 0xA1B23C4D: 1}[magic]
    records, at = [], 24
    while at + 16 <= len(data):
        seconds, fraction, kept, original = struct.unpack_from(order + "IIII", data, at)
        time_ns = seconds * 1_000_000_000 + fraction * unit
        records.append(Record(time_ns, data[at + 16 : at + 16 + kept], original))
        at += 16 + kept
    return Capture(link, tuple(records))


def write(capture: Capture, *, order: str = "<", unit: int = 1000, magic: int = 0) -> bytes:
    magic = magic or (0xA1B2C3D4 if unit == 1000 else 0xA1B23C4D)
    out = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 262_144, capture.link)]
    for record in capture.records:
        seconds, fraction = divmod(record.time_ns, 1_000_000_000)
        head = (seconds, fraction // unit, len(record.data), record.original)
        out += [struct.pack(order + "IIII", *head), record.data]
    return b"".join(out)


def segment(capture: Capture, record: Record) -> Segment | None:
    """The parts of a TCP packet without IPv6 extension headers; None for others."""
    data, ip = record.data, HEADS[capture.link]
    if len(data) < ip + 40:
        return None
    if data[ip] >> 4 == 4 and data[ip + 9] == 6:
        tcp = ip + (data[ip] & 15) * 4
        end = ip + int.from_bytes(data[ip + 2 : ip + 4], "big")
    elif data[ip] >> 4 == 6 and data[ip + 6] == 6:
        tcp = ip + 40
        end = tcp + int.from_bytes(data[ip + 4 : ip + 6], "big")
    else:
        return None
    if len(data) < tcp + 20:
        return None
    return Segment(ip, tcp, tcp + (data[tcp + 12] >> 4) * 4, min(end, len(data)))


def _data_packets(capture: Capture) -> list[int]:
    """Packets with payload that are not the first with payload of their flow (the headers)."""
    found, seen = [], set()
    for index, record in enumerate(capture.records):
        parts = segment(capture, record)
        if parts and parts.end > parts.payload:
            flow = parts.flow(record.data)
            if flow in seen:
                found.append(index)
            seen.add(flow)
    return found


def lost_packets(source: bytes | Path, seed: int = 1) -> list[int]:
    """Numbers (from 1) of the packets that `loss` leaves out."""
    candidates = _data_packets(read(source))
    count = max(1, len(candidates) // 12)
    chosen = random.Random(seed).sample(candidates, min(count, len(candidates)))
    return sorted(index + 1 for index in chosen)


def _loss(capture: Capture, randomness: random.Random, seed: int) -> Capture:
    lost = set(lost_packets(write(capture), seed))
    kept = [r for number, r in enumerate(capture.records, 1) if number not in lost]
    return replace(capture, records=tuple(kept))


def _reorder(capture: Capture, randomness: random.Random, seed: int) -> Capture:
    """Data packets come up to three places late; time stamps stay in order."""
    late = {index: index + randomness.randint(0, 3) + 0.5 for index in _data_packets(capture)}
    order = sorted(range(len(capture.records)), key=lambda index: late.get(index, index))
    times = [record.time_ns for record in capture.records]
    moved = [
        replace(capture.records[index], time_ns=time)
        for index, time in zip(order, times, strict=True)
    ]
    return replace(capture, records=tuple(moved))


def _duplicate(share: float) -> Callable[[Capture, random.Random, int], Capture]:
    def duplicate(capture: Capture, randomness: random.Random, seed: int) -> Capture:
        records = []
        for record in capture.records:
            records.append(record)
            if randomness.random() < share:
                records.append(replace(record, time_ns=record.time_ns + 1000))
        return replace(capture, records=tuple(records))

    return duplicate


def _snaplen(capture: Capture, randomness: random.Random, seed: int) -> Capture:
    return replace(
        capture, records=tuple(replace(record, data=record.data[:96]) for record in capture.records)
    )


def _mid_stream(capture: Capture, randomness: random.Random, seed: int) -> Capture:
    """Without SYNs and without the packets that carry an HTTP head."""
    kept = []
    for record in capture.records:
        parts = segment(capture, record)
        if parts:
            payload = record.data[parts.payload : parts.end]
            if parts.flags(record.data) & 2 or payload.startswith((b"GET ", b"HTTP/1.1 ")):
                continue
        kept.append(record)
    return replace(capture, records=tuple(kept))


def _retransmit(capture: Capture, randomness: random.Random, seed: int) -> Capture:
    """Every fourth data packet again, as two pieces cut elsewhere, the later one first."""
    records: list[Record] = []
    chosen = set(_data_packets(capture)[::4])
    for index, record in enumerate(capture.records):
        records.append(record)
        parts = segment(capture, record)
        if index not in chosen or parts is None or parts.end - parts.payload < 2:
            continue
        cut = randomness.randint(1, parts.end - parts.payload - 1)
        for start, end in ((parts.payload + cut, parts.end), (parts.payload, parts.payload + cut)):
            records.append(
                replace(_piece(record, parts, start, end), time_ns=record.time_ns + 1000)
            )
    return replace(capture, records=tuple(records))


def _piece(record: Record, parts: Segment, start: int, end: int) -> Record:
    """Of a packet's payload, the bytes from start to end, with headers of their own."""
    data = bytearray(record.data[: parts.payload] + record.data[start:end])
    seq = (parts.seq(record.data) + start - parts.payload) & 0xFFFFFFFF
    data[parts.tcp + 4 : parts.tcp + 8] = seq.to_bytes(4, "big")
    if data[parts.ip] >> 4 == 4:
        data[parts.ip + 2 : parts.ip + 4] = (len(data) - parts.ip).to_bytes(2, "big")
        # Another packet has another identification; without it this were a duplicate.
        number = int.from_bytes(data[parts.ip + 4 : parts.ip + 6], "big") ^ 0x8000
        data[parts.ip + 4 : parts.ip + 6] = number.to_bytes(2, "big")
    else:
        data[parts.ip + 4 : parts.ip + 6] = (len(data) - parts.tcp).to_bytes(2, "big")
    _checksums(data, parts)
    return Record(record.time_ns, bytes(data), len(data))


def _checksums(data: bytearray, parts: Segment) -> None:
    """Write the IPv4 and TCP checksums (RFC 1071)."""
    if data[parts.ip] >> 4 == 4:
        data[parts.ip + 10 : parts.ip + 12] = b"\x00\x00"
        total = _sum(bytes(data[parts.ip : parts.tcp]))
        data[parts.ip + 10 : parts.ip + 12] = total.to_bytes(2, "big")
        addresses = bytes(data[parts.ip + 12 : parts.ip + 20])
        end = parts.ip + int.from_bytes(data[parts.ip + 2 : parts.ip + 4], "big")
    else:
        addresses = bytes(data[parts.ip + 8 : parts.ip + 40])
        end = parts.tcp + int.from_bytes(data[parts.ip + 4 : parts.ip + 6], "big")
    data[parts.tcp + 16 : parts.tcp + 18] = b"\x00\x00"
    body = bytes(data[parts.tcp : end])
    total = _sum(addresses + struct.pack(">II", len(body), 6) + body)
    data[parts.tcp + 16 : parts.tcp + 18] = total.to_bytes(2, "big")


def _sum(data: bytes) -> int:
    data += b"\x00" * (len(data) % 2)
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def _wrap(capture: Capture, randomness: random.Random, seed: int) -> Capture:
    """Shift sequence numbers so that each flow's wrap soon after its first data."""
    first: dict[bytes, int] = {}
    records = []
    for record in capture.records:
        parts = segment(capture, record)
        if parts is None:
            records.append(record)
            continue
        data = bytearray(record.data)
        flow = parts.flow(record.data)
        half = (len(flow) - 4) // 2
        back = flow[half : 2 * half] + flow[:half] + flow[-2:] + flow[-4:-2]
        if data[parts.tcp + 13] & 2 and not data[parts.tcp + 13] & 16:
            first.pop(flow, None)  # A port pair used again starts from its own number.
            first.pop(back, None)
        ack = int.from_bytes(data[parts.tcp + 8 : parts.tcp + 12], "big")
        start = first.setdefault(flow, parts.seq(record.data))
        seq = (parts.seq(record.data) - start - 40) & 0xFFFFFFFF
        data[parts.tcp + 4 : parts.tcp + 8] = seq.to_bytes(4, "big")
        if data[parts.tcp + 13] & 16:
            ack = (ack - first.setdefault(back, ack) - 40) & 0xFFFFFFFF
            data[parts.tcp + 8 : parts.tcp + 12] = ack.to_bytes(4, "big")
        if len(data) == record.original:
            _checksums(data, parts)
        records.append(replace(record, data=bytes(data)))
    return replace(capture, records=tuple(records))


def _cut(data: bytes, seed: int) -> bytes:
    """The file ends within its last record but two."""
    capture = read(data)
    tail = sum(16 + len(record.data) for record in capture.records[-3:])
    return data[: len(data) - tail + 20]


def _damaged(data: bytes, seed: int) -> bytes:
    """Bytes changed at random after the file header, in record headers too."""
    randomness = random.Random(seed)
    out = bytearray(data)
    for _ in range(max(1, len(data) // 2000)):
        out[randomness.randrange(24, len(out))] = randomness.randrange(256)
    return bytes(out)


def _pcapng(data: bytes, order: str = "<", sections: int = 1) -> bytes:
    """pcapng with nanoseconds; each section has an interface and a share of the packets."""
    capture = read(data)

    def block(kind: int, body: bytes) -> bytes:
        body += b"\x00" * (-len(body) % 4)
        size = len(body) + 12
        return struct.pack(order + "II", kind, size) + body + struct.pack(order + "I", size)

    share = -(-len(capture.records) // sections)
    out = []
    for start in range(0, len(capture.records), share):
        out.append(block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1)))
        resolution = struct.pack(order + "HHB3xHH", 9, 1, 9, 0, 0)
        out.append(block(1, struct.pack(order + "HHI", capture.link, 0, 262_144) + resolution))
        out.append(block(0x80000001, b"a block that nobody knows"))
        for record in capture.records[start : start + share]:
            high, low = divmod(record.time_ns, 1 << 32)
            head = struct.pack(order + "IIIII", 0, high, low, len(record.data), record.original)
            out.append(block(6, head + record.data))
    return b"".join(out)


def _zstd(data: bytes, seed: int) -> bytes:
    import zstandard

    return zstandard.ZstdCompressor().compress(data)


_CAPTURES: dict[str, Callable[[Capture, random.Random, int], Capture]] = {
    "loss": _loss,
    "reorder": _reorder,
    "duplicate-all": _duplicate(1.0),
    "duplicate-some": _duplicate(0.3),
    "snaplen-96": _snaplen,
    "mid-stream": _mid_stream,
    "retransmit": _retransmit,
    "wrap": _wrap,
}
_FILES: dict[str, Callable[[bytes, int], bytes]] = {
    "cut": _cut,
    "damaged": _damaged,
    "big-endian": lambda data, seed: write(read(data), order=">"),
    "nanoseconds": lambda data, seed: write(read(data), unit=1),
    "modified": lambda data, seed: write(read(data), magic=0xA1B2CD34),
    "gzip": lambda data, seed: gzip.compress(data, mtime=0),
    "zstd": _zstd,
    "pcapng": lambda data, seed: _pcapng(data),
    "pcapng-big-endian": lambda data, seed: _pcapng(data, ">"),
    "pcapng-sections": lambda data, seed: _pcapng(data, sections=3),
}
KINDS = (*_CAPTURES, *_FILES)
ORDER_ONLY = (
    "reorder",
    "duplicate-all",
    "duplicate-some",
    "retransmit",
    "wrap",
    "big-endian",
    "nanoseconds",
    "gzip",
    "zstd",
    "pcapng",
    "pcapng-big-endian",
    "pcapng-sections",
)


def make(source: bytes | Path, kind: str, seed: int = 1) -> bytes:
    """A faulty copy of a capture.

    Args:
        source: a classic pcap.
        kind: one of KINDS.
        seed: of the choices that are made by chance.

    Returns:
        The file. The kind "modified" has the magic number of the format with longer
        record headers, which a reader must refuse.
    """
    data = source if isinstance(source, bytes) else source.read_bytes()
    if kind in _FILES:
        return _FILES[kind](data, seed)
    changed = _CAPTURES[kind](read(data), random.Random(seed), seed)
    return write(changed)


COMMITTED = {
    "npm-ws-fragments.pcap": ("reorder", "duplicate-all", "cut", "retransmit", "wrap"),
    "npm-ws-deflate-takeover.pcap": ("loss", "mid-stream", "snaplen-96", "gzip", "zstd"),
    "npm-ws-many.pcap": ("loss", "damaged"),
    "npm-ws-pings.pcap": ("mid-stream", "pcapng-sections", "pcapng-big-endian", "big-endian"),
}
SUFFIXES = {"gzip": ".pcap.gz", "zstd": ".pcap.zst"}


def main() -> None:
    """Write the few that a reader may want to open into captures/faults/."""
    asked(__doc__)
    captures = Path(__file__).resolve().parent.parent
    (captures / "faults").mkdir(exist_ok=True)
    for name, kinds in COMMITTED.items():
        for kind in kinds:
            suffix = ".pcapng" if kind.startswith("pcapng") else SUFFIXES.get(kind, ".pcap")
            target = captures / "faults" / f"{Path(name).stem}-{kind}{suffix}"
            target.write_bytes(make(captures / name, kind))
            sys.stdout.write(f"{target.name}: {target.stat().st_size} bytes\n")


if __name__ == "__main__":
    main()
