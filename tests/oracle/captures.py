"""Plain twins of the capture readers, and builders of capture files.

Written from the format drafts, one record or block at a time, with unlimited integers.
"""

import struct
from typing import NamedTuple


class Packet(NamedTuple):
    time: int | None
    payload: bytes
    original: int
    link_type: int


# --- builders --------------------------------------------------------------------
def pcap(packets, *, big=False, nanoseconds=False, link_type=1, snaplen=262144, version=(2, 4)):
    """Return a pcap file of (time in ns, payload, original length)."""
    order = ">" if big else "<"
    magic = 0xA1B23C4D if nanoseconds else 0xA1B2C3D4
    file = struct.pack(order + "IHHiIII", magic, *version, 0, 0, snaplen, link_type)
    unit = 1 if nanoseconds else 1000
    for time, payload, original in packets:
        seconds, rest = divmod(time, 10**9)
        head = struct.pack(order + "IIII", seconds, rest // unit, len(payload), original)
        file += head + payload
    return file


def block(kind, body, *, big=False):
    """Return a pcapng block around `body`, padded."""
    body += b"\0" * (-len(body) % 4)
    order = ">" if big else "<"
    length = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + length + body + length


def option(code, value, *, big=False):
    head = struct.pack(">HH" if big else "<HH", code, len(value))
    return head + value + b"\0" * (-len(value) % 4)


def section(*, big=False, major=1):
    body = struct.pack(">IHHq" if big else "<IHHq", 0x1A2B3C4D, major, 0, -1)
    return block(0x0A0D0D0A, body, big=big)


def interface(link_type=1, snaplen=0, resolution=None, offset=None, *, big=False):
    body = struct.pack(">HHI" if big else "<HHI", link_type, 0, snaplen)
    if resolution is not None:
        body += option(9, bytes([resolution]), big=big)
    if offset is not None:
        body += option(14, struct.pack(">q" if big else "<q", offset), big=big)
    if resolution is not None or offset is not None:
        body += option(0, b"", big=big)
    return block(1, body, big=big)


def enhanced(ticks, payload, original=None, number=0, *, big=False, captured=None):
    original = len(payload) if original is None else original
    captured = len(payload) if captured is None else captured
    words = (number, ticks >> 32, ticks & 0xFFFFFFFF, captured, original)
    return block(6, struct.pack((">" if big else "<") + "5I", *words) + payload, big=big)


def simple(payload, original=None, *, big=False):
    original = len(payload) if original is None else original
    return block(3, struct.pack(">I" if big else "<I", original) + payload, big=big)


def old_packet(ticks, payload, number=0, *, big=False):
    words = (number, 0, ticks >> 32, ticks & 0xFFFFFFFF, len(payload), len(payload))
    return block(2, struct.pack((">" if big else "<") + "HHIIII", *words) + payload, big=big)


# --- twins -----------------------------------------------------------------------
def read_pcap(file, longest=64 * 2**20):
    """Return the packets before the first record that is cut or too long."""
    order = ">" if file[:2] == b"\xa1\xb2" else "<"
    unit = 1 if struct.unpack_from(order + "I", file)[0] == 0xA1B23C4D else 1000
    (link_type,) = struct.unpack_from(order + "I", file, 20)
    packets, at = [], 24
    while at + 16 <= len(file):
        seconds, fraction, captured, original = struct.unpack_from(order + "IIII", file, at)
        if captured > longest or at + 16 + captured > len(file):
            break
        payload = file[at + 16 : at + 16 + captured]
        time = seconds * 10**9 + fraction * unit
        original = min(original or captured, 2**31 - 1)
        packets.append(Packet(time, payload[:original], original, link_type & 0xFFFF))
        at += 16 + captured
    return packets


def _options(body, order):
    found, at = {}, 0
    while at + 4 <= len(body):
        code, length = struct.unpack_from(order + "HH", body, at)
        if code == 0 or at + 4 + length > len(body):
            break
        found[code] = body[at + 4 : at + 4 + length]
        at += 4 + (length + 3) // 4 * 4
    return found


def _time(ticks, options, order):
    resolution = options.get(9, b"\6")
    resolution = resolution[0] if len(resolution) == 1 else 6
    offset = options.get(14, b"")
    offset = struct.unpack(order + "q", offset)[0] if len(offset) == 8 else 0
    per_second = 2 ** (resolution - 128) if resolution >= 128 else 10**resolution
    time = ticks * 10**9 // per_second + offset * 10**9
    return time if abs(time) < 2**62 else None


def read_pcapng(file, longest=64 * 2**20):
    """Return the packets before the first block that is cut or damaged."""
    packets, interfaces, order, at = [], [], "<", 0
    while at + 12 <= len(file):
        if file[at : at + 4] == b"\x0a\x0d\x0d\x0a":
            magic = file[at + 8 : at + 12]
            if magic not in (b"\x1a\x2b\x3c\x4d", b"\x4d\x3c\x2b\x1a"):
                break
            order = ">" if magic[0] == 0x1A else "<"
        kind, length = struct.unpack_from(order + "II", file, at)
        if length % 4 or not 12 <= length <= longest or at + length > len(file):
            break
        if file[at + 4 : at + 8] != file[at + length - 4 : at + length]:
            break
        body = file[at + 8 : at + length - 4]
        if kind == 0x0A0D0D0A:
            if len(body) < 16 or struct.unpack_from(order + "H", body, 4)[0] != 1:
                break
            interfaces = []
        elif kind == 1:
            link_type, _, snaplen = struct.unpack_from(order + "HHI", body.ljust(8, b"\0"))
            interfaces.append((link_type, snaplen, _options(body[8:], order)))
        elif kind in (3, 6) and len(body) < 4:
            break
        elif kind in (2, 3, 6):
            packet = _packet(kind, body, interfaces, order)
            if packet is not None:
                packets.append(packet)
        at += length
    return packets


def _packet(kind, body, interfaces, order):
    if kind == 3:
        (original,) = struct.unpack_from(order + "I", body)
        if not interfaces:
            return None
        captured = min(original, interfaces[0][1] or original)
        number, ticks, payload = 0, None, body[4:]
    else:
        if len(body) < 20:
            return None
        code = "IIIII" if kind == 6 else "HxxIIII"
        number, high, low, captured, original = struct.unpack_from(order + code, body)
        ticks, payload = high << 32 | low, body[20:]
    if number >= len(interfaces) or captured > len(payload):
        return None
    link_type, _, options = interfaces[number]
    time = None if ticks is None else _time(ticks, options, order)
    original = min(original or captured, 2**31 - 1)
    return Packet(time, payload[: min(captured, original)], original, link_type)


# --- what our readers say --------------------------------------------------------
def packets_of(batches):
    """Return the packets of our batches, checking that their numbers rise."""
    found, number = [], 0
    for batch in batches:
        for row in batch.rows:
            start, captured = int(row["start"]), int(row["captured"])
            assert start + captured <= batch.used <= len(batch.data)
            time = int(row["time"])
            payload = batch.data[start : start + captured].tobytes()
            # As the frame stage will: what is not ours must not change.
            batch.data[start : start + captured] ^= 0xFF
            found.append(
                Packet(
                    None if time == -(2**63) else time,
                    payload,
                    int(row["original"]),
                    int(row["link_type"]),
                )
            )
            assert int(row["packet"]) > number
            number = int(row["packet"])
        batch.append(b"\xee" * 40)
    return found


def findings_of(batches):
    return [
        (finding.kind.id, str(finding.detail)) for batch in batches for finding in batch.findings
    ]
