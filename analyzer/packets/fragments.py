"""Fragments: IP datagrams put together again.

Knows RFC 791 3.2 and RFC 8200 4.5, and holds the only state of the packets stage
that lasts longer than a packet. Must not know what datagrams carry. Called by
decode.PacketDecoder for each fragment that the header walk hands out.
"""

from __future__ import annotations

from bisect import bisect_left

from analyzer.columns import NULL, Bytes
from analyzer.findings import (
    PACKETS_FRAGMENT_LIMIT,
    PACKETS_FRAGMENT_LOST,
    PACKETS_FRAGMENT_OVERLAP,
    Finding,
    Kind,
)
from analyzer.lazy_dataclass import dataclass, field
from analyzer.named_tuple import NamedTuple
from analyzer.options import Options

_LONGEST = 65_535
_LONGEST_ON_WIRE = 2**31 - 1  # what a row's 32-bit lengths can hold
_COPIES = 4  # of one datagram, when a capture sees packets at several interfaces
_NS = 1_000_000_000


class Fragment(NamedTuple):
    """One fragment, as `HeaderWalk.fragment` gives it."""

    version: int
    ip_at: int
    ip_bytes: int
    next_offset: int
    next_protocol: int
    identification: int
    offset: int
    more: int
    start: int
    captured: int
    length: int
    depth: int
    original: int
    packet: int
    time: int
    way: int


class Joined(NamedTuple):
    """A datagram put together.

    Attributes:
        version: 4 or 6.
        content: IP header and payload, up to the first byte not captured.
        length: bytes on the wire that the content represents.
        depth: tunnels below it.
        original: lengths of all its packets.
    """

    version: int
    content: bytes
    length: int
    depth: int
    original: int


@dataclass(slots=True)
class Tally:
    """How often something happened, and at which packet first."""

    count: int = 0
    first: int = 0

    def add(self, packet: int, count: int = 1) -> None:
        """Count `count` more."""
        if count and not self.first:
            self.first = packet
        self.count += count

    def finding(self, kind: Kind, noun: str) -> list[Finding]:
        """Return one finding for all of them, or none; noun: what was counted, in the plural."""
        if not self.count:
            return []
        detail = f"1 {noun.removesuffix('s')}" if self.count == 1 else f"{self.count} {noun}"
        return [Finding(kind, packet=self.first, detail=detail, count=self.count)]


@dataclass(slots=True, eq=False)
class _Datagram:
    """A datagram that waits for fragments."""

    key: tuple[int, ...]
    packet: int
    time: int
    header: bytes = b""
    length: int = -1  # of the payload; known from the last fragment
    covered: int = 0
    original: int = 0
    depth: int = 0
    starts: list[int] = field(default_factory=list)
    pieces: list[tuple[int, bytes]] = field(default_factory=list)  # wire length, bytes
    ranges: set[tuple[int, int]] = field(default_factory=set)
    is_settled: bool = False  # given up, and counted as such
    is_copy: bool = False  # of a datagram that was completed

    def reach(self) -> int:
        """Return where the last piece ends."""
        return self.starts[-1] + self.pieces[-1][0] if self.starts else 0

    def put(self, start: int, end: int, content: bytes) -> bool:
        """Keep the bytes of start:end that are new; return whether some were not."""
        overlaps = False
        position = start
        index = max(bisect_left(self.starts, start) - 1, 0)
        while position < end:
            while index < len(self.starts) and (
                self.starts[index] + self.pieces[index][0] <= position
            ):
                index += 1
            following = self.starts[index] if index < len(self.starts) else end
            if following <= position:
                overlaps = True
                position = following + self.pieces[index][0]
                continue
            stop = min(end, following)
            overlaps |= stop < end
            self.starts.insert(index, position)
            self.pieces.insert(index, (stop - position, content[position - start : stop - start]))
            self.covered += stop - position
            position = stop
        return overlaps

    def joined(self) -> Joined:
        content = bytearray(self.header)
        for length, piece in self.pieces:
            content += piece
            if len(piece) < length:
                break
        version = self.key[0]
        length = len(self.header) + self.length
        return Joined(version, bytes(content), length, self.depth, self.original)


class Joiner:
    """Joins fragments.

    A fragment that repeats one already there belongs to a copy of the datagram: a
    capture of several interfaces sees each packet more than once, and each copy
    becomes a packet of its own. Where fragments overlap otherwise, the first bytes
    count for IPv4; for IPv6 the datagram is given up (RFC 5722).

    Args:
        options: limits.
    """

    def __init__(self, options: Options) -> None:
        self._options = options
        self._timeout = int(options.fragment_timeout_s * _NS)
        self._waiting: dict[int, _Datagram] = {}  # by id(), the oldest first
        self._by_key: dict[tuple[int, ...], list[_Datagram]] = {}
        self.lost = Tally()
        self.overlaps = Tally()
        self.limited = Tally()
        self.malformed = Tally()

    @property
    def held_bytes(self) -> int:
        """Bytes on the wire of the fragments that wait for others."""
        return sum(datagram.original for datagram in self._waiting.values())

    def add(self, fragment: Fragment, data: Bytes) -> Joined | None:
        """Take a fragment.

        Args:
            fragment: of a packet in `data`.
            data: dtype uint8.

        Returns:
            The datagram, if this fragment completes it.
        """
        self._expire(fragment.time)
        end = fragment.offset + fragment.length
        # RFC 8200 4.5: a length that is not a multiple of 8 (but in the last), or
        # that makes the datagram longer than 65,535: the fragment "must be discarded".
        if (
            fragment.length == 0
            or (fragment.more and fragment.length % 8)
            or end + fragment.ip_bytes - (40 if fragment.version == 6 else 0) > _LONGEST
        ):
            self.malformed.add(fragment.packet)
            return None
        datagram = self._datagram(_key(fragment, data), fragment)
        if datagram is None or datagram.is_settled:
            return None
        return self._put(datagram, fragment, data, end)

    def finish(self) -> list[Finding]:
        """Give up what still waits; return findings, one of a kind."""
        for datagram in list(self._waiting.values()):
            self._give_up(datagram, self.lost)
        return [
            *self.lost.finding(PACKETS_FRAGMENT_LOST, "datagrams"),
            *self.overlaps.finding(PACKETS_FRAGMENT_OVERLAP, "fragments"),
            *self.limited.finding(PACKETS_FRAGMENT_LIMIT, "datagrams"),
        ]

    def _datagram(self, key: tuple[int, ...], fragment: Fragment) -> _Datagram | None:
        """Return the datagram that misses this fragment, made if there is none."""
        copies = self._by_key.get(key, [])
        for datagram in copies:
            if (fragment.offset, fragment.length) not in datagram.ranges:
                return datagram
        if len(copies) >= _COPIES:
            return None
        if len(self._waiting) >= self._options.max_fragmented_datagrams:
            self._give_up(next(iter(self._waiting.values())), self.limited)
        datagram = _Datagram(key, fragment.packet, fragment.time)
        self._waiting[id(datagram)] = datagram
        # Not `copies`: what was given up may have been its last element.
        self._by_key.setdefault(key, []).append(datagram)
        return datagram

    def _put(self, datagram: _Datagram, fragment: Fragment, data: Bytes, end: int) -> Joined | None:
        is_last = not fragment.more
        if (
            (
                datagram.length >= 0
                and (end > datagram.length or (is_last and end != datagram.length))
            )
            or (is_last and end < datagram.reach())
            or datagram.original + fragment.original > _LONGEST_ON_WIRE
        ):
            self.malformed.add(fragment.packet)
            return None
        if len(datagram.ranges) >= self._options.max_fragments:
            self.limited.add(datagram.packet)
            self._settle(datagram)
            return None
        content = data[fragment.start : fragment.start + fragment.captured].tobytes()
        datagram.ranges.add((fragment.offset, fragment.length))
        datagram.original += fragment.original
        datagram.depth = max(datagram.depth, fragment.depth)
        if datagram.put(fragment.offset, end, content):
            self.overlaps.add(fragment.packet)
            if fragment.version == 6:
                # RFC 5722 4: "the entire datagram (and any constituent fragments,
                # including those not yet received) MUST be silently discarded".
                self._settle(datagram)
                return None
        if is_last:
            datagram.length = end
        if fragment.offset == 0:
            datagram.header = _header(fragment, data)
        if datagram.covered != datagram.length:
            return None
        return self._complete(datagram)

    def _complete(self, datagram: _Datagram) -> Joined | None:
        header = bytearray(datagram.header)
        at, before = (2, 0) if datagram.key[0] == 4 else (4, 40)
        length = len(header) - before + datagram.length
        self._forget(datagram)
        if length > _LONGEST:  # the first fragment's header may be the longest
            self.malformed.add(datagram.packet)
            return None
        header[at : at + 2] = length.to_bytes(2, "big")
        datagram.header = bytes(header)
        # What waits under the same key repeats fragments of a datagram now whole: if
        # it stays incomplete, nothing was lost.
        for copy in self._by_key.get(datagram.key, []):
            copy.is_copy = True
        return datagram.joined()

    def _expire(self, now: int) -> None:
        if now == NULL:
            return
        while self._waiting:
            oldest = next(iter(self._waiting.values()))
            if oldest.time == NULL or now - oldest.time <= self._timeout:
                return
            self._give_up(oldest, self.lost)

    def _give_up(self, datagram: _Datagram, tally: Tally) -> None:
        if not (datagram.is_settled or datagram.is_copy):
            tally.add(datagram.packet)
        self._forget(datagram)

    def _settle(self, datagram: _Datagram) -> None:
        """Release its bytes, but keep it to swallow its further fragments."""
        datagram.is_settled = True
        datagram.starts.clear()
        datagram.pieces.clear()
        datagram.ranges.clear()

    def _forget(self, datagram: _Datagram) -> None:
        del self._waiting[id(datagram)]
        copies = self._by_key[datagram.key]
        copies.remove(datagram)
        if not copies:
            del self._by_key[datagram.key]


def _key(fragment: Fragment, data: Bytes) -> tuple[int, ...]:
    """Return what the fragments of one datagram share.

    RFC 791 3.2: identification, source, destination and protocol; RFC 8200 4.5:
    source, destination and identification. And the way: networks that share private
    addresses are kept apart by VLANs and tunnels.
    """
    at, size = (12, 8) if fragment.version == 4 else (8, 32)
    start = fragment.ip_at + at
    addresses = int.from_bytes(data[start : start + size].tobytes(), "big")
    protocol = fragment.next_protocol if fragment.version == 4 else 0
    return fragment.version, addresses, protocol, fragment.identification, fragment.way


def _header(fragment: Fragment, data: Bytes) -> bytes:
    """Return the header of the whole datagram, but for its length."""
    header = bytearray(data[fragment.ip_at : fragment.ip_at + fragment.ip_bytes].tobytes())
    if fragment.version == 4:
        header[6:8] = b"\0\0"
    else:
        header[fragment.next_offset] = fragment.next_protocol
    return bytes(header)
