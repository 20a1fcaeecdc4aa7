"""Which packets belong to which TCP connection: a first reading of the input.

Knows segments and TCP connections. Must not know what they carry. Used by share.pcapng, which
reads the input again and asks for each packet.
"""

from __future__ import annotations

import secrets
from array import array
from collections.abc import Collection, Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from analyzer.capture.records import RecordBatch
from analyzer.columns import Rows
from analyzer.named_tuple import NamedTuple
from analyzer.packets.decode import PacketDecoder
from analyzer.packets.fragments import Fragment
from analyzer.packets.segments import SegmentBatch
from analyzer.tcp.bytestream import Connection, StreamBatch

Numbers = npt.NDArray[np.int64]

MAX_FRAGMENTS: Final = 1_000_000
"""IP fragments remembered with their datagrams; further ones are left out. 24 bytes each;
TCP avoids fragments, so that captures have few."""
_MAX_OPEN_DATAGRAMS: Final = 4096
"""Datagrams whose fragments come at the moment, as the packets stage bounds them too."""

_PACKET_BITS: Final = 40
"""A capture of so many packets would have 60 TB; 23 bits stay for flows of one input."""

_FIELDS: Final = (
    *("source_high", "source_low", "destination_high", "destination_low"),
    *("source_port", "destination_port", "version"),
)
_ODD: Final = tuple(secrets.randbits(64) | 1 for _ in _FIELDS)
"""Factors that no traffic can know, so that no two flows are made to meet."""


def flow_keys(rows: Rows) -> npt.NDArray[np.uint64]:
    """Return a number for each segment that all segments of its flow and direction share.

    Args:
        rows: dtype SEGMENT.
    """
    keys = np.zeros(len(rows), np.uint64)
    for name, odd in zip(_FIELDS, _ODD, strict=True):
        keys = (keys ^ rows[name].astype(np.uint64)) * np.uint64(odd)
        keys ^= keys >> np.uint64(29)
    return keys


def _connection_keys(each: Connection) -> tuple[int, int]:
    ends = (each.high0, each.low0, each.high1, each.low1)
    back = (each.high1, each.low1, each.high0, each.low0)
    forth = np.zeros(2, [(name, "<u8") for name in _FIELDS])
    forth[0] = (*ends, each.port0, each.port1, each.version)
    forth[1] = (*back, each.port1, each.port0, each.version)
    one, other = flow_keys(forth).tolist()
    return one, other


class Flow(NamedTuple):
    """One direction of a TCP connection."""

    key: int
    first: int
    """First packet of the connection."""
    last: int
    side: int
    """0: sent by the connection's side 0."""

    @property
    def direction(self) -> int:
        """2 * first packet of the connection + side.

        Not by tcp_stream: connections on the same ports share one where the later one's SYN was
        not captured.
        """
        return 2 * self.first + self.side


class Flows:
    """The chosen connections: tells of segments to which they belong."""

    def __init__(self, flows: Collection[Flow]) -> None:
        """Take the directions of the chosen connections."""
        self._keys = np.unique(np.array([each.key for each in flows], np.uint64))
        # A port pair is used again: of the flows of a key the last counts that has begun.
        chosen = sorted(flows, key=lambda each: (each.key, each.first))
        keys = np.array([each.key for each in chosen], np.uint64)
        firsts = np.array([each.first for each in chosen], np.int64)
        self._begins = np.searchsorted(self._keys, keys).astype(np.int64) << _PACKET_BITS | firsts
        self._chosen = frozenset(each.direction for each in chosen)
        self._lasts = np.array([each.last for each in chosen], np.int64)
        self._directions = np.array([each.direction for each in chosen], np.int64)

    def has(self, direction: int) -> bool:
        """Say whether a direction was chosen (Flow.direction)."""
        return direction in self._chosen

    def of(self, keys: npt.NDArray[np.uint64], packets: Numbers) -> Numbers:
        """Return the direction of segments (Flow.direction); -1 of those that were not chosen.

        Args:
            keys: of the segments (flow_keys).
            packets: their numbers.
        """
        found = np.full(len(keys), -1, np.int64)
        if not len(self._keys) or not len(keys):
            return found
        ranks = np.searchsorted(self._keys, keys).clip(max=len(self._keys) - 1)
        known = self._keys[ranks] == keys
        places = (
            np.searchsorted(self._begins, ranks.astype(np.int64) << _PACKET_BITS | packets, "right")
            - 1
        )
        known &= places >= 0
        places = places.clip(min=0)
        known &= (self._begins[places] >> _PACKET_BITS == ranks) & (packets <= self._lasts[places])
        found[known] = self._directions[places[known]]
        return found


class FragmentLog:
    """Remembers which fragments made up which segment: a segment stands at the last of them."""

    def __init__(self, decoder: PacketDecoder) -> None:
        """Listen to a packets stage."""
        decoder.on_fragment = self._take
        self._open: dict[tuple[bytes, int, int], list[int]] = {}
        self._whole: dict[int, list[int]] = {}
        self._parts = array("q")  # packet, the one that completed it
        self._keys = array("Q")  # of its segment

    def _take(self, fragment: Fragment, records: RecordBatch, is_whole: bool) -> None:
        at, length = (12, 8) if fragment.version == 4 else (8, 32)
        begin = fragment.ip_at + at
        addresses = records.data[begin : begin + length].tobytes()
        key = (addresses, fragment.identification, fragment.next_protocol * (fragment.version == 4))
        known = self._open.pop(key, [])
        known.append(fragment.packet)
        if is_whole:
            self._whole[fragment.packet] = known
            return
        self._open[key] = known
        if len(self._open) > _MAX_OPEN_DATAGRAMS:
            del self._open[next(iter(self._open))]

    def settle(self, rows: Rows) -> None:
        """Take the segments that came of the batch.

        Args:
            rows: dtype SEGMENT.
        """
        if not self._whole:
            return
        places = np.flatnonzero(np.isin(rows["packet"], list(self._whole)))
        made = rows.take(places)
        for packet, key in zip(made["packet"].tolist(), flow_keys(made).tolist(), strict=True):
            for part in self._whole[packet]:
                if len(self._keys) < MAX_FRAGMENTS:
                    self._parts.extend((part, packet))
                    self._keys.append(key)
        self._whole.clear()

    def of(self, flows: Flows) -> Numbers:
        """Return the packets that are fragments of chosen connections' segments."""
        parts = np.frombuffer(self._parts, np.int64).reshape(-1, 2)
        keys = np.frombuffer(self._keys, np.uint64)
        return np.unique(parts[flows.of(keys, parts[:, 1]) >= 0, 0])


def ended_flows(stream: StreamBatch) -> Iterator[tuple[Connection, int, Flow, Flow]]:
    """Yield each connection that ended: its row, its payload, and its two directions."""
    for slot in stream.ended:
        row = stream.connection(slot)
        one, other = _connection_keys(row)
        payload = int(stream.directions["stream_bytes"][2 * slot : 2 * slot + 2].sum())
        first, last = row.first_packet, row.last_packet
        yield row, payload, Flow(one, first, last, 0), Flow(other, first, last, 1)


def directions_of(batch: SegmentBatch, flows: Flows) -> Numbers:
    """Return the direction of each segment of a batch; -1 where it was not chosen."""
    return flows.of(flow_keys(batch.rows), batch.rows["packet"])
